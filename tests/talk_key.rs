//! The talk key cannot stick, whatever takes the keyboard away; and the LIVE sign tells what really goes out.
#![cfg(target_os = "linux")]

use std::net::TcpListener;

use tests::{Sound, Stage, Window};

/// A second of speech.
fn words() -> Sound {
    Sound::fixture("question.wav").part(0.0, 1.0)
}

async fn is_live(window: &Window) -> bool {
    window.script("return !document.querySelector('.live').hidden", &[]).await.as_bool().unwrap()
}

async fn until_live(window: &Window, is_wanted: bool) {
    let not = if is_wanted { "!" } else { "" };
    window.until("the LIVE sign", &format!("return {not}document.querySelector('.live').hidden")).await;
}

async fn lose_keyboard(window: &Window) {
    window.script("window.dispatchEvent(new Event('blur'))", &[]).await;
}

fn lock_screen(stage: &Stage) {
    let mut command = stage.command("dbus-send");
    command.args(["--session", "--type=signal", "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver.ActiveChanged"]);
    assert!(command.arg("boolean:true").status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_loses_the_keyboard_sends_the_turn() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    window.key_down(' ').await;
    window.until_status("Listening").await;
    stage.card().say(&words()).await;
    until_live(&window, true).await;
    lose_keyboard(&window).await;
    window.until_said("I heard").await;
    // The key is still down, and nothing goes out any more.
    until_live(&window, false).await;
    window.key_up(' ').await;
    window.until_status("Ready").await;
    assert_eq!(window.conversation().await.matches("I heard").count(), 1);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_turn_goes_on_without_the_keyboard_and_is_sent_when_the_screen_is_locked() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    window.chord(&[' ']).await;
    window.until_text("Locked").await;
    stage.card().say(&words()).await;
    lose_keyboard(&window).await;
    until_live(&window, true).await;
    window.until_text("Locked").await;
    lock_screen(&stage);
    window.until_said("I heard").await;
    until_live(&window, false).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_sign_stays_dark_while_nobody_takes_what_is_said() {
    // Accepts connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let settings =
        format!("[call]\nprovider = 'openai'\nroute = 'endpoint'\n[endpoint]\nbase_url = 'ws://{address}/v1'");
    let stage = Stage::new().with_sound_card().with_settings(&settings);
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    window.key_down(' ').await;
    window.until_status("Listening").await;
    stage.card().say(&words()).await;
    assert!(window.status().await.contains("Listening") && !is_live(&window).await);
    window.key_up(' ').await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_open_microphone_the_held_key_keeps_the_turn() {
    let stage = Stage::new().with_sound_card().with_settings("[call]\nmode = 'open'\n[voice]\npatience = 0.0");
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    window.key_down(' ').await;
    window.until_text("take your time").await;
    stage.card().say(&words()).await;
    // The provider has taken down what was said: without the key it would answer now.
    window.until("the words", "return !!document.querySelector('[data-delivery=sent]')").await;
    stage.card().say(&words()).await;
    assert!(!window.conversation().await.contains("I heard"));
    window.key_up(' ').await;
    window.until_said("I heard").await;
    window.close().await;
}
