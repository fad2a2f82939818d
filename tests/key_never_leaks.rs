//! No key in settings, data, logs, command lines, the page, or a URL; not even with everything logged.
#![cfg(target_os = "linux")]

use emulator::{Emulator, Keys, Script};
use serde_json::json;
use tests::{Stage, Window};

const KEY: &str = "sk-test-d41d8cd98f00b204-must-not-leak";
const TOKEN: &str = "cf-test-e9800998ecf8427e-must-not-leak";
/// Enough of a key to recognise it by.
const PARTS: [&str; 2] = ["d41d8cd98f00b204", "e9800998ecf8427e"];

fn check(place: &str, text: &str) {
    for part in PARTS {
        assert!(!text.contains(part), "a key is in {place}");
    }
}

fn check_stage(stage: &Stage, server: &Emulator) {
    let files = stage.files();
    assert!(files.iter().any(|(path, text)| path.extension().is_some_and(|end| end == "log") && text.len() > 1000));
    for (path, text) in files {
        check(&path.display().to_string(), &text);
    }
    for (id, line) in stage.processes() {
        check(&format!("the command line of process {id}"), &line);
    }
    for connection in server.record().connections {
        check("a URL", &format!("{}?{}", connection.path, connection.query));
    }
}

/// Wrong keys make servers and clients talkative; a fault makes them try again.
async fn everything_a_window_does_with_keys(script: Script, route: &str) {
    let server = Emulator::start(script.fault(emulator::FaultKind::CutAfterCreated)).await.unwrap();
    let settings = format!(
        "[call]\nprovider = 'openai'\nroute = '{route}'\n[providers.openai]\nbase_url = '{}'\n[gateway]\nbase_url = '{}'\n\
         account_id = '0123456789abcdef0123456789abcdef'\ngateway_id = 'main'",
        server.base_url(),
        server.gateway_url()
    );
    let stage = Stage::new().with_env("RUST_LOG", "trace,pulseaudio=off").with_settings(&settings);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window.click("button", "Keys").await;
    window.fill("OpenAI key", KEY).await;
    window.click("button", "Save").await;
    window.until_text("Kept until Sidetone closes").await;
    window.fill("Cloudflare AI Gateway key", TOKEN).await;
    window.click("button", "Save").await;
    window.until("both keys kept", "return document.querySelectorAll('[data-place=session_only]').length === 2").await;
    window.click("button", "Back to the conversation").await;
    window.fill("Message", "hello\u{e007}").await;
    let is_settled = "return !!document.querySelector('#problem .problem, li.assistant[data-delivery=complete]')";
    window.until("an answer or a refusal", is_settled).await;
    check("the page", &window.everything().await);
    let snapshot = window.invoke("snapshot", json!({})).await.unwrap();
    assert!(snapshot["credentials"].is_array());
    check("the snapshot", &snapshot.to_string());
    check_stage(&stage, &server);
    window.close().await;
    check_stage(&stage, &server);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_key_stays_secret() {
    everything_a_window_does_with_keys(Script { keys: Keys::only(KEY), ..Script::default() }, "direct").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_stays_secret() {
    everything_a_window_does_with_keys(Script { keys: Keys::only("another"), ..Script::default() }, "direct").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_through_the_gateway_stay_secret() {
    everything_a_window_does_with_keys(Script { keys: Keys::only(KEY), ..Script::default() }, "gateway").await;
}
