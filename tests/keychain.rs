//! Keys go into the system's keychain and are used from there; without one, they last as long as the program.
#![cfg(target_os = "linux")]

use emulator::{Emulator, Keys, Purpose, Script, fingerprint};
use tests::{Keychain, LIMIT, Stage, Window};

const KEY: &str = "sk-test-4f1c9d2e8b7a6053-keychain";
const IN_KEYCHAIN: &[(&str, &str)] = &[("service", "sidetone"), ("username", "openai")];

/// A server that takes only [`KEY`].
async fn server() -> Emulator {
    Emulator::start(Script { keys: Keys::only(KEY), ..Script::default() }).await.unwrap()
}

fn settings(server: &Emulator) -> String {
    format!("[call]\nprovider = 'openai'\n[providers.openai]\nbase_url = '{}'", server.base_url())
}

async fn open_keys(window: &Window) {
    window.click("button", "Settings").await;
    window.click("button", "Keys").await;
}

/// Waits until the card of the OpenAI key tells this place.
async fn until_place(window: &Window, place: &str) {
    let script = format!("return !!document.querySelector('[data-holder=openai] [data-place={place}]')");
    window.until(&format!("the key's place to be {place}"), &script).await;
}

async fn paste(window: &Window, key: &str) {
    window.fill("OpenAI key", key).await;
    window.click("button", "Save").await;
}

/// A typed message is answered by a server that takes only [`KEY`].
async fn talk(window: &Window, server: &Emulator) {
    window.click("button", "Back to the conversation").await;
    window.fill("Message", "hello\u{e007}").await;
    window.until_said("You wrote: “hello”").await;
    let record = server.record();
    let call = record.connections.iter().rfind(|connection| connection.path.ends_with("/realtime")).unwrap();
    assert_eq!(call.credential(Purpose::Provider).unwrap().fingerprint, fingerprint(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_key_is_stored_tested_and_read_back_after_a_restart() {
    let server = server().await;
    let stage = Stage::new().with_keychain(Keychain::Unlocked).with_settings(&settings(&server));
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    until_place(&window, "missing").await;
    paste(&window, KEY).await;
    window.until_text("In the system keychain").await;
    window.until_text("The key is valid").await;
    assert_eq!(stage.secret(IN_KEYCHAIN).as_deref(), Some(KEY), "another program finds it in the keychain");
    assert!(!window.everything().await.contains(KEY), "the page still has the key");
    window.screenshot("key-stored").await;
    window.close().await;

    let again = Window::open(&stage).await;
    open_keys(&again).await;
    again.until_text("In the system keychain").await;
    talk(&again, &server).await;
    open_keys(&again).await;
    again.click("button", "Delete").await;
    again.click("button", "Delete it").await;
    until_place(&again, "missing").await;
    assert_eq!(stage.secret(IN_KEYCHAIN), None, "a deleted key is gone");
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_key_is_used_for_the_next_connection() {
    let server = server().await;
    let stage = Stage::new().with_keychain(Keychain::Unlocked).with_settings(&settings(&server));
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    paste(&window, "sk-test-wrong").await;
    window.until_text("The key is not accepted").await;
    window.fill("OpenAI key", KEY).await;
    window.click("button", "Replace").await;
    window.until_text("The key is valid").await;
    talk(&window, &server).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_a_key_lasts_for_this_session_only() {
    let server = server().await;
    let stage = Stage::new().with_settings(&settings(&server));
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    window.until_text("This system has no keychain").await;
    paste(&window, KEY).await;
    window.until_text("Kept until Sidetone closes").await;
    talk(&window, &server).await;
    window.close().await;
    for (path, text) in stage.files() {
        assert!(!text.contains(KEY), "the key was written to {}", path.display());
    }
    let again = Window::open(&stage).await;
    open_keys(&again).await;
    again.until_text("This system has no keychain").await;
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keychain_is_named_and_holds_nothing_up() {
    let server = server().await;
    let stage = Stage::new().with_keychain(Keychain::Locked).with_settings(&settings(&server));
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    window.until_text("The keychain is locked").await;
    window.screenshot("keychain-locked").await;
    window.close().await;
    let list = stage.run(&["keys", "list"]).await;
    assert!(list.output.contains("locked"), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_the_environment_is_used_and_named() {
    let server = server().await;
    let stage = Stage::new().with_env("OPENAI_API_KEY", KEY).with_settings(&settings(&server));
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    window.until_text("From the environment (OPENAI_API_KEY)").await;
    talk(&window, &server).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_key_comes_before_the_environment_and_leaves_it_in_place_when_deleted() {
    let server = server().await;
    let stage = Stage::new().with_keychain(Keychain::Unlocked).with_settings(&settings(&server));
    let stage = stage.with_env("OPENAI_API_KEY", "sk-test-of-the-environment");
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    until_place(&window, "environment").await;
    paste(&window, KEY).await;
    until_place(&window, "stored").await;
    window.until_text("The key is valid").await;
    window.click("button", "Delete").await;
    window.click("button", "Delete it").await;
    until_place(&window, "environment").await;
    let focus = window.script("return document.activeElement.getAttribute('aria-label')", &[]).await;
    assert_eq!(focus, "OpenAI key", "the keyboard stays in the card");
    assert_eq!(stage.secret(IN_KEYCHAIN), None);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_typed_and_not_saved_is_forgotten() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    open_keys(&window).await;
    window.fill("OpenAI key", KEY).await;
    window.click("button", "Show key").await;
    window.click("button", "Back to the conversation").await;
    assert!(!window.everything().await.contains(KEY), "the page still has the key");
    open_keys(&window).await;
    let kind = window.script("return document.getElementById('key-openai').type", &[]).await;
    assert_eq!(kind, "password", "the next key is masked again");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_keeps_tests_and_deletes_a_key() {
    let server = server().await;
    let stage = Stage::new().with_keychain(Keychain::Unlocked).with_settings(&settings(&server));
    let set = stage.run_with_input(&["keys", "set", "openai"], &format!("{KEY}\n")).await;
    assert_eq!(set.code, Some(0), "{set:?}");
    assert_eq!(stage.secret(IN_KEYCHAIN).as_deref(), Some(KEY));
    let test = stage.run(&["keys", "test", "openai"]).await;
    assert_eq!(test.code, Some(0), "{test:?}");
    let call = stage.run(&["call", "--provider", "openai", "--text", "hello", "--timeout", "20"]).await;
    assert_eq!(call.code, Some(0), "{call:?}");
    server.wait_for(|seen| seen.sent_count("response.done") == 1, LIMIT).await.unwrap();
    let remove = stage.run(&["keys", "rm", "openai"]).await;
    assert_eq!(remove.code, Some(0), "{remove:?}");
    assert_eq!(stage.secret(IN_KEYCHAIN), None);
    for outcome in [set, test, call, remove] {
        assert!(!outcome.output.contains(KEY) && !outcome.errors.contains(KEY), "{outcome:?}");
    }
}
