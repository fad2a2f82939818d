//! The speaker stands beside the microphone: the assistant does not interrupt itself, and can be interrupted.
#![cfg(target_os = "linux")]

use emulator::{Answer, ClientEvent, Emulator, Pace, Script};
use tests::{LIMIT, Sound, Stage, Window};

/// Answers that are heard to their end.
const ANSWERS: usize = 20;
/// Answers that are interrupted.
const INTERRUPTIONS: usize = 4;

/// What may come back of an answer at most, in PCM16 steps (-34 dBFS): the canceller's residue at its edges, far below
/// words, which come back at -20 dBFS without it.
const QUIET: u16 = 655;

/// A server that speaks real words.
async fn server() -> Emulator {
    let words = Sound::fixture("question.wav").then(&Sound::fixture("interruption.wav")).at(24_000);
    let script = Script { pace: Pace::Burst { piece: 12_000 }, keep_audio: true, ..Script::default() };
    let script = (0..ANSWERS).fold(script, |script, number| {
        script.answer(Answer::Play { pcm: words.samples.clone(), transcript: format!("answer number {number}") })
    });
    // Each interruption is answered at length too, and one with a pause in it twice.
    let long = words.clone().then(&words).then(&words).then(&words);
    let script = (0..4 * INTERRUPTIONS).fold(script, |script, _| {
        script.answer(Answer::Play { pcm: long.samples.clone(), transcript: "a long story".into() })
    });
    Emulator::start(script).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loudspeakers_nothing_but_the_user_stops_an_answer() {
    let server = server().await;
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = 'endpoint'\nmode = 'open'\n[endpoint]\nbase_url = '{}'",
        server.base_url()
    );
    let stage = Stage::new().with_sound_card().with_settings(&settings);
    stage.card().echo(60, -10.0);
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    for number in 0..ANSWERS {
        window.fill("Message", &format!("question {number}\u{e007}")).await;
        window.until_said(&format!("answer number {number}")).await;
        window.until_status("Speaking").await;
        window.until_status("Ready").await;
        let record = server.record();
        assert_eq!(record.count("conversation.item.truncate"), 0, "answer {number} was cut");
        assert_eq!(record.sent_count("input_audio_buffer.speech_started"), 0, "answer {number} was heard as speech");
        let appended: Vec<i16> = record.of("input_audio_buffer.append").flat_map(ClientEvent::samples).collect();
        assert!(!appended.is_empty());
        let loudest = appended.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
        assert!(loudest < QUIET, "answer {number} came back at {loudest}");
    }
    window.fill("Message", "tell me a story\u{e007}").await;
    for _ in 0..INTERRUPTIONS {
        window.until_status("Speaking").await;
        let cuts = server.record().count("conversation.item.truncate");
        stage.card().say(&Sound::silence(1_500, 16_000).then(&Sound::fixture("interruption.wav"))).await;
        server.wait_for(|seen| seen.count("conversation.item.truncate") > cuts, LIMIT).await.unwrap();
    }
    window.screenshot("echo").await;
    assert!(server.record().violations.is_empty());
    window.close().await;
}
