//! Pictures of voice and text in one timeline, for people to look at; each also shows that the page fits.
#![cfg(target_os = "linux")]

use tests::{Sound, Stage, Window};

const CONTROL: char = '\u{e009}';
const ESCAPE: char = '\u{e00c}';

fn stage(theme: &str) -> Stage {
    Stage::new().with_sound_card().with_settings(&format!("[appearance]\ntheme = '{theme}'"))
}

/// Spoken first, then written.
async fn converse(stage: &Stage, window: &Window) {
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.let_go().await;
    window.until_status("Speaking").await;
    window.until_status("Ready").await;
    window.click("button", "End call").await;
    window.until("the end of the call", "return !document.getElementById('model-chip').hidden").await;
    for question in ["table", "think", "sources"] {
        window.ask(question).await;
    }
}

/// Nothing sticks out sideways, of the page or of what is in front.
async fn fits(window: &Window) {
    let excess = "return Math.max(...[document.documentElement, ...document.querySelectorAll('dialog[open]')]
        .map((element) => element.scrollWidth - element.clientWidth))";
    assert_eq!(window.script(excess, &[]).await, 0, "something is wider than its place");
}

async fn pictures(name: &str, window: &Window, stage: &Stage) {
    converse(stage, window).await;
    window.screenshot(&format!("written-{name}")).await;
    fits(window).await;
    window.chord(&[CONTROL, 'f']).await;
    window.fill("Find in conversation", "the").await;
    window.screenshot(&format!("written-find-{name}")).await;
    fits(window).await;
    window.chord(&[ESCAPE]).await;
    window.chord(&[CONTROL, 'k']).await;
    window.until("the picker", "return document.getElementById('picker').open").await;
    window.screenshot(&format!("picker-{name}")).await;
    fits(window).await;
    window.chord(&[ESCAPE]).await;
    window.click("button", "Settings").await;
    window.script("[...document.querySelectorAll('.nav-link')].find((link) => link.textContent === 'Text').click()", &[]).await;
    window.screenshot(&format!("settings-text-{name}")).await;
    fits(window).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_and_text_in_light() {
    let stage = stage("light");
    let window = Window::open(&stage).await;
    pictures("light", &window, &stage).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_and_text_in_dark() {
    let stage = stage("dark");
    let window = Window::open_on(&stage, "1600x1000").await;
    window.resize(1560, 960).await;
    window.until("the wide window", "return innerWidth > 1500").await;
    pictures("dark", &window, &stage).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_and_text_in_a_narrow_window() {
    let stage = stage("light");
    let window = Window::open(&stage).await;
    window.resize(380, 640).await;
    window.until("the narrow window", "return innerWidth <= 400").await;
    pictures("narrow", &window, &stage).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_and_text_at_twice_the_size() {
    let stage = stage("dark").with_env("GDK_SCALE", "2");
    let window = Window::open(&stage).await;
    window.resize(640, 400).await;
    window.until("the scale", "return devicePixelRatio === 2").await;
    pictures("zoom-200", &window, &stage).await;
    window.close().await;
}
