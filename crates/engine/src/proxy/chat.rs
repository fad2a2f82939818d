//! `POST /v1/chat/completions`: the request in `OpenAI`'s words, answered by whomever it names.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use gateway::{Ask, CacheState, GatewayOptions, Piece, Purpose, Receipt};
use protocol::chat::{Delta, Effort, Failure, FailureKind, Finish, Message, Part, Request, Speaker};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{Hall, outcome, passage};
use crate::call::unix_ms;

/// The fields that every wire can be asked for. A request with others goes to the provider as it is, if it speaks this
/// language itself.
const KNOWN: [&str; 9] = [
    "model",
    "messages",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "reasoning_effort",
    "stream",
    "stream_options",
    "user",
];

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    model: String,
    messages: Vec<AskedMessage>,
    temperature: Option<f32>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    reasoning_effort: Option<Effort>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct AskedMessage {
    role: String,
    content: Value,
}

pub(super) async fn completions(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&hall, None, &headers, body).await
}

/// Answers a request; `provider` stands in its address.
pub(super) async fn answer(hall: &Arc<Hall>, provider: Option<&str>, headers: &HeaderMap, body: Bytes) -> Response {
    let mut fields: Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(fields) => fields,
        Err(error) => return outcome::invalid(&format!("The request is no JSON object: {error}")),
    };
    fields.retain(|name, value| !says_nothing(name, value));
    if fields.keys().any(|name| !KNOWN.contains(&name.as_str())) {
        return passage::same_language(hall, provider, headers, fields).await;
    }
    let asked: Asked = match serde_json::from_value(fields.into()) {
        Ok(asked) => asked,
        Err(error) => return outcome::invalid(&format!("The request makes no sense: {error}")),
    };
    let (is_stream, model) = (asked.stream, asked.model.clone());
    let tells_usage =
        asked.stream_options.as_ref().is_some_and(|options| options["include_usage"] == Value::Bool(true));
    let no_cache = headers.get("cache-control").is_some_and(|value| value == "no-cache" || value == "no-store");
    let ask = match ask(hall, provider, asked, no_cache) {
        Ok(ask) => ask,
        Err(words) => return outcome::invalid(&words),
    };
    let pieces = hall.text.ask(ask);
    if is_stream { streamed(pieces, model, tells_usage).await } else { whole(pieces, &model).await }
}

/// Whether a field is as good as left out: many programs send what would be so anyway.
fn says_nothing(name: &str, value: &Value) -> bool {
    let usual = match name {
        "n" | "top_p" => Some(1.0),
        "presence_penalty" | "frequency_penalty" => Some(0.0),
        _ => None,
    };
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty() && name != "messages",
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(is_on) => !is_on && name == "logprobs",
        Value::Number(number) => usual.is_some() && number.as_f64() == usual,
        Value::String(_) => false,
    }
}

/// The fields that not every wire can be asked for.
pub(super) fn uncommon(fields: &Map<String, Value>) -> String {
    fields.keys().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect::<Vec<_>>().join(", ")
}

fn ask(hall: &Hall, provider: Option<&str>, asked: Asked, no_cache: bool) -> Result<Ask, String> {
    let mut messages: Vec<Message> = Vec::with_capacity(asked.messages.len());
    let mut instructions = Vec::new();
    for message in asked.messages {
        let role = match message.role.as_str() {
            "system" | "developer" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            other => return Err(format!("A message of the role {other:?} is not understood here.")),
        };
        let parts = parts(message.content)?;
        if role == Speaker::System {
            instructions.extend(parts.into_iter().filter_map(|part| match part {
                Part::Text { text } => Some(text),
                Part::Image { .. } | Part::Call(_) | Part::Output { .. } => None,
            }));
        } else {
            messages.push(Message { role, parts });
        }
    }
    // Programs give them in several messages, and not only first; most providers take one, before all others.
    if !instructions.is_empty() {
        let text = instructions.join("\n\n");
        messages.insert(0, Message { role: Speaker::System, parts: vec![Part::Text { text }] });
    }
    let even_random = hall.settings.borrow().cache.even_random;
    Ok(Ask {
        request: Request {
            model: asked.model.clone(),
            messages,
            temperature: asked.temperature,
            max_output: asked.max_completion_tokens.or(asked.max_tokens),
            effort: asked.reasoning_effort,
            tools: Vec::new(),
        },
        order: hall.order(provider, &asked.model),
        spares: hall.spares(provider, &asked.model),
        purpose: Purpose::Api,
        profile: "local-api".into(),
        conversation: None,
        is_stream: asked.stream,
        cache: if no_cache { Some(false) } else { even_random.then_some(true) },
        route: None,
        options: GatewayOptions::default(),
    })
}

fn parts(content: Value) -> Result<Vec<Part>, String> {
    match content {
        Value::String(text) => Ok(vec![Part::Text { text }]),
        Value::Null => Ok(Vec::new()),
        Value::Array(parts) => parts.iter().map(part).collect(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err("A message's content is text or parts.".into()),
    }
}

fn part(part: &Value) -> Result<Part, String> {
    match part["type"].as_str() {
        Some("text") => Ok(Part::Text { text: part["text"].as_str().unwrap_or_default().to_owned() }),
        Some("image_url") => {
            let url = part["image_url"]["url"].as_str().unwrap_or_default();
            let data = url.strip_prefix("data:").and_then(|url| url.split_once(";base64,"));
            let (mime, data) = data.ok_or("Pictures must come as data: URLs in base64.")?;
            Ok(Part::Image { mime: mime.to_owned(), data: data.to_owned() })
        }
        other => Err(format!("A part of the kind {other:?} is not understood here.")),
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
            Piece::Delta(_) | Piece::Waiting { .. } | Piece::Trying { .. } | Piece::FellBack { .. } => {}
        }
    }
    Err(Failure::new(FailureKind::Broken, "the answer broke off"))
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
    let headers =
        [("x-sidetone-provider", receipt.target.provider.0.clone()), ("x-sidetone-cache", cache(receipt.cache).into())];
    (headers, Json(body)).into_response()
}

/// Nothing is answered before the first token: until then the status tells how it went.
async fn streamed(mut pieces: mpsc::Receiver<Piece>, model: String, tells_usage: bool) -> Response {
    let first = loop {
        match pieces.recv().await {
            Some(Piece::Failed(failure, _)) => return outcome::failed(&failure),
            Some(piece @ (Piece::Delta(_) | Piece::Receipt(_))) => break piece,
            Some(Piece::Waiting { .. } | Piece::Trying { .. } | Piece::FellBack { .. }) => {}
            None => return outcome::failed(&Failure::new(FailureKind::Broken, "the answer broke off")),
        }
    };
    let writer = Writer { id: id(), created: unix_ms() / 1000, model, tells_usage, is_begun: false };
    let stream =
        stream::unfold((Some(first), pieces, writer, false), |(first, mut pieces, mut writer, is_over)| async move {
            if is_over {
                return None;
            }
            let piece = match first {
                Some(piece) => Some(piece),
                None => pieces.recv().await,
            };
            let is_over = !matches!(
                piece,
                Some(Piece::Delta(_) | Piece::Waiting { .. } | Piece::Trying { .. } | Piece::FellBack { .. })
            );
            let text = writer.write(piece);
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (None, pieces, writer, is_over)))
        });
    outcome::events(Body::from_stream(stream))
}

/// Writes the chunks of one answer.
struct Writer {
    id: String,
    created: i64,
    model: String,
    tells_usage: bool,
    is_begun: bool,
}

impl Writer {
    fn write(&mut self, piece: Option<Piece>) -> String {
        match piece {
            Some(Piece::Delta(Delta::Text(text))) => self.delta("content", text),
            Some(Piece::Delta(Delta::Reasoning(text))) => self.delta("reasoning_content", text),
            Some(Piece::Delta(_) | Piece::Waiting { .. } | Piece::Trying { .. } | Piece::FellBack { .. }) => {
                String::new()
            }
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
            None => event(&outcome::body(&Failure::new(FailureKind::Broken, "the answer broke off"))),
        }
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
