//! Fake fal on loopback: pictures over HTTP, over the realtime socket (MessagePack), and behind a fake AI gateway.
//!
//! As documented and as its clients speak (fal-client 1.0.3 for Python, 1.10.1 for JavaScript): `Authorization: Key …`,
//! `POST /{app}`, `GET /{app}/realtime` as a WebSocket, errors as `{"detail": …}`.

mod picture;
mod socket;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::complaint::Complainer;
use crate::{Complaints, loopback};
pub use picture::png;

/// What the fake does.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The key it takes (`id:secret`); empty: any.
    pub key: String,
    /// The gateway's token; empty: none is wanted.
    pub token: String,
    /// How long a picture takes.
    pub pace: Duration,
    /// What goes wrong with the next requests, in order; then nothing does.
    pub troubles: Vec<Trouble>,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// An HTTP status with its usual body: 401, 403 (the balance is exhausted), 422 (content policy), 429, 500, ….
    Status(u16),
    /// A redirect to itself.
    Redirect,
    /// The picture is given by its address.
    Address,
    /// By an address that is not https, on another machine.
    PlainAddress,
    /// The file is SVG with a script.
    Svg,
    /// The safety checker held it back.
    Blocked,
    /// More than anybody wants to keep.
    Huge,
    /// It repeats the key in its error.
    Echo,
    /// It never answers.
    Silence,
    /// Realtime: `x-fal-error` `TIMEOUT`, as after a long silence, and a close.
    Timeout,
    /// Realtime: the key grew old.
    Unauthorized,
    /// Realtime: another control message before the picture, which comes as a URL.
    Chatter,
    /// The connection breaks.
    Cut,
}

/// One request that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which way it came.
    pub way: Way,
    /// The path: the app, or the file.
    pub path: String,
    /// What was to be drawn; empty for files.
    pub prompt: String,
    /// `image_size`.
    pub size: String,
    /// It carried a key or a token.
    pub has_key: bool,
}

/// Which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `POST /{app}`.
    Http,
    /// A wish over the realtime socket.
    Socket,
    /// Through the gateway.
    Gateway,
    /// A file by its address.
    File,
}

/// A running server on 127.0.0.1; it stops, and its connections drop, when this value is dropped.
#[derive(Debug)]
pub struct Fal {
    addr: SocketAddr,
    stage: Arc<Stage>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Stage {
    plan: Plan,
    addr: SocketAddr,
    troubles: Mutex<VecDeque<Trouble>>,
    seen: watch::Sender<Vec<Seen>>,
    violations: Mutex<Vec<String>>,
    complaints: Complainer,
    sockets: watch::Sender<usize>,
}

impl Fal {
    /// Binds a free port and serves.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        Self::start_on(plan, 0).await
    }

    /// Binds this port and serves.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_on(plan: Plan, port: u16) -> anyhow::Result<Self> {
        let listener = loopback::bind(port).await?;
        let addr = listener.local_addr()?;
        let troubles = Mutex::new(plan.troubles.iter().cloned().collect());
        let (seen, sockets) = (watch::Sender::default(), watch::Sender::default());
        let (violations, complaints) = (Mutex::default(), Complainer::default());
        let stage = Arc::new(Stage { plan, addr, troubles, seen, violations, complaints, sockets });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&stage));
        let serving = tokio::spawn(loopback::serve(listener, router, "the fake fal"));
        Ok(Self { addr, stage, serving })
    }

    /// What stands for `https://fal.run`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Base of the gateway; a client asks `{base}/{account}/{gateway}/fal/{app}`.
    pub fn gateway_url(&self) -> String {
        format!("http://{}/gateway/v1", self.addr)
    }

    /// Every request, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.stage.seen.borrow().clone()
    }

    /// What clients did against the protocol.
    pub fn violations(&self) -> Vec<String> {
        self.stage.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same from now on.
    pub fn complaints(&self) -> Complaints {
        self.stage.complaints.listen()
    }

    /// Realtime sockets that were opened.
    pub fn sockets(&self) -> usize {
        *self.stage.sockets.borrow()
    }

    /// Waits until so many requests were seen.
    ///
    /// # Errors
    /// It did not happen within `limit`.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> anyhow::Result<Vec<Seen>> {
        let mut changes = self.stage.seen.subscribe();
        let seen = tokio::time::timeout(limit, changes.wait_for(|seen| seen.len() >= count)).await;
        Ok(seen.context("what was waited for did not happen")??.clone())
    }
}

impl Drop for Fal {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Stage {
    fn trouble(&self) -> Trouble {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Trouble::None)
    }

    fn saw(&self, seen: Seen) {
        self.seen.send_modify(|all| all.push(seen));
    }

    fn violation(&self, what: impl Into<String>) {
        let what = what.into();
        self.complaints.complain(format!("Pictures: {what}"));
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Whether the key in `authorization` is taken.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = text(headers, "authorization");
        match given.strip_prefix("Key ") {
            Some(key) => self.plan.key.is_empty() || key == self.plan.key,
            None => false,
        }
    }

    fn address(&self, prompt: &str) -> String {
        format!("http://{}/files/{}.png", self.addr, prompt.len())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn serve(State(stage): State<Arc<Stage>>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let has_key =
        request.headers().contains_key("authorization") || request.headers().contains_key("cf-aig-authorization");
    if let Some(file) = path.strip_prefix("/files/") {
        let seen = Seen { way: Way::File, path: file.into(), prompt: String::new(), size: String::new(), has_key };
        if has_key {
            stage.violation("a key went to the address of a picture");
        }
        stage.saw(seen);
        return ([("content-type", "image/png")], png(file)).into_response();
    }
    if path.ends_with("/realtime") && request.method() == Method::GET {
        return realtime(stage, request, path).await;
    }
    let (way, app) = match path.strip_prefix("/gateway/v1/") {
        Some(rest) => match rest.splitn(4, '/').collect::<Vec<_>>().as_slice() {
            [_, _, "fal", app] => (Way::Gateway, (*app).to_owned()),
            _ => return refused(404, "no such provider"),
        },
        None => (Way::Http, path.trim_start_matches('/').to_owned()),
    };
    if request.method() != Method::POST || app.ends_with("/realtime") || !app.contains('/') {
        stage.violation(format!("{} {path}", request.method()));
        return refused(404, "Application not found");
    }
    let token = text(request.headers(), "cf-aig-authorization");
    if way == Way::Gateway && !stage.plan.token.is_empty() && token != format!("Bearer {}", stage.plan.token) {
        let body = json!({ "success": false, "error": [{ "code": 2009, "message": "Unauthorized" }] });
        return (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
    }
    // The gateway adds the key that is stored there.
    let is_stored = way == Way::Gateway && text(request.headers(), "authorization").is_empty();
    if !is_stored && !stage.admits(request.headers()) {
        return refused(401, "Cannot access application. Authentication is required.");
    }
    let key = text(request.headers(), "authorization").to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    draw(&stage, way, app, &body, &key).await
}

async fn draw(stage: &Stage, way: Way, app: String, body: &Bytes, key: &str) -> Response<Body> {
    let asked: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let word = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (prompt, size) = (word("prompt"), word("image_size"));
    let trouble = stage.trouble();
    stage.saw(Seen { way, path: app, prompt: prompt.clone(), size: size.clone(), has_key: !key.is_empty() });
    if let Err(why) = check(&asked) {
        stage.violation(why.clone());
        return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(detail("value_error", &why))).into_response();
    }
    tokio::time::sleep(stage.plan.pace).await;
    let data = |mime: &str, bytes: &[u8]| format!("data:{mime};base64,{}", STANDARD.encode(bytes));
    let is_blocked = trouble == Trouble::Blocked;
    let url = match trouble {
        Trouble::Status(422) => {
            let body = detail("content_policy_violation", "The content could not be processed: content policy.");
            return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response();
        }
        Trouble::Status(403) => return refused(403, "User is locked. Reason: Exhausted balance. Top up your balance."),
        Trouble::Status(status) => return refused(status, "It went wrong."),
        Trouble::Echo => return refused(401, &format!("{key} is no key")),
        Trouble::Redirect => {
            let to = [("location", format!("http://{}/elsewhere/app", stage.addr))];
            return (StatusCode::TEMPORARY_REDIRECT, to).into_response();
        }
        Trouble::Silence => std::future::pending().await,
        Trouble::Cut | Trouble::Timeout | Trouble::Unauthorized => return refused(500, ""),
        Trouble::Address => stage.address(&prompt),
        Trouble::PlainAddress => "http://files.example/picture.png".into(),
        Trouble::Svg => data("image/png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        Trouble::Huge => data("image/png", &[png(&prompt), vec![0; 21 << 20]].concat()),
        Trouble::Blocked | Trouble::None | Trouble::Chatter => data("image/png", &png(&prompt)),
    };
    let answer = json!({
        "images": [{ "url": url, "width": 320, "height": 240, "content_type": "image/png" }],
        "timings": { "inference": 0.3 }, "seed": 7, "has_nsfw_concepts": [is_blocked], "prompt": prompt,
    });
    axum::Json(answer).into_response()
}

async fn realtime(stage: Arc<Stage>, request: Request<Body>, path: String) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    let is_admitted = stage.admits(&parts.headers);
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        return refused(400, "a WebSocket is wanted here");
    };
    if !is_admitted {
        return refused(401, "Unauthorized");
    }
    stage.sockets.send_modify(|count| *count += 1);
    let app = path.trim_start_matches('/').to_owned();
    upgrade.on_upgrade(move |socket| socket::serve(socket, stage, app))
}

/// What the apps take; anything else they refuse.
fn check(asked: &Value) -> Result<(), String> {
    const TAKEN: &[&str] =
        &["prompt", "image_size", "num_images", "sync_mode", "seed", "num_inference_steps", "enable_safety_checker"];
    const SIZES: &[&str] = &["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"];
    let object = asked.as_object().ok_or("the body is no object")?;
    if let Some(odd) = object.keys().find(|key| !TAKEN.contains(&key.as_str()) && *key != "request_id") {
        return Err(format!("unknown field {odd}"));
    }
    let prompt = object.get("prompt").and_then(Value::as_str).unwrap_or_default();
    if prompt.trim().is_empty() {
        return Err("prompt: field required".into());
    }
    let size = object.get("image_size").and_then(Value::as_str).unwrap_or("square_hd");
    if SIZES.contains(&size) { Ok(()) } else { Err(format!("image_size: {size}")) }
}

fn detail(kind: &str, words: &str) -> Value {
    json!({ "detail": [{ "loc": ["body", "prompt"], "msg": words, "type": kind }] })
}

fn refused(status: u16, words: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(json!({ "detail": words }))).into_response()
}
