//! Pictures in the window: asked for in writing and by voice, made by a fake fal, kept over a restart.
#![cfg(target_os = "linux")]

use std::time::Duration;

use emulator::fal::{Fal, Plan, Trouble, Way};
use emulator::{Answer, Emulator, Script};
use tests::{Sound, Stage, Window};

const ENTER: char = '\u{e007}';
const TAB: char = '\u{e004}';
const ESCAPE: char = '\u{e00c}';
const KEY: &str = "fal-id:fal-secret";

const PICTURES: &str = "return [...document.querySelectorAll('#turns .picture img')]
    .filter((image) => image.complete && image.naturalWidth > 0).map((image) => image.alt)";

async fn fal(troubles: Vec<Trouble>) -> Fal {
    Fal::start(Plan { key: KEY.into(), pace: Duration::from_millis(400), troubles, ..Plan::default() }).await.unwrap()
}

fn stage(fal: &Fal) -> Stage {
    let settings = format!("[appearance]\ntheme = 'light'\n[providers.fal]\nbase_url = '{}'", fal.base_url());
    Stage::new().with_settings(&settings).with_env("FAL_KEY", KEY)
}

async fn until_pictures(window: &Window, prompts: &[&str]) {
    let wanted = serde_json::json!(prompts);
    let script = format!("const shown = (() => {{ {PICTURES} }})(); return JSON.stringify(shown) === '{wanted}'");
    window.until(&format!("the pictures {wanted}"), &script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_asked_for_in_writing_is_shown_saved_and_kept() {
    let fal = fal(vec![Trouble::Status(403)]).await;
    let stage = stage(&fal);
    let window = Window::open(&stage).await;
    window.find("textbox", "Message").await.send_keys("/i").await.unwrap();
    window.until_text("Tab completes it").await;
    window.chord(&[TAB]).await;
    let field = window.find("textbox", "Message").await;
    field.send_keys("a red fox in the snow").await.unwrap();
    window.click("radio", "Landscape").await;
    window.screenshot("picture-shape").await;
    assert_eq!(window.script("return document.activeElement.id", &[]).await, "message", "one types on at once");
    field.send_keys(&ENTER.to_string()).await.unwrap();
    window.until_text("This fal account has no credit left.").await;
    window.screenshot("picture-failed").await;
    window.click("button", "Try again").await;
    window.until_text("Making a picture…").await;
    window.screenshot("picture-making").await;
    until_pictures(&window, &["a red fox in the snow"]).await;
    let said = "return [...document.getElementById('announcer').children].map((line) => line.textContent)
        .filter((line) => line.startsWith('Picture: ')).length";
    assert_eq!(window.script(said, &[]).await, 1, "said once");
    window.click("button", "Save picture").await;
    window.until_text("Exported to").await;
    let folder = std::fs::read_dir(stage.path("data/sidetone/exports")).unwrap();
    let saved: Vec<_> = folder.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert_eq!(saved, [emulator::fal::png("a red fox in the snow")]);
    window.screenshot("picture-written").await;
    let sizes: Vec<String> = fal.seen().into_iter().map(|seen| seen.size).collect();
    assert_eq!(sizes, ["landscape_4_3", "landscape_4_3"], "the second try has the same shape");
    window.close().await;

    let window = Window::open(&stage).await;
    window
        .until("the history", "const entry = document.querySelector('.entry-open'); entry?.click(); return !!entry")
        .await;
    until_pictures(&window, &["a red fox in the snow"]).await;
    window.close().await;
    assert!(fal.violations().is_empty(), "{:?}", fal.violations());
}

/// A voice that has this drawn and then says so.
async fn painter() -> Emulator {
    let wish = serde_json::json!({ "prompt": "a red fox in the snow", "shape": "landscape" }).to_string();
    let script = Script::default()
        .answer(Answer::Call(vec![("make_image".into(), wish)]))
        .answer(Answer::Say("Here is your fox.".into()));
    Emulator::start(script).await.unwrap()
}

fn with_voice(stage: Stage, voice: &Emulator) -> Stage {
    let settings =
        format!("[call]\nprovider = 'openai'\nroute = 'direct'\n[providers.openai]\nbase_url = '{}'", voice.base_url());
    stage.with_sound_card().with_settings(&settings).with_env("OPENAI_API_KEY", "test-key")
}

async fn ask_aloud(window: &Window, stage: &Stage) {
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_shows_a_picture_and_goes_on_talking() {
    let (fal, voice) = (fal(Vec::new()).await, painter().await);
    let stage = with_voice(stage(&fal), &voice);
    let window = Window::open(&stage).await;
    ask_aloud(&window, &stage).await;
    until_pictures(&window, &["a red fox in the snow"]).await;
    window.until_said("Here is your fox.").await;
    window.until_status("Ready").await;
    window.screenshot("picture-spoken").await;
    let order =
        "return [...document.querySelectorAll('#turns > li')].map((turn) => turn.querySelector('.picture') ? 'picture'
        : turn.querySelector('.tool-line') ? 'tool' : turn.className.includes('user') ? 'user' : 'answer')";
    assert_eq!(window.script(order, &[]).await, serde_json::json!(["user", "tool", "picture", "answer"]));
    assert_eq!(fal.seen().len(), 1);
    assert!(voice.record().violations.is_empty() && fal.violations().is_empty());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_words_and_voice_come_over_one_realtime_socket() {
    let (fal, voice) = (fal(Vec::new()).await, painter().await);
    let stage = with_voice(stage(&fal), &voice);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window.replace("Model for pictures", "fal-ai/flux-2/klein/realtime").await;
    window.screenshot("picture-realtime-chosen").await;
    window.chord(&[ESCAPE]).await;
    window.fill("Message", &format!("/image a blue whale{ENTER}")).await;
    until_pictures(&window, &["a blue whale"]).await;
    ask_aloud(&window, &stage).await;
    until_pictures(&window, &["a blue whale", "a red fox in the snow"]).await;
    window.until_said("Here is your fox.").await;
    window.until_status("Ready").await;
    window.screenshot("picture-realtime").await;
    let is_at_end = "const log = document.getElementById('log');
        return document.getElementById('jump').hidden && log.scrollHeight - log.scrollTop - log.clientHeight < 2";
    assert_eq!(window.script(is_at_end, &[]).await, true, "the newest stays in sight when pictures come");
    let asked: Vec<_> = fal.seen().into_iter().map(|seen| (seen.way, seen.path, seen.prompt)).collect();
    let over_the_socket = |prompt: &str| (Way::Socket, "fal-ai/flux-2/klein/realtime".to_owned(), prompt.to_owned());
    assert_eq!(asked, ["a blue whale", "a red fox in the snow"].map(over_the_socket));
    assert_eq!(fal.sockets(), 1, "it stays open between pictures");
    assert!(voice.record().violations.is_empty() && fal.violations().is_empty(), "{:?}", fal.violations());
    window.close().await;
}
