//! The program's real window, driven through WebDriver.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use fantoccini::actions::{Actions, InputSource as _, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::display::Display;
use crate::{Stage, program, until};

/// Roles by which assistive technology, and so a test, knows things on the page.
pub type Role = &'static str;

/// An open window. The program ends when it is closed or dropped.
#[derive(Debug)]
pub struct Window {
    client: Client,
    _driver: Daemon,
    display: Display,
}

impl Window {
    /// Opens the window on a screen of 1280 × 800 pixels.
    pub async fn open(stage: &Stage) -> Self {
        Self::open_on(stage, "1280x800").await
    }

    /// Opens the window on a screen of this size in pixels, such as `1280x800`.
    pub async fn open_on(stage: &Stage, screen: &str) -> Self {
        let display = Display::start(stage, screen);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = stage.command("WebKitWebDriver");
        command.arg(format!("--port={port}")).arg("--host=127.0.0.1");
        command.env("DISPLAY", &display.name).env("TAURI_WEBVIEW_AUTOMATION", "true");
        let driver = Daemon::start(&mut command, "webkit2gtk-driver");
        until("WebDriver", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)).await;
        let wishes = json!({ "webkitgtk:browserOptions": { "binary": program(), "args": [] } });
        let wishes = wishes.as_object().expect("an object").clone();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        let address = format!("http://127.0.0.1:{port}");
        let client = tokio::time::timeout(Duration::from_secs(30), builder.capabilities(wishes).connect(&address))
            .await
            .expect("the window opens within 30 s")
            .unwrap_or_else(|error| panic!("the window did not open: {error}"));
        let window = Self { client, _driver: driver, display };
        window
            .until("the page", "return document.readyState === 'complete' && !!document.body?.innerText.trim()")
            .await;
        window
    }

    /// The value for `DISPLAY` of programs that should appear beside it.
    pub fn display(&self) -> &str {
        &self.display.name
    }

    /// What a script returns.
    pub async fn script(&self, script: &str, arguments: &[Value]) -> Value {
        let executing = tokio::time::timeout(crate::LIMIT, self.client.execute(script, arguments.to_vec()));
        let result = executing.await.unwrap_or_else(|_| panic!("no answer to script {script}"));
        result.unwrap_or_else(|error| panic!("{error} in script {script}"))
    }

    /// Waits until a script returns something that is not false or null.
    pub async fn until(&self, what: &str, script: &str) -> Value {
        until(what, async || {
            let value = self.client.execute(script, Vec::new()).await.ok()?;
            (!value.is_null() && value != Value::Bool(false)).then_some(value)
        })
        .await
    }

    /// The visible element of this role and name, if there is one. Without a name: the first of its role.
    pub async fn seek(&self, role: Role, name: Option<&str>) -> Option<Element> {
        let found = self.script(include_str!("seek.js"), &[role.into(), name.into()]).await;
        let id = found.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), id.into()))
    }

    /// Waits for the visible element of this role and name.
    pub async fn find(&self, role: Role, name: &str) -> Element {
        until(&format!("a {role} named {name:?}"), async || self.seek(role, Some(name)).await).await
    }

    /// Clicks the element of this role and name.
    pub async fn click(&self, role: Role, name: &str) {
        let element = self.find(role, name).await;
        let clicking = tokio::time::timeout(crate::LIMIT, element.click()).await;
        let clicking = clicking.unwrap_or_else(|_| panic!("no answer to a click on {role} {name:?}"));
        clicking.unwrap_or_else(|error| panic!("{role} {name:?} cannot be clicked: {error}"));
    }

    /// Types into the text box of this name.
    pub async fn fill(&self, name: &str, text: &str) {
        let element = self.find("textbox", name).await;
        element.send_keys(text).await.unwrap_or_else(|error| panic!("{name:?} takes no text: {error}"));
    }

    /// Types into the text box of this name, in the place of what is there.
    pub async fn replace(&self, name: &str, text: &str) {
        let there = self.find("textbox", name).await.prop("value").await.ok().flatten().unwrap_or_default();
        let backspaces = "\u{e003}".repeat(there.chars().count());
        self.fill(name, &(backspaces + text)).await;
    }

    /// Puts the pointer on the element of this role and name and holds its button down.
    pub async fn hold(&self, role: Role, name: &str) {
        let element = self.find(role, name).await;
        let moved = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let actions = MouseActions::new("mouse".into()).then(moved).then(PointerAction::Down { button: 0 });
        self.perform("the pointer goes down", actions).await;
    }

    /// Lets the pointer's button go.
    pub async fn let_go(&self) {
        let actions = MouseActions::new("mouse".into()).then(PointerAction::Up { button: 0 });
        self.perform("the pointer goes up", actions).await;
    }

    /// Presses a key and leaves it down.
    pub async fn key_down(&self, key: char) {
        let actions = KeyActions::new("keys".into()).then(KeyAction::Down { value: key });
        self.perform("the key goes down", actions).await;
    }

    /// Lets a key go.
    pub async fn key_up(&self, key: char) {
        let actions = KeyActions::new("keys".into()).then(KeyAction::Up { value: key });
        self.perform("the key goes up", actions).await;
    }

    /// Presses keys together, the last one briefly.
    pub async fn chord(&self, keys: &[char]) {
        let mut actions = KeyActions::new("keys".into());
        for key in keys {
            actions = actions.then(KeyAction::Down { value: *key });
        }
        for key in keys.iter().rev() {
            actions = actions.then(KeyAction::Up { value: *key });
        }
        self.perform("keys are pressed", actions).await;
    }

    async fn perform(&self, what: &str, actions: impl Into<Actions>) {
        let performing = tokio::time::timeout(crate::LIMIT, self.client.perform_actions(actions)).await;
        performing.unwrap_or_else(|_| panic!("{what}: no answer")).unwrap_or_else(|error| panic!("{what}: {error}"));
    }

    /// The words of the status region: the state of the talk button.
    pub async fn status(&self) -> String {
        match self.seek("status", None).await {
            Some(element) => element.text().await.unwrap_or_default(),
            None => String::new(),
        }
    }

    /// Waits until the status region holds this word.
    pub async fn until_status(&self, word: &str) {
        let mut last = String::new();
        let what = format!("the status {word:?}");
        let start = std::time::Instant::now();
        while !last.contains(word) {
            assert!(start.elapsed() < crate::LIMIT, "waited in vain for {what}; it is {last:?}");
            last = self.status().await;
        }
    }

    /// Waits until the call is connected.
    pub async fn until_connected(&self) {
        until("the call to be connected", async || {
            let snapshot = self.invoke("snapshot", json!({})).await.ok()?;
            (snapshot["call"]["link"]["state"] == "live").then_some(())
        })
        .await;
    }

    /// What the engine knows.
    pub async fn snapshot(&self) -> Value {
        self.invoke("snapshot", json!({})).await.unwrap_or_else(|error| panic!("no snapshot: {error}"))
    }

    /// Writes a question and waits until it is answered.
    pub async fn ask(&self, question: &str) {
        let before = self.answers().await;
        self.fill("Message", &format!("{question}\u{e007}")).await;
        until(&format!("an answer to {question:?}"), async || (self.answers().await > before).then_some(())).await;
        self.until_answered().await;
    }

    /// Waits until nothing is being answered, and the page shows so.
    pub async fn until_answered(&self) {
        let is_whole = "const last = [...document.querySelectorAll('#turns .written')].at(-1);
            return last?.matches('.assistant:not([data-delivery=arriving])') && document.getElementById('stop-answer').hidden";
        self.until("the whole answer", is_whole).await;
    }

    /// The last answer of the open conversation that was written.
    pub async fn answer(&self) -> Value {
        let mut snapshot = self.snapshot().await;
        let last = snapshot["messages"].as_array_mut().and_then(Vec::pop);
        last.unwrap_or_default()
    }

    async fn answers(&self) -> u64 {
        let count = "return document.querySelectorAll('#turns .written.assistant').length";
        self.script(count, &[]).await.as_u64().unwrap_or(0)
    }

    /// The text of the conversation.
    pub async fn conversation(&self) -> String {
        let log = self.find("log", "Conversation").await;
        log.text().await.unwrap_or_default()
    }

    /// Waits until the conversation holds this text; gives all of it.
    pub async fn until_said(&self, text: &str) -> String {
        until(&format!("{text:?} in the conversation"), async || {
            let said = self.conversation().await;
            said.contains(text).then_some(said)
        })
        .await
    }

    /// All the text that is visible.
    pub async fn text(&self) -> String {
        self.script("return document.body.innerText", &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows this text.
    pub async fn until_text(&self, text: &str) {
        let mut last = String::new();
        let start = std::time::Instant::now();
        while !last.contains(text) {
            assert!(start.elapsed() < crate::LIMIT, "waited in vain for {text:?}; the page says:\n{last}");
            last = self.text().await;
        }
    }

    /// Everything that a script in the page can get hold of: the document, and the engine's snapshot.
    pub async fn everything(&self) -> String {
        let source = self.client.source().await.expect("the source of the page");
        let values = "return [...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\\n')
            + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + location.href";
        let values = self.script(values, &[]).await;
        source + values.as_str().unwrap_or_default()
    }

    /// The answer of one of the program's own commands, as the page would get it.
    pub async fn invoke(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let script = "const [command, args, done] = arguments;
            window.__TAURI__.core.invoke(command, args).then((ok) => done({ ok }), (error) => done({ error }));";
        let answer = self.client.execute_async(script, vec![command.into(), arguments]).await;
        let mut answer = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Resizes the window, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.expect("the window changes its size");
    }

    /// Role and name of an element as the browser engine computes them for assistive technology.
    pub async fn computed(&self, element: &Element) -> (String, String) {
        let get = async |what: &'static str| {
            let answer = self.client.issue_cmd(Computed { element: element.element_id().to_string(), what }).await;
            answer.unwrap_or_else(|error| panic!("{what}: {error}")).as_str().unwrap_or_default().to_owned()
        };
        (get("computedrole").await, get("computedlabel").await)
    }

    /// Keeps a picture of the page in `target/screenshots`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let program = program();
        let folder =
            program.parent().and_then(|folder| folder.parent()).expect("the target folder").join("screenshots");
        fs::create_dir_all(&folder).expect("the folder of the screenshots");
        let path = folder.join(format!("{name}.png"));
        // The engine takes its picture with the next frame, and a page at rest has no next frame.
        let stir = "const speck = document.body.appendChild(document.createElement('i'));
            Object.assign(speck.style, { position: 'fixed', width: '1px', height: '1px' });
            let frames = 0;
            const stir = () => {
              speck.style.opacity = String(frames % 2 / 100);
              if (frames++ < 60) requestAnimationFrame(stir); else speck.remove();
            };
            stir();";
        self.script(stir, &[]).await;
        let picture = tokio::time::timeout(crate::LIMIT, self.client.screenshot()).await;
        let picture = picture.expect("no answer to the wish for a picture").expect("a picture of the page");
        fs::write(&path, picture).expect("the picture is written");
        path
    }

    /// Closes the window; the program ends.
    pub async fn close(self) {
        let _ = self.client.close().await;
    }
}

#[derive(Debug)]
struct Computed {
    element: String,
    what: &'static str,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Computed {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/element/{}/{}", session.unwrap_or_default(), self.element, self.what))
    }

    fn method_and_body(&self, _request: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::GET, None)
    }
}
