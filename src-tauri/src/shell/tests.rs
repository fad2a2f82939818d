//! The commands as the page calls them, without a display.
#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "tests")]

use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets};
use tauri::webview::InvokeRequest;
use tauri::{App, WebviewWindow};
use tempfile::TempDir;

use super::*;

struct Page {
    app: App<MockRuntime>,
    window: WebviewWindow<MockRuntime>,
    _folder: TempDir,
}

impl Page {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let paths = Paths { config: place("config"), data: place("data"), cache: place("cache"), log: place("log") };
        let engine = tauri::async_runtime::block_on(async {
            Engine::start(paths, Options { practice: practice::start(), card: None, overrides: None }).unwrap()
        });
        let app = configure(mock_builder()).manage(engine).build(mock_context(noop_assets())).unwrap();
        let window = WebviewWindowBuilder::new(&app, WINDOW, tauri::WebviewUrl::default()).build().unwrap();
        Self { app, window, _folder: folder }
    }

    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.into(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: if cfg!(windows) { "http://tauri.localhost" } else { "tauri://localhost" }.parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: tauri::http::HeaderMap::default(),
            invoke_key: INVOKE_KEY.into(),
        };
        get_ipc_response(&self.window, request).map(|body| body.deserialize().unwrap())
    }

    fn stop_engine(&self) {
        farewell(self.app.handle());
    }
}

#[test]
fn subscribing_gives_everything_at_this_moment() {
    let page = Page::open();
    for _ in 0..2 {
        let snapshot = page.call("subscribe", json!({ "channel": "__CHANNEL__:1" })).unwrap();
        assert_eq!(snapshot["call"]["provider"], "practice");
        assert_eq!(snapshot["items"], json!([]));
        assert_eq!(snapshot["about"]["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn a_snapshot_can_be_taken_at_any_time() {
    let snapshot = Page::open().call("snapshot", json!({})).unwrap();
    assert!(snapshot["seq"].is_u64());
    assert!(snapshot["settings"]["providers"]["openai"]["base_url"].is_string());
}

#[test]
fn a_command_reaches_the_engine() {
    let page = Page::open();
    let change = json!({ "command": { "do": "configure", "patch": { "appearance": { "theme": "dark" } } } });
    assert_eq!(page.call("send", change), Ok(Value::Null));
    let snapshot = page.call("snapshot", json!({})).unwrap();
    assert_eq!(snapshot["settings"]["appearance"]["theme"], "dark");
}

#[test]
fn an_unknown_command_is_refused() {
    let page = Page::open();
    assert!(page.call("send", json!({ "command": { "do": "fly" } })).is_err());
    assert!(page.call("get_key", json!({ "holder": "openai" })).is_err());
}

#[test]
fn a_problem_has_a_code_and_never_the_key() {
    let page = Page::open();
    page.stop_engine();
    let problem = page.call("set_key", json!({ "holder": "openai", "key": "sk-test-secret" })).unwrap_err();
    assert_eq!(problem["code"], "internal");
    assert!(!problem.to_string().contains("secret"));
    assert_eq!(page.call("snapshot", json!({})).unwrap_err()["code"], "internal");
}

#[test]
fn levels_are_silent_while_no_device_is_open() {
    let levels = Page::open().call("levels", json!({ "channel": "__CHANNEL__:1" })).unwrap();
    assert_eq!(levels, json!({ "input": -90.0, "output": -90.0, "clipped": false }));
}

#[test]
fn only_known_places_open() {
    assert!(Page::open().call("open_link", json!({ "link": "file:///etc/passwd" })).is_err());
}

#[test]
fn the_page_can_show_its_window() {
    assert_eq!(Page::open().call("show_window", json!({})), Ok(Value::Null));
}

#[test]
fn the_page_can_change_its_size() {
    assert_eq!(Page::open().call("zoom", json!({ "scale": 2.0 })), Ok(Value::Null));
    assert!(Page::open().call("zoom", json!({ "scale": "large" })).is_err());
}

#[test]
fn the_configured_window_is_the_one_with_capabilities() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let config = read(include_str!("../../tauri.conf.json"));
    let capability = read(include_str!("../../capabilities/main.json"));
    assert_eq!(config["app"]["windows"][0]["label"], WINDOW);
    assert_eq!(capability["windows"], json!([WINDOW]));
    assert_eq!(capability["permissions"], json!(["core:default"]));
    assert!(!config["app"]["security"]["csp"].as_str().unwrap().contains("unsafe"));
}
