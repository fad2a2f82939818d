//! What is measured of one client.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::ear::Ear;
use crate::mouth::Mouth;
use crate::server::Server;
use crate::table::Samples;
use crate::usage;

/// Between two markers, so that the next one cannot be taken for the last one.
const PAUSE: Duration = Duration::from_millis(900);
/// A marker that has not arrived by then is lost.
const LOST: Duration = Duration::from_secs(3);
/// Time for a client to settle: devices open, jitter buffer at rest.
const SETTLE: Duration = Duration::from_secs(5);
/// How long use of the machine is watched.
const WATCH: Duration = Duration::from_secs(10);
/// How long a client may go on playing after it was told of the user's words.
const DEAF: Duration = Duration::from_millis(600);

/// Times in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) mouth_to_wire: Samples,
    pub(crate) wire_to_ear: Samples,
    pub(crate) append: Samples,
    pub(crate) silence: Samples,
    pub(crate) gaps: Samples,
    pub(crate) cpu_listening: Samples,
    pub(crate) cpu_answering: Samples,
    pub(crate) memory: Samples,
    pub(crate) first_paint: Samples,
    /// What bare tools took beside this client, in all.
    pub(crate) floor_mouth: Samples,
    pub(crate) floor_ear: Samples,
}

pub(crate) async fn run(client: &Client, rounds: usize) -> Figures {
    let mut figures = Figures::default();
    watch_use(client, &mut figures).await;
    speak(client, rounds, &mut figures).await;
    let ear = Ear::open(&client.stage, "vspk.monitor");
    tokio::time::sleep(Duration::from_secs(2)).await;
    listen(client, &ear, rounds, &mut figures).await;
    let silence = barge_ins(&client.server, &ear, rounds.min(10)).await;
    figures.silence = silence.above(&figures.floor_ear);
    figures.gaps = jitter(&client.server, &ear).await;
    figures
}

/// On an undisturbed card: a listener with little delay makes the sound server hand out sound in small pieces, and no
/// user has one.
async fn watch_use(client: &Client, figures: &mut Figures) {
    tokio::time::sleep(SETTLE).await;
    let processes = client.processes();
    let listening = usage::over(&processes, WATCH).await;
    client.server.play_tone(WATCH + Duration::from_secs(2)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answering = usage::over(&processes, WATCH).await;
    figures.cpu_listening = Samples::of([Some(listening.cpu)]);
    figures.cpu_answering = Samples::of([Some(answering.cpu)]);
    figures.memory = Samples::of([Some(answering.memory)]);
    tokio::time::sleep(SETTLE).await;
}

/// Speaks markers. The client and a bare tool hear the same one, so what was buffered in front of it cancels out.
async fn speak(client: &Client, rounds: usize, figures: &mut Figures) {
    let ear = Ear::open(&client.stage, "vmic");
    let mouth = Mouth::murmuring(&client.stage, "vmic_sink");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut above, mut appends, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let said = mouth.say();
        let seen = client.server.marker_after(said, LOST).await;
        let heard = hear(&ear, said);
        above.push(seen.zip(heard).map(|(seen, heard)| millis_between(heard, seen.at)));
        appends.push(seen.map(|seen| seen.append_ms));
        floor.push(heard.map(|heard| millis_between(said, heard)));
        tokio::time::sleep(pause(round)).await;
    }
    figures.mouth_to_wire = Samples::of(above);
    figures.append = Samples::of(appends);
    figures.floor_mouth = Samples::of(floor);
}

/// Lets a bare tool and then the client play a marker, by turns: both get it whole and at once.
async fn listen(client: &Client, ear: &Ear, rounds: usize, figures: &mut Figures) {
    let mouth = Mouth::silent(&client.stage, "vspk");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut all, mut floor) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let said = mouth.say();
        floor.push(hear(ear, said).map(|heard| millis_between(said, heard)));
        tokio::time::sleep(PAUSE / 2).await;
        let sent = client.server.play_marker().await;
        all.push(hear(ear, sent).map(|heard| millis_between(sent, heard)));
        tokio::time::sleep(pause(round)).await;
    }
    figures.floor_ear = Samples::of(floor);
    figures.wire_to_ear = Samples::of(all).above(&figures.floor_ear);
}

/// The server hears the user begin while a long answer plays; how long until the speaker is silent.
async fn barge_ins(server: &Server, ear: &Ear, rounds: usize) -> Samples {
    let mut found = Vec::new();
    for turn in 0..rounds {
        let sent = server.play_tone(Duration::from_secs(4)).await;
        hear(ear, sent);
        tokio::time::sleep(Duration::from_millis(800)).await;
        let interrupted = server.speech_started(turn).await;
        tokio::time::sleep(DEAF).await;
        let loud = ear.last_loud().filter(|at| *at > interrupted).map(|at| millis_between(interrupted, at));
        // Who is still loud just before the end of the wait does not stop at all.
        let stopped = loud.filter(|time| *time < millis(DEAF) - 100.0);
        found.push(stopped);
        server.speech_stopped(turn).await;
        tokio::time::sleep(PAUSE).await;
        if stopped.is_none() {
            tokio::time::sleep(Duration::from_secs(4)).await;
            break;
        }
    }
    Samples::of(found)
}

/// A tone in pieces of 40 ms, each up to 80 ms early or late: gaps at the speaker after the first 5 seconds.
async fn jitter(server: &Server, ear: &Ear) -> Samples {
    server.play_with_jitter(Duration::from_secs(25), || ear.forget_gaps()).await;
    Samples::of([Some(f64::from(ear.gaps()))])
}

/// Never in step with the blocks in which sound is handed on.
fn pause(round: usize) -> Duration {
    PAUSE + Duration::from_millis(round as u64 * 7 % 20)
}

fn hear(ear: &Ear, since: Instant) -> Option<Instant> {
    tokio::task::block_in_place(|| ear.marker_after(since, LOST))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// From `a` to `b`; below zero if `b` was first.
fn millis_between(a: Instant, b: Instant) -> f64 {
    millis(b.saturating_duration_since(a)) - millis(a.saturating_duration_since(b))
}
