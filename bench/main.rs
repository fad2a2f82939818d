//! Measures a built program on a virtual sound card, next to bare tools on the same card, and prints one table.
//!
//! usage: bench [--rounds N] [--peer NAME=COMMAND]...
//!
//! Figures are differences and shares taken in one run on one machine: absolute times wander with the machine.

mod ear;
mod mouth;
mod screen;
mod server;
mod table;
mod usage;

use std::process::Stdio;
use std::time::{Duration, Instant};

use ear::Ear;
use mouth::Mouth;
use server::Server;
use table::{Row, Samples};
use tests::Stage;

/// Between two markers, so that the next one cannot be taken for the last one.
const PAUSE: Duration = Duration::from_millis(900);
/// A marker that has not arrived by then is lost.
const LOST: Duration = Duration::from_secs(3);
/// Time for a client to settle after it has connected: devices open, jitter buffer at rest.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Arguments {
    rounds: usize,
    peers: Vec<(String, String)>,
}

fn arguments() -> Arguments {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments { rounds: 20, peers: Vec::new() };
    while let (Some(name), Some(value)) = (given.next(), given.next()) {
        match name.as_str() {
            "--rounds" => arguments.rounds = value.parse().expect("--rounds takes a number"),
            "--peer" => {
                let (peer, command) = value.split_once('=').expect("--peer takes NAME=COMMAND");
                arguments.peers.push((peer.into(), command.into()));
            }
            _ => panic!("unknown argument {name}"),
        }
    }
    arguments
}

fn main() {
    let arguments = arguments();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut rows = Vec::new();
    let stage = Stage::new().with_sound_card();
    let floor = floor(&stage, arguments.rounds);
    rows.push(Row::new("bare tools: mouth to ear of the microphone", floor.mouth.clone(), "ms", "the floor"));
    rows.push(Row::new("bare tools: speaker to ear", floor.ear.clone(), "ms", "the floor"));
    runtime.block_on(async {
        sidetone(&stage, &floor, arguments.rounds, &mut rows).await;
        window(&mut rows).await;
    });
    rows.push(Row::new("start to first paint", screen::first_paints(10), "ms", "≤ 700"));
    println!("{}", table::draw(&rows));
    for (name, command) in &arguments.peers {
        let mut rows = Vec::new();
        runtime.block_on(peer(&stage, &floor, arguments.rounds, name, command, &mut rows));
        println!("{}", table::draw(&rows));
    }
}

/// What the way through the sound server costs without any client.
struct Floor {
    mouth: Samples,
    ear: Samples,
    /// The mouth of the floor speaks to the clients too: what is buffered in front of its words differs from mouth to
    /// mouth, and so cancels out.
    speaker: Mouth,
    /// Listens all the time: without a listener the sound server works in long blocks, and words pile up in front.
    _listener: Ear,
}

fn floor(stage: &Stage, rounds: usize) -> Floor {
    eprintln!("bench: the floor, by pacat and parec");
    let way = |mouth: &Mouth, ear: &Ear, rounds: usize| {
        std::thread::sleep(Duration::from_secs(2));
        let rounds = (0..rounds).map(|_| {
            let said = mouth.say();
            let heard = ear.marker_after(said, LOST);
            std::thread::sleep(PAUSE);
            heard.map(|at| millis(at - said))
        });
        Samples::of(rounds)
    };
    let listener = Ear::open(stage, "vmic");
    let speaker = Mouth::open(stage, "vmic_sink");
    let mouth = way(&speaker, &listener, rounds);
    // Here the mouth is not part of a client's way: the one with the least in front of its words is the floor.
    let ears = (0..3).map(|_| {
        let ear = Ear::open(stage, "vspk.monitor");
        way(&Mouth::open(stage, "vspk"), &ear, rounds.div_ceil(2))
    });
    let ear = ears.min_by(|a, b| a.median().total_cmp(&b.median())).expect("three of them");
    Floor { mouth, ear, speaker, _listener: listener }
}

async fn sidetone(stage: &Stage, floor: &Floor, rounds: usize, rows: &mut Vec<Row>) {
    eprintln!("bench: a call from the command line");
    let server = Server::start().await;
    let url = server.url();
    let client = stage.start(&["call", "--endpoint", &url, "--mode", "open", "--json"]);
    server.until_connected().await;
    tokio::time::sleep(SETTLE).await;
    let latency = latency(stage, &floor.speaker, &server, rounds).await;
    rows.push(Row::new(
        "mouth to wire",
        latency.mouth_to_wire.above(&floor.mouth),
        "ms above floor",
        "p50 ≤ 12, p95 ≤ 20",
    ));
    rows.push(Row::new(
        "wire to ear, steady link",
        latency.wire_to_ear.above(&floor.ear),
        "ms above floor",
        "p50 ≤ 20",
    ));
    rows.push(Row::new("audio in one message", latency.append, "ms", ""));
    let ear = Ear::open(stage, "vspk.monitor");
    let silence = barge_ins(&server, &ear, rounds.min(10)).await;
    rows.push(Row::new("barge-in to silence", silence.above(&floor.ear), "ms above floor", "≤ 50"));
    let gaps = jitter(&server, &ear).await;
    // A listener with little delay makes the sound server hand out sound in small pieces: no user has one.
    drop(ear);
    tokio::time::sleep(SETTLE).await;
    rows.push(Row::new("gaps in 20 s of ±80 ms jitter, once adapted", Samples::of([Some(gaps)]), "gaps", "0"));
    let use_of = usage::over(&[client.id()], Duration::from_secs(10)).await;
    rows.push(Row::new("CPU in a call, command line", Samples::of([Some(use_of.cpu)]), "% of one core", "< 5"));
    rows.push(Row::new("memory in a call, command line", Samples::of([Some(use_of.memory)]), "MB (PSS)", ""));
    client.interrupt();
    let outcome = client.finish().await;
    assert_eq!(outcome.code, Some(0), "the call did not end well: {outcome:?}");
}

struct Latency {
    mouth_to_wire: Samples,
    wire_to_ear: Samples,
    append: Samples,
}

/// Speaks markers and waits for them on the wire; then sends markers and waits for them at the speaker.
async fn latency(stage: &Stage, mouth: &Mouth, server: &Server, rounds: usize) -> Latency {
    let ear = Ear::open(stage, "vspk.monitor");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut spoken, mut appends, mut played) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let said = mouth.say();
        let seen = server.marker_after(said, LOST).await;
        spoken.push(seen.map(|seen| millis(seen.at - said)));
        appends.push(seen.map(|seen| seen.append_ms));
        tokio::time::sleep(PAUSE).await;
    }
    for _ in 0..rounds {
        let sent = server.play_marker().await;
        let heard = tokio::task::block_in_place(|| ear.marker_after(sent, LOST));
        played.push(heard.map(|at| millis(at - sent)));
        tokio::time::sleep(PAUSE).await;
    }
    Latency { mouth_to_wire: Samples::of(spoken), wire_to_ear: Samples::of(played), append: Samples::of(appends) }
}

/// The server hears the user begin while a long answer plays; how long until the speaker is silent.
async fn barge_ins(server: &Server, ear: &Ear, rounds: usize) -> Samples {
    let mut found = Vec::new();
    for turn in 0..rounds {
        let sent = server.play_tone(Duration::from_secs(4)).await;
        tokio::task::block_in_place(|| ear.marker_after(sent, LOST));
        tokio::time::sleep(Duration::from_millis(800)).await;
        let interrupted = server.speech_started(turn).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        found.push(ear.last_loud().filter(|at| *at > interrupted).map(|at| millis(at - interrupted)));
        server.speech_stopped(turn).await;
        tokio::time::sleep(PAUSE).await;
    }
    Samples::of(found)
}

/// A tone in pieces of 40 ms, each up to 80 ms early or late: gaps at the speaker after the first 5 seconds.
async fn jitter(server: &Server, ear: &Ear) -> f64 {
    let start = server.play_with_jitter(Duration::from_secs(25), || {
        ear.forget_gaps();
    });
    start.await;
    f64::from(ear.gaps())
}

async fn peer(stage: &Stage, floor: &Floor, rounds: usize, name: &str, command: &str, rows: &mut Vec<Row>) {
    eprintln!("bench: {name}");
    let server = Server::start().await;
    let mut shell = stage.command("sh");
    for (variable, value) in std::env::vars().filter(|(variable, _)| variable.starts_with("BENCH_")) {
        shell.env(variable, value);
    }
    shell.current_dir(std::env::current_dir().expect("a working folder"));
    shell.args(["-c", &format!("exec {command}")]).env("BENCH_SERVER", server.address()).stderr(Stdio::inherit());
    let mut child = shell.spawn().expect("a shell");
    server.until_connected().await;
    tokio::time::sleep(SETTLE).await;
    let latency = latency(stage, &floor.speaker, &server, rounds).await;
    rows.push(Row::new(
        &format!("{name}: mouth to wire"),
        latency.mouth_to_wire.above(&floor.mouth),
        "ms above floor",
        "",
    ));
    rows.push(Row::new(&format!("{name}: wire to ear"), latency.wire_to_ear.above(&floor.ear), "ms above floor", ""));
    let use_of = usage::over(&[child.id()], Duration::from_secs(5)).await;
    rows.push(Row::new(&format!("{name}: memory"), Samples::of([Some(use_of.memory)]), "MB (PSS)", ""));
    let _ = child.kill();
    let _ = child.wait();
}

/// The window in a call: all of its processes together.
async fn window(rows: &mut Vec<Row>) {
    eprintln!("bench: a call in the window");
    let server = Server::start().await;
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = 'endpoint'\nmode = 'open'\n[endpoint]\nbase_url = '{}'",
        server.url()
    );
    let stage = Stage::new().with_sound_card().with_settings(&settings);
    let window = tests::Window::open(&stage).await;
    window.click("button", "Start call").await;
    server.until_connected().await;
    tokio::time::sleep(SETTLE).await;
    let ids = stage.processes().into_iter().filter(|(_, line)| line.contains("sidetone") || line.contains("WebKit"));
    let ids: Vec<u32> = ids.filter(|(_, line)| !line.contains("WebKitWebDriver")).map(|(id, _)| id).collect();
    let use_of = usage::over(&ids, Duration::from_secs(10)).await;
    rows.push(Row::new("CPU in a call, window", Samples::of([Some(use_of.cpu)]), "% of one core", "< 5"));
    rows.push(Row::new("memory in a call, window", Samples::of([Some(use_of.memory)]), "MB (PSS)", ""));
    window.close().await;
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What a listener found.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    /// Length of the message it came in.
    append_ms: f64,
}
