//! From the first start to the first answer without a key, and the sound check on the way.
#![cfg(target_os = "linux")]

use emulator::{Emulator, Keys, Script};
use tests::{Keychain, Sound, Stage, Window, until};

#[tokio::test(flavor = "multi_thread")]
async fn trying_without_a_key_leads_to_a_spoken_answer() {
    let stage = Stage::new().with_sound_card().with_settings("[first_run]\nis_done = false");
    let window = Window::open(&stage).await;
    window.screenshot("first-run").await;
    assert_eq!(stage.card().listeners(), 0, "the microphone is not touched before it is asked for");
    window.click("button", "Try without a key").await;
    window.screenshot("first-run-sound-check").await;
    assert_eq!(stage.card().listeners(), 0, "the microphone is not touched before it is asked for");
    window.click("button", "Skip for now").await;
    window.screenshot("first-run-hello").await;
    window.key_down(' ').await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.key_up(' ').await;
    window.until_said("I heard").await;
    window.close().await;
    let again = Window::open(&stage).await;
    again.find("button", "Hold to talk").await;
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_and_another_one_leads_on() {
    let key = "sk-test-4f1c9d2e8b7a6053-first";
    let server = Emulator::start(Script { keys: Keys::only(key), ..Script::default() }).await.unwrap();
    let settings = format!("[first_run]\nis_done = false\n[providers.openai]\nbase_url = '{}'", server.base_url());
    let stage = Stage::new().with_keychain(Keychain::Unlocked).with_settings(&settings);
    let window = Window::open(&stage).await;
    window.click("button", "I have an OpenAI key").await;
    window.fill("OpenAI key", "sk-test-wrong\u{e007}").await;
    window.until_text("The key is not accepted").await;
    window.find("button", "Continue anyway").await;
    window.screenshot("first-run-key-refused").await;
    window.fill("OpenAI key", &format!("{key}\u{e007}")).await;
    window.until_text("The key is valid").await;
    let focus = "return document.activeElement.textContent === 'Continue'";
    window.until("the keyboard to stand on Continue", focus).await;
    window.chord(&['\u{e007}']).await;
    window.find("button", "Sound check").await;
    window.click("button", "Back").await;
    window.find("button", "Continue").await;
    let snapshot = window.invoke("snapshot", serde_json::json!({})).await.unwrap();
    assert_eq!(snapshot["settings"]["call"]["provider"], "openai");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_check_plays_back_what_it_heard() {
    let stage = Stage::new().with_sound_card().with_settings("[first_run]\nis_done = false");
    let words = Sound::fixture("question.wav");
    let window = Window::open(&stage).await;
    window.click("button", "Try without a key").await;
    let recording = stage.card().record().await;
    window.click("button", "Sound check").await;
    until("the microphone to be open", async || (stage.card().listeners() == 1).then_some(())).await;
    stage.card().say(&words).await;
    recording.until_heard(&words).await;
    window.until_text("loud enough").await;
    window.screenshot("sound-check").await;
    until("the microphone to be closed", async || (stage.card().listeners() == 0).then_some(())).await;
    window.close().await;
}
