//! `POST /v1/chat/completions`: the request in `OpenAI`'s words, answered by whomever it names.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use gateway::{CacheState, Piece, Progress, Receipt, Target};
use protocol::chat::{Delta, Failure, FailureKind, Finish};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::asked::{self, Question};
use super::{Hall, outcome};
use crate::call::unix_ms;

pub(super) async fn completions(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&hall, None, &headers, body).await
}

/// Answers a request; `provider` stands in its address.
pub(super) async fn answer(hall: &Arc<Hall>, provider: Option<&str>, headers: &HeaderMap, body: Bytes) -> Response {
    let Question { ask, model, tells_usage } = match asked::read(hall, provider, headers, &body) {
        Ok(question) => question,
        Err(words) => return outcome::invalid(&words),
    };
    let (is_stream, is_raw) = (ask.is_stream, ask.request.raw.is_some());
    let pieces = hall.text.ask(ask);
    match (is_stream, is_raw) {
        (true, _) => streamed(pieces, model, tells_usage).await,
        (false, true) => untouched(pieces).await,
        (false, false) => whole(pieces, &model).await,
    }
}

/// A whole answer, or why there is none.
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) citations: Vec<String>,
    pub(super) receipt: Receipt,
}

pub(super) async fn gather(mut pieces: mpsc::Receiver<Piece>) -> Result<Whole, Failure> {
    let (mut text, mut reasoning, mut citations) = (String::new(), String::new(), Vec::new());
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Delta(Delta::Text(more)) => text.push_str(&more),
            Piece::Delta(Delta::Reasoning(more)) => reasoning.push_str(&more),
            Piece::Delta(Delta::Citation { url, .. }) => citations.push(url),
            Piece::Receipt(receipt) => return Ok(Whole { text, reasoning, citations, receipt }),
            Piece::Failed(failure, _) => return Err(failure),
            Piece::Delta(_) | Piece::Progress(_) => {}
        }
    }
    Err(Failure::broken_off())
}

async fn whole(pieces: mpsc::Receiver<Piece>, model: &str) -> Response {
    let whole = match gather(pieces).await {
        Ok(whole) => whole,
        Err(failure) => return outcome::failed(&failure),
    };
    let mut message = json!({ "role": "assistant", "content": whole.text });
    if !whole.reasoning.is_empty() {
        message["reasoning_content"] = Value::String(whole.reasoning);
    }
    let receipt = &whole.receipt;
    let mut body = json!({
        "id": id(),
        "object": "chat.completion",
        "created": unix_ms() / 1000,
        "model": answered_by(receipt, model),
        "choices": [{ "index": 0, "message": message, "finish_reason": finish(receipt.finish), "logprobs": null }],
        "usage": usage(receipt),
    });
    if !whole.citations.is_empty() {
        body["citations"] = json!(whole.citations);
    }
    (told_by(receipt), Json(body)).into_response()
}

/// A whole answer as the provider wrote it.
async fn untouched(mut pieces: mpsc::Receiver<Piece>) -> Response {
    let mut body = None;
    while let Some(piece) = pieces.recv().await {
        match piece {
            // More than one: the provider streams what was not to be streamed.
            Piece::Delta(Delta::Raw { .. }) if body.is_some() => break,
            Piece::Delta(Delta::Raw { data, .. }) => body = Some(data),
            Piece::Receipt(receipt) => {
                let json = [("content-type", "application/json")];
                return (told_by(&receipt), json, body.unwrap_or_default()).into_response();
            }
            Piece::Failed(failure, _) => return outcome::failed(&failure),
            Piece::Delta(_) | Piece::Progress(_) => {}
        }
    }
    outcome::failed(&Failure::new(FailureKind::Broken, "the answer is not in one piece"))
}

/// Who answers, and from where, as headers.
pub(super) type Told = [(&'static str, String); 2];

fn told(target: &Target, cache: CacheState) -> Told {
    [("x-sidetone-provider", target.provider.0.clone()), ("x-sidetone-cache", self::cache(cache).into())]
}

/// The same of a whole answer.
pub(super) fn told_by(receipt: &Receipt) -> Told {
    told(&receipt.target, receipt.cache)
}

/// Waits until somebody answers: before that the status tells how it went. With the end of an answer that is empty.
/// The pieces from then on: up to the last one, or `None` where the answer breaks off.
pub(super) async fn begin(
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<(Told, impl Stream<Item = Option<Piece>>), Failure> {
    let (told, first) = loop {
        match pieces.recv().await {
            Some(Piece::Progress(Progress::Answers { target, cache })) => break (told(&target, cache), None),
            Some(Piece::Receipt(receipt)) => break (told_by(&receipt), Some(Piece::Receipt(receipt))),
            Some(Piece::Failed(failure, _)) => return Err(failure),
            Some(Piece::Delta(_) | Piece::Progress(_)) => {}
            None => return Err(Failure::broken_off()),
        }
    };
    let pieces = stream::unfold(Some((first, pieces)), |state| async move {
        let (first, mut pieces) = state?;
        let piece = match first {
            Some(piece) => Some(piece),
            None => pieces.recv().await,
        };
        let is_over = matches!(piece, None | Some(Piece::Receipt(_) | Piece::Failed(..)));
        Some((piece, (!is_over).then_some((None, pieces))))
    });
    Ok((told, pieces))
}

async fn streamed(pieces: mpsc::Receiver<Piece>, model: String, tells_usage: bool) -> Response {
    let (told, pieces) = match begin(pieces).await {
        Ok(begun) => begun,
        Err(failure) => return outcome::failed(&failure),
    };
    let mut writer = Writer { id: id(), created: unix_ms() / 1000, model, tells_usage, is_begun: false, is_raw: false };
    (told, outcome::events(pieces.map(move |piece| writer.write(piece)))).into_response()
}

/// Writes the chunks of one answer.
struct Writer {
    id: String,
    created: i64,
    model: String,
    tells_usage: bool,
    is_begun: bool,
    /// The chunks are the provider's.
    is_raw: bool,
}

impl Writer {
    fn write(&mut self, piece: Option<Piece>) -> String {
        match piece {
            Some(Piece::Delta(Delta::Text(text))) => self.delta("content", text),
            Some(Piece::Delta(Delta::Reasoning(text))) => self.delta("reasoning_content", text),
            Some(Piece::Delta(Delta::Raw { data, .. })) => self.untouched(&data),
            Some(Piece::Delta(_) | Piece::Progress(_)) => String::new(),
            Some(Piece::Receipt(_)) if self.is_raw => "data: [DONE]\n\n".to_owned(),
            Some(Piece::Receipt(receipt)) => {
                let mut text =
                    self.chunk(json!([{ "index": 0, "delta": {}, "finish_reason": finish(receipt.finish) }]), None);
                if self.tells_usage {
                    text.push_str(&self.chunk(json!([]), Some(usage(&receipt))));
                }
                text.push_str("data: [DONE]\n\n");
                text
            }
            Some(Piece::Failed(failure, _)) => event(&outcome::body(&failure)),
            None => event(&outcome::body(&Failure::broken_off())),
        }
    }

    /// A chunk of the provider's. The one with nothing but usage, which the ledger asks for, only where the client does.
    fn untouched(&mut self, data: &str) -> String {
        self.is_raw = true;
        let is_usage = || {
            let chunk: Value = serde_json::from_str(data).unwrap_or_default();
            chunk["usage"].is_object() && chunk["choices"].as_array().is_some_and(Vec::is_empty)
        };
        if !self.tells_usage && is_usage() { String::new() } else { format!("data: {data}\n\n") }
    }

    fn delta(&mut self, field: &str, text: String) -> String {
        let mut delta = json!({ field: text });
        if !std::mem::replace(&mut self.is_begun, true) {
            delta["role"] = json!("assistant");
        }
        self.chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), None)
    }

    fn chunk(&self, choices: Value, usage: Option<Value>) -> String {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        event(&chunk)
    }
}

pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

pub(super) fn id() -> String {
    format!("chatcmpl-{:016x}", fastrand::u64(..))
}

fn answered_by(receipt: &Receipt, model: &str) -> String {
    receipt
        .answered_by
        .clone()
        .unwrap_or_else(|| if model.is_empty() { receipt.target.model.clone() } else { model.into() })
}

fn finish(finish: Option<Finish>) -> &'static str {
    match finish {
        Some(Finish::Length) => "length",
        Some(Finish::Filtered) => "content_filter",
        Some(Finish::Tool) => "tool_calls",
        Some(Finish::Stop) | None => "stop",
    }
}

fn usage(receipt: &Receipt) -> Value {
    let tokens = receipt.tokens;
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": { "cached_tokens": tokens.cached },
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    })
}

/// `hit` or `miss`, and by which cache.
pub(super) fn cache(cache: CacheState) -> &'static str {
    match cache {
        CacheState::Off => "off",
        CacheState::Miss => "miss",
        CacheState::Hit => "hit",
        CacheState::Coalesced => "coalesced",
        CacheState::Remote => "remote",
    }
}
