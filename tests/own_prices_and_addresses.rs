//! Own prices and own addresses in the settings: typed, refused in plain words, kept.
#![cfg(target_os = "linux")]

use serde_json::{Value, json};
use tests::{Stage, Window, until};

const CHAT: &str = "[chat]\nprovider = 'groq'\nmodel = 'llama-9'\n[appearance]\ntheme = 'light'";
const GROUP: &str =
    "[...document.querySelectorAll('.nav-link')].find((link) => link.textContent === arguments[0]).click()";
const FOCUS: &str = "const at = document.activeElement; return at.labels?.[0]?.textContent ?? at.textContent";

async fn open_group(window: &Window, name: &str) {
    window.click("button", "Settings").await;
    window.script(GROUP, &[name.into()]).await;
}

async fn until_kept(window: &Window, what: &str, pointer: &str, wanted: Value) {
    until(what, async || {
        let snapshot = window.snapshot().await;
        (snapshot["settings"].pointer(pointer) == Some(&wanted)).then_some(())
    })
    .await;
}

async fn set(window: &Window, name: &str, text: &str) {
    let script = "const field = [...document.querySelectorAll('.price-form input')].find((one) => one.labels[0].textContent === arguments[0]); field.value = ''";
    window.script(script, &[name.into()]).await;
    window.fill(name, text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_of_ones_own_is_added_changed_and_removed() {
    let stage = Stage::new().with_settings(CHAT);
    let window = Window::open(&stage).await;
    window.until("the providers", "return document.querySelector('#model-chip')?.title.includes('Groq')").await;
    open_group(&window, "Cost and limits").await;
    window.click("button", "Add a price").await;
    assert_eq!(window.script(FOCUS, &[]).await, "Prompt", "the chosen model is filled in");
    window.fill("Prompt", "0,25").await;
    window.fill("Answer", "3").await;
    window.click("button", "Save price").await;
    window.until_text("Write the price with a point: 0.25.").await;
    assert_eq!(window.script(FOCUS, &[]).await, "Prompt", "where it is wrong");
    window.screenshot("own-price-fault").await;
    set(&window, "Prompt", "0.3").await;
    window.click("button", "Save price").await;
    let row = |input: f64, cached: f64, output: f64| {
        json!([{ "provider": "groq", "model": "llama-9", "input": input, "cached": cached, "output": output,
            "written": -1, "input_audio": -1, "output_audio": -1,
            "per_minute": -1, "per_thousand_characters": -1 }])
    };
    let shown = |value: &Value| {
        let mut value = value.clone();
        for field in ["input", "cached", "output"] {
            value[0][field] = json!((value[0][field].as_f64().unwrap() * 1e6).round() / 1e6);
        }
        value
    };
    until("the price", async || {
        (shown(
            &window.snapshot().await["settings"]["chat"]["prices"]
                .as_array()
                .filter(|all| all.len() == 1)
                .cloned()?
                .into(),
        ) == row(0.3, -1.0, 3.0))
        .then_some(())
    })
    .await;
    window.until_text("$0.3").await;
    window.screenshot("own-prices").await;
    let file = std::fs::read_to_string(stage.settings_file()).unwrap();
    assert!(file.contains("input = 0.3\n"), "{file}");

    window.click("button", "Change the price of llama-9").await;
    set(&window, "Cached prompt", "0.1").await;
    window.click("button", "Save price").await;
    until("the change", async || {
        (shown(&window.snapshot().await["settings"]["chat"]["prices"]) == row(0.3, 0.1, 3.0)).then_some(())
    })
    .await;
    window.click("button", "Remove the price of llama-9").await;
    until_kept(&window, "no price", "/chat/prices", json!([])).await;
    window.until_text("None: all models cost what is listed.").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ones_own_takes_the_place_of_a_providers() {
    let stage = Stage::new().with_settings(CHAT);
    let window = Window::open(&stage).await;
    open_group(&window, "Gateway and routing").await;
    window.script("document.querySelector('.addresses').open = true", &[]).await;
    window.find("textbox", "Groq, text").await;
    window.fill("Groq, text", "http://groq.example/v1").await;
    window.chord(&['\u{e004}']).await;
    window.until_text("A key is not sent over this plain connection.").await;
    window
        .script(
            "document.querySelector('[data-setting=\"chat.addresses.groq\"]').scrollIntoView({ block: 'center' })",
            &[],
        )
        .await;
    window.screenshot("own-addresses").await;
    window.script("const field = document.querySelector('[data-setting=\"chat.addresses.groq\"] input'); field.focus(); field.value = ''", &[]).await;
    window.fill("Groq, text", "https://groq.example/v1").await;
    window.chord(&['\u{e004}']).await;
    let wanted = json!([{ "provider": "groq", "url": "https://groq.example/v1" }]);
    until_kept(&window, "the address", "/chat/addresses", wanted).await;
    // An emptied one of a voice is the usual one again.
    window.script("const field = document.querySelector('[data-setting=\"providers.cartesia.base_url\"] input'); field.focus(); field.value = ''", &[]).await;
    window.fill("Cartesia", "https://voice.example").await;
    window.chord(&['\u{e004}']).await;
    until_kept(&window, "the voice's address", "/providers/cartesia/base_url", json!("https://voice.example")).await;
    window.script("const field = document.querySelector('[data-setting=\"providers.cartesia.base_url\"] input'); field.focus(); field.value = ''; field.dispatchEvent(new Event('change'))", &[]).await;
    until_kept(&window, "the usual address", "/providers/cartesia/base_url", json!("https://api.cartesia.ai")).await;
    window.close().await;
}
