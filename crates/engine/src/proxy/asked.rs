//! What a request for chat completions asks for: in words that every provider's wire has, or else as it is.

use axum::http::HeaderMap;
use gateway::{Ask, GatewayOptions, Purpose, Trace};
use protocol::chat::{Effort, Message, Part, Raw, Request, Speaker};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Hall;
use crate::text::PRACTICE;

/// The fields that every wire can be asked for.
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
/// Fields of a message that say more than its words.
const MORE: [&str; 4] = ["tool_calls", "tool_call_id", "function_call", "audio"];
/// Fields that let the model act: a kept answer would act again.
const TOOLS: [&str; 2] = ["tools", "functions"];

/// A request that was understood.
pub(super) struct Question {
    pub(super) ask: Ask,
    /// As the client names it.
    pub(super) model: String,
    /// The client wants to know what a stream took.
    pub(super) tells_usage: bool,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    model: String,
    temperature: Option<f32>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    reasoning_effort: Option<String>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<Value>,
}

/// Reads a request; `provider` stands in its address. Fails with what is wrong with it.
pub(super) fn read(hall: &Hall, provider: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Question, String> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| format!("The request is no JSON object: {error}"))?;
    fields.retain(|name, value| !says_nothing(name, value));
    let has_tools = TOOLS.iter().any(|name| fields.contains_key(*name));
    let beyond: Vec<&str> = fields.keys().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect();
    let mut beyond = beyond.join(", ");
    let body = Value::Object(fields);
    let asked = Asked::deserialize(&body).map_err(|error| format!("The request makes no sense: {error}"))?;
    let Some(said) = body["messages"].as_array() else { return Err("The request has no messages.".into()) };
    let order = hall.order(provider, &asked.model);
    let mut request = Request {
        model: asked.model.clone(),
        messages: Vec::new(),
        temperature: asked.temperature,
        max_output: asked.max_completion_tokens.or(asked.max_tokens),
        effort: None,
        tools: Vec::new(),
        raw: None,
    };
    if beyond.is_empty() {
        match effort(asked.reasoning_effort).and_then(|effort| Ok((effort, messages(said)?))) {
            Ok((effort, messages)) => (request.effort, request.messages) = (effort, messages),
            Err(what) => beyond = what,
        }
    }
    if !beyond.is_empty() {
        let is_practice = order.targets().first().is_some_and(|target| target.provider.as_str() == PRACTICE);
        if is_practice {
            return Err(format!("The practice partner does not understand {beyond} in a chat request."));
        }
        request.raw = Some(Raw { body, beyond });
    }
    let ask = Ask {
        request,
        order,
        spares: hall.spares(provider, &asked.model),
        purpose: Purpose::Api,
        profile: "local-api".into(),
        conversation: None,
        is_stream: asked.stream,
        cache: cache(hall, headers, has_tools),
        route: None,
        options: options(headers),
    };
    let tells_usage =
        asked.stream_options.as_ref().is_some_and(|options| options["include_usage"] == Value::Bool(true));
    Ok(Question { ask, model: asked.model, tells_usage })
}

/// What the client says of the place of its request, in a trace and for the auto router of Cloudflare AI Gateway.
pub(super) fn options(headers: &HeaderMap) -> GatewayOptions {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    GatewayOptions {
        session_id: text("cf-aig-session-id"),
        turn_id: text("cf-aig-turn-id"),
        trace: trace(headers),
        ..GatewayOptions::default()
    }
}

/// The trace of a request, if it is a part of one.
pub(super) fn trace(headers: &HeaderMap) -> Option<Trace> {
    Trace::parse(headers.get("traceparent")?.to_str().ok()?)
}

/// Whether the cache is to be used: as the client says, and without a word of its own as the user does.
pub(super) fn cache(hall: &Hall, headers: &HeaderMap, has_tools: bool) -> Option<bool> {
    let even_random = || hall.settings.borrow().cache.even_random.then_some(true);
    wish(headers).or_else(|| if has_tools { Some(false) } else { even_random() })
}

fn wish(headers: &HeaderMap) -> Option<bool> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("x-sidetone-cache"), text("cache-control")) {
        (Some("on"), _) => Some(true),
        (Some("off"), _) | (_, Some("no-cache" | "no-store")) => Some(false),
        _ => None,
    }
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

/// How much the model should think. Fails with what not every wire has.
fn effort(word: Option<String>) -> Result<Option<Effort>, String> {
    match word.as_deref() {
        None => Ok(None),
        Some("low") => Ok(Some(Effort::Low)),
        Some("medium") => Ok(Some(Effort::Medium)),
        Some("high") => Ok(Some(Effort::High)),
        Some(other) => Err(format!("a reasoning_effort of {other:?}")),
    }
}

/// The conversation. Fails with what not every wire has.
fn messages(asked: &[Value]) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::with_capacity(asked.len());
    let mut instructions = Vec::new();
    for message in asked {
        if let Some(more) = MORE.iter().find(|name| message.get(**name).is_some_and(|more| !says_nothing("", more))) {
            return Err(format!("{more} of a message"));
        }
        let role = match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            other => return Err(format!("a message of the role {other:?}")),
        };
        let parts = parts(&message["content"])?;
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
        messages.insert(0, Message::of(Speaker::System, instructions.join("\n\n")));
    }
    Ok(messages)
}

fn parts(content: &Value) -> Result<Vec<Part>, String> {
    match content {
        Value::String(text) => Ok(vec![Part::Text { text: text.clone() }]),
        Value::Null => Ok(Vec::new()),
        Value::Array(parts) => parts.iter().map(part).collect(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err("content that is neither text nor parts".into()),
    }
}

fn part(part: &Value) -> Result<Part, String> {
    match part["type"].as_str() {
        Some("text") => Ok(Part::Text { text: part["text"].as_str().unwrap_or_default().to_owned() }),
        Some("image_url") => {
            let url = part["image_url"]["url"].as_str().unwrap_or_default();
            let data = url.strip_prefix("data:").and_then(|url| url.split_once(";base64,"));
            let (mime, data) = data.ok_or("pictures that are not data: URLs in base64")?;
            Ok(Part::Image { mime: mime.to_owned(), data: data.to_owned() })
        }
        other => Err(format!("a part of the kind {:?}", other.unwrap_or_default())),
    }
}
