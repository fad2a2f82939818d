//! `POST /v1/ask`: one prompt, answered in an envelope of `success`, `data`, `usage` and `metadata` or `error`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use gateway::{Ask, GatewayOptions, Order, Piece, Policy, Purpose, Receipt};
use jiff::Timestamp;
use protocol::chat::{Delta, Failure, FailureKind, Message, Part, Request, Speaker};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Hall, asked, chat, outcome, target};

/// Where it is.
pub(super) const PATH: &str = "/v1/ask";

/// What is asked. Names as the documents of the API have them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    prompt: String,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    model: String,
    #[serde(default)]
    system: String,
    #[serde(default)]
    max_tokens: Option<u64>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    policy: Option<Policy>,
    #[serde(default)]
    cache: Option<bool>,
}

pub(super) async fn ask(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return failed(&Failure::new(FailureKind::Invalid, format!("the request makes no sense: {error}")));
        }
    };
    if let Some(unknown) = asked.provider.as_deref().filter(|name| !target::is_provider(name)) {
        return failed(&Failure::new(FailureKind::Invalid, format!("there is no provider {unknown:?}")));
    }
    let is_stream = asked.stream;
    let cache = asked.cache.or_else(|| asked::cache(&hall, &headers, false));
    let pieces = hall.text.ask(Ask { options: asked::options(&headers), cache, ..request(&hall, asked) });
    if is_stream {
        return streamed(pieces).await;
    }
    match chat::gather(pieces).await {
        Ok(whole) => (chat::told_by(&whole.receipt), Json(success(&whole.text, &whole.receipt))).into_response(),
        Err(failure) => failed(&failure),
    }
}

fn request(hall: &Hall, asked: Asked) -> Ask {
    let text = |role, text| Message { role, parts: vec![Part::Text { text }] };
    let system = Some(asked.system).filter(|system| !system.is_empty());
    let mut messages: Vec<Message> = system.map(|system| text(Speaker::System, system)).into_iter().collect();
    messages.push(text(Speaker::User, asked.prompt));
    let order = hall.order(asked.provider.as_deref(), &asked.model);
    let spares = hall.spares(asked.provider.as_deref(), &asked.model);
    let order = match asked.policy {
        Some(policy) => Order::Policy(policy, order.targets().to_vec()),
        None => order,
    };
    Ask {
        request: Request {
            model: asked.model,
            messages,
            temperature: asked.temperature,
            max_output: asked.max_tokens,
            effort: None,
            tools: Vec::new(),
            raw: None,
        },
        order,
        spares,
        purpose: Purpose::Api,
        profile: "local-api".into(),
        conversation: None,
        is_stream: asked.stream,
        cache: None,
        route: None,
        options: GatewayOptions::default(),
    }
}

/// Events `{"data": "more text"}`, then the envelope without its data.
async fn streamed(pieces: mpsc::Receiver<Piece>) -> Response {
    let (told, pieces) = match chat::begin(pieces).await {
        Ok(begun) => begun,
        Err(failure) => return failed(&failure),
    };
    let events = pieces.map(|piece| match piece {
        Some(Piece::Delta(Delta::Text(text))) => chat::event(&json!({ "data": text })),
        Some(Piece::Receipt(receipt)) => chat::event(&success("", &receipt)),
        Some(Piece::Failed(failure, _)) => chat::event(&error(&failure)),
        Some(Piece::Delta(_) | Piece::Progress(_)) => String::new(),
        None => chat::event(&error(&Failure::broken_off())),
    });
    (told, outcome::events(events)).into_response()
}

fn success(text: &str, receipt: &Receipt) -> Value {
    let tokens = receipt.tokens;
    let hit = match receipt.cache {
        gateway::CacheState::Hit | gateway::CacheState::Coalesced | gateway::CacheState::Remote => "hit",
        gateway::CacheState::Off | gateway::CacheState::Miss => "miss",
    };
    json!({
        "success": true,
        "data": text,
        "provider": receipt.target.provider,
        "model": receipt.answered_by.as_deref().unwrap_or(&receipt.target.model),
        "usage": {
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "totalTokens": tokens.input + tokens.output,
        },
        "metadata": {
            "responseTime": receipt.times.total_ms,
            "cacheStatus": hit,
            "cache": chat::cache(receipt.cache),
            // US dollars, exact to the nano-dollar.
            "cost": receipt.cost.map(|cost| cost.0 as f64 / 1e9),
            "costNano": receipt.cost,
            "attempts": receipt.attempts,
            "requestId": request_id(),
            "timestamp": Timestamp::now().to_string(),
        },
    })
}

fn failed(failure: &Failure) -> Response {
    (outcome::status(failure), Json(error(failure))).into_response()
}

/// A refusal before it was looked at, in the envelope.
pub(super) fn refused(status: StatusCode, kind: &str, words: &str) -> Response {
    let error = json!({ "type": kind, "message": words, "code": status.as_u16(), "retryAfter": null });
    (status, Json(envelope(error))).into_response()
}

fn error(failure: &Failure) -> Value {
    envelope(json!({
        "type": outcome::kind(failure.kind),
        "message": failure.message,
        "code": failure.status.unwrap_or_else(|| outcome::status(failure).as_u16()),
        "retryAfter": failure.retry_after.map(|wait| wait.as_secs()),
    }))
}

fn envelope(error: Value) -> Value {
    json!({
        "success": false,
        "error": error,
        "metadata": { "requestId": request_id(), "timestamp": Timestamp::now().to_string() },
    })
}

fn request_id() -> String {
    format!("req_{:016x}", fastrand::u64(..))
}
