//! The API for other programs, in a process of its own, under load.

use std::io::{BufRead as _, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::{Engine, Options, Paths};
use serde_json::json;
use tokio::sync::watch;

use crate::load::{Door, Figures, run};
use crate::{Line, spread, upstream};

/// Clients at work all the time.
pub(crate) const CONNECTIONS: usize = 16;
/// Streams at the same time.
const STREAMS: usize = 1000;

/// The process that is measured: an engine with its API; says where, and ends with its standard input.
pub(crate) fn serve(upstream: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let paths = Paths { config: at("config"), data: at("data"), cache: at("cache"), log: at("log") };
    let overrides = json!({
        "custom": { "base_url": upstream },
        "chat": { "provider": "custom", "model": "m" },
        "limits": { "requests_per_hour": 0 },
        "local_api": { "enabled": true, "port": 0 },
    });
    let (_url, practice) = watch::channel(String::new());
    let handle = runtime.block_on(async {
        let options = Options { practice, card: None, overrides: Some(overrides) };
        Engine::start(paths, options).expect("an engine")
    });
    let (url, token_file) = runtime.block_on(async {
        loop {
            let api = handle.snapshot().await.expect("an engine").local_api;
            match api.url {
                Some(url) => return (url, api.token_file),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    println!("{url} {}", std::fs::read_to_string(token_file).expect("a token").trim());
    std::io::stdout().flush().expect("somebody listens");
    let _ = std::io::stdin().read(&mut [0]);
}

/// That process, seen from here.
pub(crate) struct Api {
    child: Child,
    pub(crate) door: Door,
}

impl Api {
    /// With a provider at this port of the computer.
    pub(crate) fn start(upstream: u16) -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .args(["serve", &format!("http://127.0.0.1:{upstream}/v1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut said = String::new();
        std::io::BufReader::new(child.stdout.take().expect("its words")).read_line(&mut said).expect("its address");
        let (url, token) = said.trim().split_once(' ').expect("an address and a token");
        let port = url.trim_end_matches("/v1").rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, door: Door { port, headers: format!("authorization: Bearer {token}\r\n") } }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub(crate) fn measure(time: Duration) -> Vec<Line> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let port = runtime.block_on(upstream::start());
    let api = Api::start(port);
    let (own, door) = (api.id(), &api.door);
    let bare = Door { port, headers: String::new() };

    let mut lines = Vec::new();
    runtime.block_on(async {
        let direct = run(&bare, CONNECTIONS, false, time / 4).await;
        lines.push(line("no API, straight to the upstream", rate(&direct), ""));
        run(door, 1, false, Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let idle = memory(own);
        let busy = run(door, CONNECTIONS, false, time).await;
        let what = format!("the API, {CONNECTIONS} connections");
        lines.push(line(&what, rate(&busy), "goal: 10000/s, p99 5000 µs"));
        let after = memory(own);
        let figure = format!("{:.1} MB, {:+.1} MB after the load", idle, after - idle);
        lines.push(line("memory of its process, idle", figure, "goal: 10 MB above idle"));
        let streams = tokio::spawn({
            let door = door.clone();
            async move { run(&door, STREAMS, true, Duration::ZERO).await }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        let most = memory(own);
        let streams = streams.await.expect("the streams");
        let figure =
            format!("{} whole, {} failed, first: {}", streams.requests, streams.failures, spread(&streams.first));
        lines.push(line(&format!("{STREAMS} streams of 1 s at once"), figure, "goal: all"));
        lines.push(line("memory meanwhile", format!("{:+.1} MB", most - idle), ""));
    });
    lines
}

fn line(what: &str, figure: String, goal: &'static str) -> Line {
    Line { what: what.to_owned(), figure, goal }
}

fn rate(figures: &Figures) -> String {
    let failed = if figures.failures > 0 { format!(", {} failed", figures.failures) } else { String::new() };
    format!("{:.0}/s, {}{failed}", figures.rate(), spread(&figures.whole))
}

/// Resident memory of a process, MB.
pub(crate) fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}
