//! The program dies in the middle of a turn: the next start lists what was said, and the button sends it.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use emulator::{Emulator, Script};
use tests::{Keychain, Sound, Stage, Window, program, until};

const KEY: &str = "sk-test-of-the-outbox";

/// What the letters in the outbox hold.
fn letters(stage: &Stage) -> Vec<String> {
    let is_letter = |path: &Path| path.extension().is_some_and(|ending| ending == "turn");
    stage.files().into_iter().filter(|(path, _)| is_letter(path)).map(|(_, text)| text).collect()
}

/// As if the power went.
fn kill(stage: &Stage) {
    let program = program().to_string_lossy().into_owned();
    let ids: Vec<u32> =
        stage.processes().into_iter().filter(|(_, line)| line.starts_with(&program)).map(|(id, _)| id).collect();
    assert!(!ids.is_empty(), "the program runs");
    for id in ids {
        let status = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_over_which_the_program_was_killed_is_listed_sent_and_heard() {
    let server = Emulator::start(Script::default()).await.unwrap();
    let settings = format!("[call]\nprovider = 'openai'\n[providers.openai]\nbase_url = '{}'", server.base_url());
    let stage = Stage::new().with_sound_card().with_keychain(Keychain::Unlocked).with_settings(&settings);
    let stage = stage.with_env("OPENAI_API_KEY", KEY);
    let words = Sound::fixture("question.wav");

    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&words).await;
    // It is written every three seconds; the first time the end of the words may still be on its way.
    for _ in 0..2 {
        let before = letters(&stage);
        until("the turn to be written", async || (letters(&stage) != before).then_some(())).await;
    }
    assert_eq!(letters(&stage).len(), 1);
    kill(&stage);
    drop(window);
    assert_eq!(server.record().count("input_audio_buffer.commit"), 0, "it was never sent");

    let again = Window::open(&stage).await;
    again.until_said("Kept since Sidetone was closed").await;
    again.screenshot("outbox").await;
    let recording = stage.card().record().await;
    again.click("button", "Send again").await;
    again.until_said("I heard").await;
    recording.until_heard(&words).await;
    until("the outbox to be empty", async || letters(&stage).is_empty().then_some(())).await;
    again.close().await;
}
