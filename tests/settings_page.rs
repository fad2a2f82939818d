//! Settings in the window: what is clicked and typed is what is kept, and faults are named beside their field.
#![cfg(target_os = "linux")]

use serde_json::json;
use tests::{Stage, Window, until};

const OPENAI: &str = "[call]\nprovider = 'openai'";

async fn settings(window: &Window) -> serde_json::Value {
    window.invoke("snapshot", json!({})).await.unwrap()["settings"].clone()
}

/// Waits until this setting, `call.route` for example, has this value.
async fn until_kept(window: &Window, path: &str, value: &str) {
    let pointer = format!("/{}", path.replace('.', "/"));
    until(&format!("{path} to be {value}"), async || {
        (settings(window).await.pointer(&pointer)?.as_str()? == value).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_that_is_clicked_last_stays() {
    let stage = Stage::new().with_settings(OPENAI);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    // All in one moment, many times: what is sent side by side may overtake each other.
    let clicks = "const routes = [...document.querySelectorAll('[data-setting=\"call.route\"] input')];
        for (let at = 0; at < 40; at++) routes[at % 3].click();
        for (const value of ['direct', 'endpoint', 'gateway']) routes.find((route) => route.value === value).click();";
    for _ in 0..8 {
        window.script(clicks, &[]).await;
        // A command of the page itself, so it comes after all the others.
        window
            .script("document.querySelector('[data-setting=\"appearance.theme\"] input[value=dark]').click()", &[])
            .await;
        until_kept(&window, "appearance.theme", "dark").await;
        assert_eq!(settings(&window).await["call"]["route"], "gateway");
        window
            .until(
                "the page to show it",
                "return document.querySelector('[data-setting=\"call.route\"] input:checked').value === 'gateway'",
            )
            .await;
        window
            .script("document.querySelector('[data-setting=\"appearance.theme\"] input[value=light]').click()", &[])
            .await;
        until_kept(&window, "appearance.theme", "light").await;
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_used_is_named_beside_its_field() {
    let stage = Stage::new().with_settings(OPENAI);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window.click("radio", "My own server").await;
    window.fill("Address of my own server", "localhost:8765").await;
    window.chord(&['\u{e004}']).await;
    window.until_text("An address starts with https://").await;
    window.click("button", "Back to the conversation").await;
    window.fill("Message", "hello\u{e007}").await;
    window.until_text("The address of your server cannot be used.").await;
    window.click("button", "Open the address").await;
    let focus = "return document.activeElement.closest('[data-setting]')?.dataset.setting";
    assert_eq!(window.script(focus, &[]).await, "endpoint.base_url", "the button leads to the field");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_kept_when_the_settings_are_left_at_once() {
    let stage = Stage::new().with_settings(OPENAI);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window.fill("Gateway id", "mine\u{e00c}").await;
    window.find("button", "Hold to talk").await;
    until_kept(&window, "gateway.gateway_id", "mine").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_being_typed_does_not_disturb_a_call() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    window.click("button", "Settings").await;
    window.fill("Gateway id", "mine").await;
    // Elsewhere text is kept after a pause of typing; a timer of the page that starts later and lasts longer ends later.
    window.script("return new Promise((resolve) => { setTimeout(resolve, 700); })", &[]).await;
    assert_eq!(settings(&window).await["gateway"]["gateway_id"], "", "kept only when the field is left");
    window.chord(&['\u{e004}']).await;
    until_kept(&window, "gateway.gateway_id", "mine").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_shown_twice_as_large() {
    let stage = Stage::new().with_settings(OPENAI);
    let window = Window::open(&stage).await;
    let width = window.script("return innerWidth", &[]).await.as_f64().unwrap();
    for _ in 0..5 {
        window.chord(&['\u{e009}', '=']).await;
    }
    window.until("the larger page", &format!("return Math.abs(innerWidth - {width} / 2) <= 1")).await;
    window.screenshot("zoom-by-key").await;
    let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(window.script(excess, &[]).await, 0);
    let log = "return document.getElementById('log').clientHeight";
    assert!(window.script(log, &[]).await.as_f64().unwrap() >= 120.0, "the conversation keeps room");
    window.close().await;
    let again = Window::open(&stage).await;
    again.until("the size of before", &format!("return Math.abs(innerWidth - {width} / 2) <= 1")).await;
    again.chord(&['\u{e009}', '0']).await;
    again.until("the normal size", &format!("return Math.abs(innerWidth - {width}) <= 1")).await;
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn composer_and_talk_button_are_in_view_at_every_size() {
    let stage = Stage::new().with_settings("[call]\nprovider = 'openai'\nroute = 'gateway'");
    let window = Window::open_on(&stage, "1920x1080").await;
    window.fill("Message", "hello\u{e007}").await;
    window.until_text("The gateway is not set up yet.").await;
    for (width, height) in [(360, 480), (480, 600), (1280, 800), (1920, 1080)] {
        window.resize(width, height).await;
        window.until("the new size", &format!("return innerWidth === {width} && innerHeight === {height}")).await;
        let outside = "return ['message', 'send', 'talk', 'mute', 'settings-button', 'problem'].filter((id) => {
            const box = document.getElementById(id).getBoundingClientRect();
            return box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth || box.height === 0;
        })";
        assert_eq!(window.script(outside, &[]).await, json!([]), "out of view at {width} × {height}");
        let overlapping = "const boxes = ['message', 'send', 'talk', 'mute', 'turn-taking', 'devices-button', 'status', 'problem', 'log']
                .map((id) => [id, document.getElementById(id).getBoundingClientRect()]);
            const over = boxes.flatMap(([a, one], at) => boxes.slice(at + 1)
                .filter(([, two]) => one.left < two.right - 1 && two.left < one.right - 1 && one.top < two.bottom - 1 && two.top < one.bottom - 1)
                .map(([b]) => `${a} and ${b}`));
            return over.length === 0";
        window.until(&format!("nothing to overlap at {width} × {height}"), overlapping).await;
    }
    window.close().await;
}
