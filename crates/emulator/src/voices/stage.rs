//! The server under the actors: handshakes, frames, faults that are the same for all, and the record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::{broadcast, watch};

use super::{Act, Actor, Message, Plan, cast};
use crate::Complaints;
use crate::complaint::Complainer;
use crate::record::fingerprint;

/// What a client dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path.
    pub path: String,
    /// Query.
    pub query: BTreeMap<String, String>,
    /// Headers, names in lower case; those that hold keys as fingerprints of the key.
    pub headers: BTreeMap<String, String>,
}

/// What was seen of clients, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A handshake.
    Opened {
        /// Number of the connection, from 0.
        connection: usize,
        /// What was dialled.
        request: Request,
    },
    /// A message of the client.
    Message {
        /// Number of the connection.
        connection: usize,
        /// What.
        message: Message,
    },
    /// The client broke the protocol.
    Violation {
        /// Number of the connection.
        connection: usize,
        /// How.
        what: String,
    },
    /// The connection is over.
    Closed {
        /// Number of the connection.
        connection: usize,
    },
}

/// Headers that carry keys.
const SECRET: [&str; 5] = ["authorization", "x-goog-api-key", "xi-api-key", "x-api-key", "cf-aig-authorization"];

/// Shared by all connections.
#[derive(Debug)]
pub(super) struct Stage {
    plan: Plan,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
    has_cut: AtomicBool,
    pulse: watch::Sender<u64>,
    complaints: Complainer,
    stopped: watch::Sender<bool>,
    ends: broadcast::Sender<End>,
}

/// Connections whose paths end so come to their end.
#[derive(Debug, Clone)]
struct End {
    path: String,
    acts: Vec<Act>,
}

impl Stage {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            seen: Mutex::default(),
            connections: Mutex::default(),
            has_cut: AtomicBool::new(false),
            pulse: watch::Sender::new(0),
            complaints: Complainer::default(),
            stopped: watch::Sender::new(false),
            ends: broadcast::Sender::new(16),
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.pulse.subscribe()
    }

    pub(super) fn complaints(&self) -> Complaints {
        self.complaints.listen()
    }

    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    pub(super) fn end(&self, path: &str, acts: Vec<Act>) {
        // Nobody may be there.
        let _ = self.ends.send(End { path: path.to_owned(), acts });
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// True once: for faults that happen only the first time.
    pub(super) fn is_first_time(&self) -> bool {
        !self.has_cut.swap(true, Ordering::Relaxed)
    }

    pub(super) fn note(&self, seen: Seen) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        self.pulse.send_modify(|count| *count += 1);
    }

    /// The client broke the protocol.
    pub(super) fn violation(&self, connection: usize, what: String) {
        tracing::warn!(connection, what, "a client broke the protocol");
        self.complaints.complain(format!("Voices, connection {connection}: {what}"));
        self.note(Seen::Violation { connection, what });
    }

    pub(super) fn number(&self) -> usize {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *connections += 1;
        *connections - 1
    }
}

/// All paths: the cast decides.
pub(super) fn router(stage: &Arc<Stage>) -> Router {
    super::speech::routes().fallback(get(handshake)).with_state(Arc::clone(stage))
}

async fn handshake(
    State(stage): State<Arc<Stage>>,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let connection = stage.number();
    let request = Request { path: uri.path().to_owned(), query, headers: told(&headers) };
    stage.note(Seen::Opened { connection, request: request.clone() });
    let refused = |status: u16, body: String| {
        (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body).into_response()
    };
    if let Some((status, body)) = stage.plan.refusal.clone() {
        return refused(status, body);
    }
    let Some(mut actor) = cast(&request, &stage.plan) else {
        return refused(404, "nobody plays here".into());
    };
    if let Err((status, body)) = actor.admit(&request) {
        return match actor.reason_header() {
            Some(name) => ([(name, body.clone())], refused(status, body)).into_response(),
            None => refused(status, body),
        };
    }
    match upgrade {
        Ok(upgrade) => {
            let upgrade = upgrade.max_message_size(64 << 20).max_frame_size(64 << 20);
            upgrade.on_upgrade(move |socket| async move {
                let mut stopped = stage.stopped.subscribe();
                tokio::select! {
                    () = play(actor, socket, &stage, (connection, &request.path)) => {}
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
                stage.note(Seen::Closed { connection });
            })
        }
        Err(rejection) => rejection.into_response(),
    }
}

/// Headers for the record; keys only as fingerprints.
pub(super) fn told(headers: &HeaderMap) -> BTreeMap<String, String> {
    let tell = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        let text = value.to_str().unwrap_or_default();
        let text = if SECRET.contains(&name.as_str()) { masked(text) } else { text.to_owned() };
        (name.as_str().to_owned(), text)
    };
    headers.iter().map(tell).collect()
}

/// `Bearer KEY` as `Bearer <fingerprint>`.
fn masked(text: &str) -> String {
    match text.split_once(' ') {
        Some((scheme, key)) => format!("{scheme} {}", fingerprint(key)),
        None => fingerprint(text),
    }
}

async fn play(mut actor: Box<dyn Actor>, mut socket: WebSocket, stage: &Stage, (connection, path): (usize, &str)) {
    let mut ends = stage.ends.subscribe();
    let mut sent = 0;
    let mut acts = actor.open();
    loop {
        for act in acts {
            if !perform(act, &mut socket, stage, connection, &mut sent).await {
                return;
            }
        }
        let pause = actor.pause().unwrap_or(Duration::MAX);
        let received = tokio::select! {
            acts = end(&mut ends, path) => Err(acts),
            received = tokio::time::timeout(pause, socket.recv()) => received.map_err(|_| actor.wake()),
        };
        acts = match received {
            Err(acts) => acts,
            Ok(Some(Ok(Frame::Text(text)))) => hear(&mut *actor, Message::Text(text.to_string()), stage, connection),
            Ok(Some(Ok(Frame::Binary(bytes)))) => hear(&mut *actor, Message::Binary(bytes.to_vec()), stage, connection),
            Ok(Some(Ok(Frame::Ping(_) | Frame::Pong(_)))) => Vec::new(),
            Ok(Some(Ok(Frame::Close(_)) | Err(_)) | None) => return,
        };
    }
}

/// What is to be done when a connection with this path comes to its end.
async fn end(ends: &mut broadcast::Receiver<End>, path: &str) -> Vec<Act> {
    while let Ok(end) = ends.recv().await {
        if path.ends_with(&end.path) {
            return end.acts;
        }
    }
    std::future::pending().await
}

fn hear(actor: &mut dyn Actor, message: Message, stage: &Stage, connection: usize) -> Vec<Act> {
    let acts = actor.receive(&message);
    stage.note(Seen::Message { connection, message });
    acts
}

/// `false`: the connection is over.
async fn perform(act: Act, socket: &mut WebSocket, stage: &Stage, connection: usize, sent: &mut usize) -> bool {
    match act {
        Act::Violation(what) => {
            stage.violation(connection, what);
            true
        }
        Act::Close(code, reason) => {
            let frame = CloseFrame { code, reason: reason.into() };
            let _ = socket.send(Frame::Close(Some(frame))).await;
            false
        }
        Act::Send(message) => {
            let plan = &stage.plan;
            if plan.cut_after == Some(*sent) && !stage.has_cut.swap(true, Ordering::Relaxed) {
                if let Some((code, reason)) = plan.expiry.clone() {
                    let frame = CloseFrame { code, reason: reason.into() };
                    let _ = socket.send(Frame::Close(Some(frame))).await;
                }
                return false;
            }
            *sent += 1;
            let frame = match message {
                Message::Text(text) => Frame::text(text),
                Message::Binary(bytes) => Frame::binary(bytes),
            };
            let mut frames = Vec::new();
            if plan.is_noisy {
                frames.extend([Frame::text("{\"type\":"), Frame::text("[]"), Frame::binary(vec![0xFF, 0x00, 0x7B])]);
            }
            frames.push(frame.clone());
            if plan.is_stuttering {
                frames.push(frame);
            }
            for frame in frames {
                if socket.send(frame).await.is_err() {
                    return false;
                }
            }
            true
        }
    }
}
