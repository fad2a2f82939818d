//! A conversation is recorded on demand, heard again turn by turn, and deleted.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::Duration;

use audio::recording::{RATE, read};
use serde_json::json;
use tests::{Sound, Stage, Window, project, until};

fn recordings(stage: &Stage) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(stage.path("data/sidetone/recordings")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn sound(samples: &[f32]) -> Sound {
    Sound { samples: samples.iter().map(|sample| (sample * 32_767.0) as i16).collect(), rate: RATE }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_turn_is_heard_again_and_deleted() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    assert!(window.seek("button", Some("Play this turn again")).await.is_none());
    window.click("button", "Record").await;
    window.until_text("It begins with the call").await;

    let words = Sound::fixture("question.wav");
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    window.until_text("Both voices are kept on this computer").await;
    stage.card().say(&words).await;
    window.let_go().await;
    window.until_said("I heard").await;
    window.until_status("Ready").await;
    window.screenshot("recording").await;

    let recording = stage.card().record().await;
    window.click("button", "Play this turn again").await;
    let snapshot = window.invoke("snapshot", json!({})).await.unwrap();
    let turn = &snapshot["recording"]["turns"][0];
    let moment = |name: &str| Duration::from_millis(turn[name].as_u64().unwrap());
    let take = stage.path("data/sidetone/recordings").join(turn["take"].as_str().unwrap());
    let kept = sound(&read(&take, RATE, moment("start_ms")..moment("end_ms")).unwrap().left);
    if !kept.find(&words).is_some_and(|(_, share)| share > 0.5) {
        let file = std::env::temp_dir().join(format!("sidetone-not-kept-{}.wav", std::process::id()));
        kept.write(&file);
        panic!("the words are not in the recording: {:?}; {} is {turn}", kept.find(&words), file.display());
    }
    recording.until_heard(&kept).await;
    let replayed = async || {
        let snapshot = window.invoke("snapshot", json!({})).await.ok()?;
        snapshot["recording"]["replay"].is_null().then_some(snapshot)
    };
    let snapshot = until("the turn to be heard", replayed).await;
    assert_eq!(snapshot["items"].as_array().map(Vec::len), Some(2), "what was heard again is no turn: {snapshot:#}");

    window.click("button", "Record").await;
    until("the recording to end", async || {
        let snapshot = window.invoke("snapshot", json!({})).await.ok()?;
        snapshot["recording"]["since"].is_null().then_some(())
    })
    .await;
    // The list is written beside the sound and takes its place when it is whole.
    let files = until("the sound and its list of turns", async || {
        let files = recordings(&stage);
        let has = |end| files.iter().any(|file| file.extension().is_some_and(|found| found == end));
        (files.len() == 2 && has("opus") && has("json")).then_some(files)
    })
    .await;

    window.click("button", "Recordings").await;
    window.screenshot("recordings").await;
    let name = files.iter().find(|file| file.extension().is_some_and(|end| end == "opus")).unwrap();
    window.click("button", &format!("Delete {}", name.file_name().unwrap().to_string_lossy())).await;
    window.click("button", "Delete").await;
    until("the files to be gone", async || recordings(&stage).is_empty().then_some(())).await;
    until("the play buttons to be gone", async || {
        window.seek("button", Some("Play this turn again")).await.is_none().then_some(())
    })
    .await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_the_terminal_is_recorded_to_a_file() {
    let stage = Stage::new();
    let file = stage.path("call.opus");
    let question = project().join("tests/fixtures/question.wav");
    let (input, output) = (question.to_string_lossy(), file.to_string_lossy());
    let outcome = stage.run(&["call", "--provider", "practice", "--input", &input, "--record", &output]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let both = read(&file, RATE, Duration::ZERO..Duration::MAX).unwrap();
    let words = Sound::fixture("question.wav");
    let (spoken, _) = sound(&both.left).find(&words).expect("the question is left");
    let (answered, _) = sound(&both.right).find(&words).expect("the practice partner's answer is right");
    assert!(
        answered > spoken + words.seconds(),
        "the answer at {answered:.2} s comes after the question at {spoken:.2} s"
    );
    assert!(stage.path("call.json").is_file(), "the list of turns stands beside it");
}
