//! Stage 7 by Cloudflare AI Gateway's WebSocket (`universal.create`): sends a request over a socket that is open already,
//! and gives the answer the form that it has over HTTP.
//!
//! One request at a time: errors may come without the id of their request, and the only way to stop an answer is to close
//! the socket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use protocol::chat::{Failure, FailureKind};
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, timeout_at};

use crate::transport::{Body, Reply, late};
use crate::{Header, HttpRequest, Method, Socket, Sockets, universal};

/// A socket that nobody used for so long is closed.
const REST: Duration = Duration::from_secs(300);
/// Sockets that may rest at the same time.
const RESTING: usize = 4;

/// Sockets that are open and free.
#[derive(Default)]
pub(crate) struct Pool {
    free: Arc<Mutex<Vec<Resting>>>,
}

struct Resting {
    line: Line,
    since: Instant,
}

/// An open socket, and where it leads.
struct Line {
    socket: Socket,
    door: [u8; 32],
    /// Requests that it carried; names the next one.
    count: u64,
}

/// What came of a request so far.
enum Told {
    /// The answer begins, or is there.
    Created { metadata: Value, response: Value },
    /// A piece of it.
    Piece(Value),
    /// It is complete.
    Done,
}

/// What a request needs to know of its surroundings.
pub(crate) struct Terms<'a> {
    pub(crate) sockets: &'a dyn Sockets,
    /// The gateway's own address.
    pub(crate) base: &'a str,
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
}

impl Pool {
    /// Sends, and waits for the beginning of the answer.
    pub(crate) async fn send(&self, terms: &Terms<'_>, request: &HttpRequest) -> Result<Reply, Failure> {
        let due = Instant::now() + terms.first_byte;
        let asked = universal::step(terms.base, request)
            .ok_or_else(|| Failure::new(FailureKind::Gateway, "This request does not go through the gateway."))?;
        let answering = async {
            let mut line = self.line(terms, request).await?;
            let id = line.ask(asked, request).await?;
            let told = line.told(&id).await?;
            Ok((line, id, told))
        };
        let (line, id, told) = timeout_at(due, answering).await.map_err(|_| late(terms.first_byte))??;
        Ok(self.reply(line, id, told, due, terms.idle))
    }

    /// A free socket to the same door, or a new one.
    async fn line(&self, terms: &Terms<'_>, request: &HttpRequest) -> Result<Line, Failure> {
        let token: Vec<_> = universal::token(request).into_iter().cloned().collect();
        let door = door(terms.base, &token);
        if let Some(line) = self.free(&door) {
            return Ok(line);
        }
        let opening =
            HttpRequest { method: Method::Get, url: terms.base.to_owned(), headers: token, body: Bytes::new() };
        Ok(Line { socket: terms.sockets.open(opening).await?, door, count: 0 })
    }

    fn free(&self, door: &[u8; 32]) -> Option<Line> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.retain_mut(|resting| resting.since.elapsed() < REST && resting.line.is_quiet());
        let at = free.iter().rposition(|resting| resting.line.door == *door)?;
        Some(free.swap_remove(at).line)
    }

    fn reply(&self, line: Line, id: String, told: Told, due: Instant, idle: Duration) -> Reply {
        let free = Arc::clone(&self.free);
        let (metadata, first) = match told {
            Told::Created { metadata, response } if !response.is_null() => {
                line.rest(&free);
                let body = Bytes::from(response.to_string());
                let chunks = stream::iter([Ok(body)]).boxed();
                let headers = headers(&metadata, "application/json");
                return Reply { status: status(&response), headers, body: Body::new(chunks, due, idle) };
            }
            Told::Created { metadata, .. } => (metadata, None),
            Told::Piece(piece) => (Value::Null, Some(event(&piece))),
            Told::Done => (Value::Null, Some(Bytes::new())),
        };
        let headers = headers(&metadata, "text/event-stream");
        let state = Some((line, id, free));
        let rest = stream::unfold(state, |state| async move {
            let (mut line, id, free) = state?;
            match line.told(&id).await {
                Ok(Told::Piece(piece)) => Some((Ok(event(&piece)), Some((line, id, free)))),
                // An answer that comes whole after all.
                Ok(Told::Created { response, .. }) => Some((Ok(event(&response)), Some((line, id, free)))),
                Ok(Told::Done) => {
                    line.rest(&free);
                    None
                }
                Err(failure) => Some((Err(failure), None)),
            }
        });
        let chunks = stream::iter(first.map(Ok)).chain(rest).boxed();
        Reply { status: 200, headers, body: Body::new(chunks, due, idle) }
    }
}

impl Line {
    /// Whether nothing came that nobody asked for, and the socket is open.
    fn is_quiet(&mut self) -> bool {
        matches!(self.socket.incoming.try_recv(), Err(TryRecvError::Empty)) && !self.socket.outgoing.is_closed()
    }

    /// Back to the others.
    fn rest(self, free: &Mutex<Vec<Resting>>) {
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < RESTING {
            free.push(Resting { line: self, since: Instant::now() });
        }
    }

    async fn ask(&mut self, mut asked: Value, request: &HttpRequest) -> Result<String, Failure> {
        self.count += 1;
        let id = format!("sidetone-{}", self.count);
        asked["eventId"] = id.clone().into();
        for (name, value) in universal::options(request) {
            if let Header::Plain(value) = value {
                asked["headers"][*name] = value.clone().into();
            }
        }
        let frame = json!({ "type": "universal.create", "request": asked }).to_string();
        self.socket.outgoing.send(frame).await.map_err(|_| closed())?;
        Ok(id)
    }

    /// The next word about the request.
    async fn told(&mut self, id: &str) -> Result<Told, Failure> {
        loop {
            let frame = self.socket.incoming.recv().await.ok_or_else(closed)??;
            let Ok(mut frame) = serde_json::from_str::<Value>(&frame) else {
                tracing::warn!(bytes = frame.len(), "a frame of the gateway makes no sense");
                continue;
            };
            let (metadata, response) = (frame["metadata"].take(), frame["response"].take());
            // Without an id it can only be about this one.
            if metadata["eventId"].as_str().is_some_and(|other| other != id) {
                continue;
            }
            match frame["type"].as_str().unwrap_or_default() {
                "universal.created" => return Ok(Told::Created { metadata, response }),
                "universal.stream" => return Ok(Told::Piece(response)),
                "universal.done" => return Ok(Told::Done),
                other if other.contains("error") || has_error(&response) || has_error(&frame) => {
                    let body = if has_error(&response) { response } else { frame };
                    return Ok(Told::Created { metadata, response: body });
                }
                other => tracing::trace!(kind = other, "a frame of the gateway is not known"),
            }
        }
    }
}

/// A mark of address and token: sockets are used again only for the same ones.
fn door(base: &str, token: &[(&'static str, Header)]) -> [u8; 32] {
    use secrecy::ExposeSecret;
    let mut hash = blake3::Hasher::new();
    hash.update(base.as_bytes()).update(b"\n");
    for (_, value) in token {
        match value {
            Header::Plain(text) => hash.update(text.as_bytes()),
            Header::Secret(secret) => hash.update(secret.expose_secret().as_bytes()),
        };
    }
    *hash.finalize().as_bytes()
}

/// What the answer's headers say over HTTP.
fn headers(metadata: &Value, usual: &str) -> Vec<(String, String)> {
    let names = [("cacheStatus", "cf-aig-cache-status"), ("logId", "cf-aig-log-id"), ("step", "cf-aig-step")];
    let text = |name: &str| match &metadata[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let told = names.into_iter().filter_map(|(name, header)| Some((header.to_owned(), text(name)?)));
    // Chunks were parsed at the gateway: whatever it says, they come as events or as one body.
    std::iter::once(("content-type".to_owned(), usual.to_owned())).chain(told).collect()
}

/// A chunk as the server-sent event that it was.
fn event(chunk: &Value) -> Bytes {
    let data = chunk.as_str().map_or_else(|| chunk.to_string(), str::to_owned);
    let name = chunk["type"].as_str().filter(|name| !name.contains(['\r', '\n']));
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    let lines = data.lines().map(|line| format!("data: {line}\n"));
    Bytes::from(name + &lines.collect::<String>() + "\n")
}

fn has_error(body: &Value) -> bool {
    let is_told = |field: &Value| match field {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(_) => true,
    };
    body["success"] == false
        || is_told(&body["error"])
        || is_told(&body["errors"])
        || body["type"] == "error"
        || body[0]["code"].is_number()
        || body[0]["error"].is_object()
}

/// The HTTP status that such a body would have come with: it is not told over a socket.
fn status(body: &Value) -> u16 {
    if !has_error(body) {
        return 200;
    }
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let is_failure = |status: &u16| (400..600).contains(status);
    let told = [&body["httpCode"], &body["error"]["code"], &body["error"]["status"], &body[0]["error"]["code"]];
    if let Some(status) = told.into_iter().filter_map(number).find(is_failure) {
        return status;
    }
    match [&body["error"][0]["code"], &body["errors"][0]["code"], &body[0]["code"]].into_iter().find_map(number) {
        Some(2009 | 10_000) => 401,
        Some(2003 | 2018 | 2041) => 429,
        Some(2021) => 402,
        Some(2016 | 2017) => 424,
        Some(_) => 400,
        // The words tell more than this.
        None => 502,
    }
}

fn closed() -> Failure {
    Failure::new(FailureKind::Broken, "The connection to the gateway was closed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_the_status_that_it_would_have_over_http() {
        for (body, expected) in [
            (json!({ "id": "x", "choices": [], "error": null }), 200),
            (json!({ "success": false, "errors": [{ "code": 10000, "message": "Authentication error" }] }), 401),
            (json!({ "success": false, "error": [{ "code": 2005 }], "httpCode": 400, "internalCode": 2005 }), 400),
            (json!([{ "code": 2003, "message": "Rate limited" }]), 429),
            (json!({ "error": { "code": 503, "message": "busy", "status": "UNAVAILABLE" } }), 503),
            (json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }), 502),
            (json!({ "error": "no" }), 502),
        ] {
            assert_eq!(status(&body), expected, "{body}");
        }
    }

    #[test]
    fn chunks_become_the_events_that_they_were() {
        assert_eq!(&event(&json!({ "id": 1 }))[..], b"data: {\"id\":1}\n\n");
        assert_eq!(
            &event(&json!({ "type": "message_stop" }))[..],
            b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        );
        assert_eq!(&event(&json!("[DONE]"))[..], b"data: [DONE]\n\n");
    }
}
