//! Pictures of the window for people to look at; each also shows that the page fits.
#![cfg(target_os = "linux")]

use emulator::{Answer, Emulator, Fault, FaultKind, Script};
use tests::{Sound, Stage, Window};

/// A conversation as a real one might go.
async fn server() -> Emulator {
    let script = Script { heard: Some("How long should the bulk rise take in a cold kitchen?".into()), ..Script::default() }
        .answer(Answer::Say(
            "At seventeen degrees, plan for nine to twelve hours with a starter at twenty per cent. Go by volume, not by the \
             clock: stop when it has grown by about half."
                .into(),
        ))
        .answer(Answer::Say("Then overnight: fourteen to sixteen hours.".into()));
    Emulator::start(script).await.unwrap()
}

fn stage(server: &Emulator, theme: &str) -> Stage {
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = 'endpoint'\n[endpoint]\nbase_url = '{}'\n[appearance]\ntheme = '{theme}'",
        server.base_url()
    );
    Stage::new().with_sound_card().with_settings(&settings)
}

async fn converse(stage: &Stage, window: &Window) {
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.let_go().await;
    window.until_said("stop when it has grown by about half.").await;
    window.fill("Message", "Sorry, and if I only have ten per cent starter?\u{e007}").await;
    window.until_said("fourteen to sixteen hours.").await;
}

/// Nothing sticks out sideways.
async fn fits(window: &Window) {
    let excess =
        window.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth", &[]).await;
    assert_eq!(excess, 0, "the page is wider than its window");
}

async fn pictures(theme: &str) {
    let server = server().await;
    let stage = stage(&server, theme);
    let window = Window::open(&stage).await;
    window.screenshot(&format!("empty-{theme}")).await;
    converse(&stage, &window).await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    let speech = stage.card().start_saying(&Sound::fixture("interruption.wav"));
    window.screenshot(&format!("conversation-{theme}")).await;
    fits(&window).await;
    speech.finish().await;
    window.let_go().await;
    window.click("button", "Settings").await;
    window.screenshot(&format!("settings-{theme}")).await;
    fits(&window).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn light() {
    pictures("light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dark() {
    pictures("dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_window_keeps_everything_needed() {
    let server = server().await;
    let stage = stage(&server, "light");
    let window = Window::open(&stage).await;
    window.resize(380, 640).await;
    window.until("the narrow window", "return innerWidth <= 400").await;
    converse(&stage, &window).await;
    window.screenshot("narrow").await;
    fits(&window).await;
    for (role, name) in [("button", "Hold to talk"), ("textbox", "Message"), ("button", "Settings"), ("button", "Mute")]
    {
        window.find(role, name).await;
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_it_reconnects_is_told_beside_the_count() {
    let script = Script::default().fault(Fault::new(FaultKind::BadGateway).always());
    let server = Emulator::start(script).await.unwrap();
    let stage = stage(&server, "light");
    let window = Window::open(&stage).await;
    window.fill("Message", "good morning\u{e007}").await;
    window.until_status(" of 6)… Your server has a problem.").await;
    window.screenshot("reconnecting").await;
    window.resize(380, 640).await;
    window.until("the narrow window", "return innerWidth <= 400").await;
    fits(&window).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_the_size_loses_nothing() {
    let server = server().await;
    // Everything twice as large on the same screen: half as many CSS pixels each way.
    let stage = stage(&server, "light").with_env("GDK_SCALE", "2");
    let window = Window::open(&stage).await;
    window.resize(640, 400).await;
    window.until("the scale", "return devicePixelRatio === 2").await;
    converse(&stage, &window).await;
    window.screenshot("zoom-200").await;
    fits(&window).await;
    for (role, name) in [("button", "Hold to talk"), ("textbox", "Message"), ("button", "Settings"), ("button", "Mute")]
    {
        window.find(role, name).await;
    }
    window.close().await;
}
