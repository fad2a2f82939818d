//! A long call on a virtual sound card: does the program grow?
//!
//! `scripts/soak MINUTES` starts the real window in open mode, with a speaker that the microphone hears, speaks a question
//! every half minute to a server on loopback, and once a minute writes down memory, threads and open files.

use std::fs;
use std::time::{Duration, Instant};

use emulator::{Answer, Emulator, Pace, Script};
use tests::{Sound, Stage, Window, program};

const TURN: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() {
    let minutes: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(120);
    let words = Sound::fixture("question.wav").at(24_000);
    let script = Script { pace: Pace::Burst { piece: 12_000 }, keep_events: 200, ..Script::default() };
    let script = (0..2 * minutes).fold(script, |script, number| {
        script.answer(Answer::Play { pcm: words.samples.clone(), transcript: format!("answer number {number}") })
    });
    let server = Emulator::start(script).await.expect("the server starts");
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = 'endpoint'\nmode = 'open'\n[endpoint]\nbase_url = '{}'",
        server.base_url()
    );
    let stage = Stage::new().with_sound_card().with_settings(&settings);
    stage.card().echo(60, -10.0);
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    println!(
        "| minute | questions | memory, program | memory, page | threads | open files |\n| --- | --- | --- | --- | --- | --- |"
    );
    let question = Sound::fixture("question.wav");
    let begun = Instant::now();
    for turn in 0..2 * minutes {
        let started = Instant::now();
        stage.card().say(&question).await;
        tokio::time::sleep(TURN.saturating_sub(started.elapsed())).await;
        if turn % 2 == 1 {
            report(&stage, begun, turn + 1);
        }
    }
    let answers = window.conversation().await.matches("answer number").count();
    println!("\n{answers} answers, {} connections", server.record().connections.len());
    window.close().await;
}

fn report(stage: &Stage, begun: Instant, spoken: u64) {
    let processes = stage.processes();
    let named = |name: &str| processes.iter().find(|(_, line)| line.contains(name)).map(|(id, _)| *id);
    let name = program().to_string_lossy().into_owned();
    let (Some(main), page) = (named(&name), named("WebKitWebProcess")) else {
        println!("the program is gone");
        return;
    };
    let files = fs::read_dir(format!("/proc/{main}/fd")).map_or(0, Iterator::count);
    println!(
        "| {} | {spoken} | {} MB | {} MB | {} | {files} |",
        begun.elapsed().as_secs() / 60,
        status(main, "RssAnon:") / 1024,
        page.map_or(0, |page| status(page, "RssAnon:") / 1024),
        status(main, "Threads:"),
    );
}

/// A number of a process's state.
fn status(id: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
