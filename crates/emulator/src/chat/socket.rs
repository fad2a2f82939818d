//! The gateway's WebSocket for requests that are not realtime: `universal.create` in, `universal.created`,
//! `universal.stream` and `universal.done` out, several requests at once.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use axum::extract::{FromRequestParts as _, Request as HttpRequest, WebSocketUpgrade};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::gateway;
use super::reception::{self, Seen};
use super::record::{End, Passage, Request};
use super::reply::{Reply, Step, Watch};
use super::server::Server;

/// Texts that may wait to be sent.
const WAITING: usize = 64;

/// What a request sends back; nothing: the connection drops.
type Outbox = mpsc::Sender<Option<String>>;

pub(super) async fn open(server: Arc<Server>, request: HttpRequest, passage: Passage) -> Response {
    let path = request.uri().path().to_owned();
    let (mut parts, body) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let (mut seen, mut record) = reception::read(HttpRequest::from_parts(parts, body), path).await;
    record.via = Some(passage.clone());
    seen.number = server.note(record);
    let watch = Watch { server: Arc::clone(&server), number: seen.number };
    let upgrade = match (gateway::refusal(&server, &seen, &passage), upgrade) {
        (Some(refusal), _) => return refusal.send(watch),
        (None, Err(rejection)) => return rejection.into_response(),
        (None, Ok(upgrade)) => upgrade,
    };
    server.amend(seen.number, |request| request.status = 101);
    upgrade.on_upgrade(move |socket| async move {
        serve(&server, &Arc::new(seen), &passage, socket).await;
        drop(watch);
    })
}

/// Until the client goes, a request drops the connection, or the server stops.
async fn serve(server: &Arc<Server>, opening: &Arc<Seen>, passage: &Passage, socket: WebSocket) {
    let (mut sink, mut frames) = socket.split();
    let (outbox, mut out) = mpsc::channel::<Option<String>>(WAITING);
    let mut stopped = server.stopped.subscribe();
    let mut running = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => return,
            text = out.recv() => match text.flatten() {
                Some(text) => if sink.send(Message::text(text)).await.is_err() { return },
                None => return,
            },
            frame = frames.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap_or_default();
                    let (server, opening, outbox) = (Arc::clone(server), Arc::clone(opening), outbox.clone());
                    running.spawn(answer(server, opening, passage.clone(), frame, outbox));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(Message::Binary(_))) => server.violation(opening.number, "a binary frame"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            },
            Some(_) = running.join_next() => {}
        }
    }
}

async fn answer(server: Arc<Server>, opening: Arc<Seen>, passage: Passage, frame: Value, outbox: Outbox) {
    let request = &frame["request"];
    let mut seen = Seen {
        is_post: true,
        path: opening.path.clone(),
        query: String::new(),
        headers: opening.headers.clone(),
        body: request["query"].clone(),
        number: 0,
    };
    let shown = reception::without_secrets(&json!([request]))[0].clone();
    let record = Request {
        method: "WS".to_owned(),
        path: seen.path.clone(),
        body: shown,
        via: Some(Passage { slug: request["provider"].as_str().unwrap_or_default().to_owned(), ..passage }),
        ..Request::default()
    };
    seen.number = server.note(record);
    let watch = Watch { server: Arc::clone(&server), number: seen.number };
    let id = request["eventId"].as_str().unwrap_or_default().to_owned();
    if frame["type"] != "universal.create" || id.is_empty() {
        server.violation(seen.number, "a frame is no universal.create with an eventId");
    }
    let reply = gateway::single(&server, &seen, request).await;
    server.amend(seen.number, |request| request.status = reply.status);
    if say(&reply, &id, &outbox).await.is_some() {
        server.end(seen.number, End::Complete);
    }
    drop(watch);
}

/// The reply in frames; nothing when nobody listens any more, or the connection drops.
async fn say(reply: &Reply, id: &str, outbox: &Outbox) -> Option<()> {
    let told = |name: &str| reception::header(&reply.headers, name).map(str::to_owned);
    let kind = told("content-type").unwrap_or_default();
    let send = async |frame: Value| outbox.send(Some(frame.to_string())).await.ok();
    let mut metadata = json!({ "eventId": id, "contentType": kind, "cacheStatus": told("cf-aig-cache-status"),
        "logId": told("cf-aig-log-id"), "step": 0 });
    let is_stream = reply.status < 400 && kind.starts_with("text/event-stream");
    if is_stream {
        send(json!({ "type": "universal.created", "metadata": metadata })).await?;
    } else if reply.status >= 400 {
        // As it was seen: an error does not tell whose it is.
        metadata = json!({ "contentType": kind });
    }
    let mut text = Vec::new();
    let mut steps = std::collections::VecDeque::from(reply.steps.clone());
    while let Some(step) = steps.pop_front() {
        match step {
            Step::Send(bytes) => text.extend_from_slice(&bytes),
            Step::Repeat(bytes, pause) => {
                tokio::time::sleep(pause).await;
                text.extend_from_slice(&bytes);
                steps.push_front(Step::Repeat(bytes, pause));
            }
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Stall => std::future::pending().await,
            Step::Cut => {
                let _ = outbox.send(None).await;
                return None;
            }
        }
        for chunk in if is_stream { events(&mut text) } else { Vec::new() } {
            send(json!({ "type": "universal.stream", "metadata": { "eventId": id }, "response": chunk })).await?;
        }
    }
    if is_stream {
        return send(json!({ "type": "universal.done", "metadata": { "eventId": id } })).await;
    }
    let whole = String::from_utf8_lossy(&text).into_owned();
    let response = serde_json::from_str(&whole).unwrap_or(Value::String(whole));
    send(json!({ "type": "universal.created", "metadata": metadata, "response": response })).await
}

/// Takes the whole events off the text: the data of each, parsed where it can be.
fn events(text: &mut Vec<u8>) -> Vec<Value> {
    let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let lines: Vec<u8> = text.drain(..=end).collect();
    let lines = String::from_utf8_lossy(&lines);
    let data = lines.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned())))
        .collect()
}
