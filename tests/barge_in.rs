//! Speaking over an answer stops it, and both sides agree on how much of it was heard.
#![cfg(target_os = "linux")]

use std::time::Duration;

use emulator::{Answer, Emulator, Pace, Script};
use tests::{LIMIT, Sound, Stage, Window, rms_dbfs, until};

const ANSWER_SECONDS: usize = 8;

/// A server whose first answer is a long tone.
async fn server() -> Emulator {
    let pcm = Sound::chirp(120, 24_000).then(&tone(ANSWER_SECONDS)).samples;
    let transcript = "one two three four five six seven eight nine ten".into();
    let script = Script { pace: Pace::Burst { piece: 12_000 }, ..Script::default() };
    Emulator::start(script.answer(Answer::Play { pcm, transcript })).await.unwrap()
}

fn tone(seconds: usize) -> Sound {
    let sine = |index: usize| (8000.0 * (index as f64 * 440.0 * std::f64::consts::TAU / 24_000.0).sin()) as i16;
    Sound { samples: (0..seconds * 24_000).map(sine).collect(), rate: 24_000 }
}

fn stage(server: &Emulator, mode: &str) -> Stage {
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = 'endpoint'\nmode = '{mode}'\n[endpoint]\nbase_url = '{}'",
        server.base_url()
    );
    Stage::new().with_sound_card().with_settings(&settings)
}

/// The answer's tone has ended, and how long it was audible in seconds.
async fn until_silent(recording: &tests::Recording) -> f64 {
    until("silence at the speaker", async || {
        let latest = recording.latest(300);
        (rms_dbfs(&latest.samples) < -60.0).then_some(())
    })
    .await;
    let heard = recording.so_far();
    let loud = heard.samples.chunks(480).filter(|piece| rms_dbfs(piece) > -40.0).count();
    loud as f64 * 0.01
}

/// The answer has been audible for a second.
async fn until_audible(recording: &tests::Recording) {
    let is_loud = |sound: Sound| sound.samples.chunks(4800).all(|piece| rms_dbfs(piece) > -30.0);
    until("the answer at the speaker", async || is_loud(recording.latest(1000)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_over_the_answer_cuts_it_to_what_was_heard() {
    let server = server().await;
    let stage = stage(&server, "ptt");
    let window = Window::open(&stage).await;
    let recording = stage.card().record().await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("interruption.wav").part(0.0, 1.0)).await;
    window.let_go().await;
    until_audible(&recording).await;
    window.until_status("Speaking").await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    let audible = until_silent(&recording).await;
    assert!(audible < ANSWER_SECONDS as f64 - 1.0, "the answer was not stopped: {audible} s");
    let said = window.until_said("Interrupted at").await;
    window.screenshot("barge-in").await;
    let record = server.wait_for(|seen| seen.count("conversation.item.truncate") == 1, LIMIT).await.unwrap();
    let cut = record.of("conversation.item.truncate").next().unwrap().json["audio_end_ms"].as_f64().unwrap() / 1000.0;
    assert!((cut - audible).abs() < 0.25, "truncated at {cut} s, but {audible} s were audible");
    let tail = window.script("return document.querySelector('.unheard')?.textContent ?? ''", &[]).await;
    assert!(said.contains("one two") && tail.as_str().unwrap().ends_with("nine ten"), "{said}; not heard: {tail}");
    assert!(record.violations.is_empty(), "{:?}", record.violations);
    window.let_go().await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_the_answer_stops_it() {
    let server = server().await;
    let stage = stage(&server, "open");
    let window = Window::open(&stage).await;
    let recording = stage.card().record().await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    until_audible(&recording).await;
    let before = recording.so_far().seconds();
    stage.card().say(&Sound::fixture("interruption.wav")).await;
    let audible = until_silent(&recording).await;
    assert!(audible < ANSWER_SECONDS as f64 - 1.0, "the answer was not stopped: {audible} s");
    assert!(recording.so_far().seconds() > before, "the recording went on");
    window.until_said("Interrupted at").await;
    server.wait_for(|seen| seen.count("conversation.item.truncate") == 1, Duration::from_secs(5)).await.unwrap();
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_stops_the_answer() {
    let server = server().await;
    let stage = stage(&server, "ptt");
    let window = Window::open(&stage).await;
    let recording = stage.card().record().await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("interruption.wav").part(0.0, 1.0)).await;
    window.let_go().await;
    until_audible(&recording).await;
    window.chord(&['\u{e00c}']).await;
    let audible = until_silent(&recording).await;
    assert!(audible < ANSWER_SECONDS as f64 - 1.0, "the answer was not stopped: {audible} s");
    window.until_said("Interrupted at").await;
    window.close().await;
}
