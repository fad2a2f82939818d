//! The API beside other gateways: the same questions, the same provider, by turns, in one run.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::api::{Api, CONNECTIONS, memory};
use crate::load::{Door, Figures, is_open, run};
use crate::upstream;

/// Turns of each.
const ROUNDS: usize = 4;
/// Longest start of a peer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A gateway of somebody else's.
struct Peer {
    name: &'static str,
    /// The variable that tells its script where it is installed.
    variable: &'static str,
    /// Starts it in the foreground on the port `BENCH_PORT`, in front of `BENCH_UPSTREAM`.
    script: &'static str,
    /// What it wants in the head of a question; `UPSTREAM` is the provider's base URL.
    headers: &'static str,
}

const PEERS: [Peer; 2] = [
    Peer {
        name: "Portkey",
        variable: "BENCH_PORTKEY",
        script: "bench/peers/portkey.sh",
        headers: "authorization: Bearer none\r\nx-portkey-provider: openai\r\nx-portkey-custom-host: UPSTREAM\r\n",
    },
    Peer {
        name: "LiteLLM",
        variable: "BENCH_LITELLM",
        script: "bench/peers/litellm.sh",
        headers: "authorization: Bearer sk-bench\r\n",
    },
];

/// Who is measured, and what came of it.
struct Column {
    name: &'static str,
    process: u32,
    door: Door,
    /// Questions one after the other.
    alone: Figures,
    /// From all connections.
    busy: Figures,
    /// After the first answer, MB.
    idle: f64,
    /// After the load, MB.
    after: f64,
}

/// Ends it when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Markdown table, and below it who could not be measured, and why.
pub(crate) fn measure(time: Duration) -> String {
    let named: Vec<_> = PEERS.iter().filter(|peer| std::env::var_os(peer.variable).is_some()).collect();
    if named.is_empty() {
        let variables = PEERS.map(|peer| peer.variable).join(" and ");
        return format!("no other gateways were measured: {variables} are not set (see bench/README.md)");
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let upstream = runtime.block_on(upstream::start());
    let api = Api::start(upstream);
    let mut columns = vec![Column::new("Sidetone", api.id(), api.door.clone())];
    let (mut running, mut missing) = (Vec::new(), Vec::new());
    for peer in named {
        match runtime.block_on(start(peer, upstream)) {
            Ok((child, door)) => {
                columns.push(Column::new(peer.name, child.0.id(), door));
                running.push(child);
            }
            Err(why) => missing.push(format!("\n\n{} was not measured: {why}", peer.name)),
        }
    }
    runtime.block_on(by_turns(&mut columns, time));
    draw(&columns) + &missing.concat()
}

async fn start(peer: &Peer, upstream: u16) -> Result<(Running, Door), String> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let url = format!("http://127.0.0.1:{upstream}/v1");
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let words = File::create(&said).expect("a file");
    let child = Command::new("sh")
        .arg(peer.script)
        .env("BENCH_PORT", port.to_string())
        .env("BENCH_UPSTREAM", &url)
        .stdin(Stdio::null())
        .stdout(words.try_clone().expect("a file"))
        .stderr(words)
        .spawn()
        .expect("a shell");
    let mut child = Running(child);
    let door = Door { port, headers: peer.headers.replace("UPSTREAM", &url) };
    let started = Instant::now();
    while !is_open(&door).await {
        if let Ok(Some(_)) = child.0.try_wait() {
            return Err(format!("it ended: {}", last_words(&said)));
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("it does not answer: {}", last_words(&said)));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok((child, door))
}

fn last_words(file: &Path) -> String {
    let said = std::fs::read_to_string(file).unwrap_or_default();
    said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a word").to_owned()
}

/// Everybody is up all the time, and each round begins with another one.
async fn by_turns(columns: &mut [Column], time: Duration) {
    let turn = time / u32::try_from(ROUNDS).expect("a few");
    for column in &mut *columns {
        // What compiles itself while it runs has done so.
        run(&column.door, CONNECTIONS, false, Duration::from_secs(2)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for column in &mut *columns {
        column.idle = memory(column.process);
    }
    let count = columns.len();
    for round in 0..ROUNDS {
        for place in 0..count {
            let column = &mut columns[(round + place) % count];
            column.alone.follow(&run(&column.door, 1, false, turn / 4).await);
            column.busy.follow(&run(&column.door, CONNECTIONS, false, turn).await);
        }
    }
    for column in columns {
        column.after = memory(column.process);
    }
}

impl Column {
    fn new(name: &'static str, process: u32, door: Door) -> Self {
        Self { name, process, door, alone: Figures::new(), busy: Figures::new(), idle: 0.0, after: 0.0 }
    }
}

/// What is shown, with how many digits behind the point.
type Row = (&'static str, usize, fn(&Column) -> f64);

const ROWS: [Row; 8] = [
    ("requests/s, 16 connections", 0, |column| column.busy.rate()),
    ("p50 of them, ms", 1, |column| at(&column.busy.whole, 0.5)),
    ("p99 of them, ms", 1, |column| at(&column.busy.whole, 0.99)),
    ("p50 of one question at a time, ms", 2, |column| at(&column.alone.whole, 0.5)),
    ("p99 of one question at a time, ms", 2, |column| at(&column.alone.whole, 0.99)),
    ("failed", 0, |column| (column.alone.failures + column.busy.failures) as f64),
    ("memory, MB", 0, |column| column.idle),
    ("memory after the load, MB", 0, |column| column.after),
];

/// Milliseconds.
fn at(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e6
}

fn draw(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    let mut lines = vec![format!("| | {} |", names.join(" | ")), format!("|---|{}", "--:|".repeat(columns.len()))];
    for (what, digits, figure) in ROWS {
        let base = columns.first().map_or(0.0, figure);
        let cell = |(place, column): (usize, &Column)| {
            let value = figure(column);
            let share = if place > 0 && base > 0.0 { format!(" (×{:.2})", value / base) } else { String::new() };
            format!("{value:.digits$}{share}")
        };
        let cells: Vec<_> = columns.iter().enumerate().map(cell).collect();
        lines.push(format!("| {what} | {} |", cells.join(" | ")));
    }
    lines.join("\n")
}
