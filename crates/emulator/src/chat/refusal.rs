//! Refusals: what each provider says, in its own shape and with its own headers.

mod date;
mod limit;
mod trouble;

use serde_json::{Value, json};

use super::fault::FaultKind;
use super::provider::{Errors, Format, Provider};
use super::reply::Reply;
use super::script::Script;

pub(super) use limit::Rest;
pub(super) use trouble::Trouble;

/// Refusal, if this fault is one: of the request for `model`, in the shape of the format.
pub(super) fn of(kind: FaultKind, provider: &Provider, format: Format, model: &str, script: &Script) -> Option<Reply> {
    if kind == FaultKind::BadGateway {
        let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
        return Some(Reply::text(502, "text/html", page.to_owned()));
    }
    if kind == FaultKind::PlainError {
        return Some(Reply::text(500, "text/plain; charset=utf-8", "Internal Server Error".to_owned()));
    }
    let trouble = Trouble::of(kind, provider, model)?;
    let reply = Reply::json(trouble.status, &body(&trouble, provider, format, script));
    Some(match Rest::of(kind) {
        Some(rest) => limit::exhausted(reply, provider, rest, script.retry_after),
        None => reply,
    })
}

/// A refusal for the client's own mistake.
pub(super) fn mistake(trouble: &Trouble, provider: &Provider, format: Format, script: &Script) -> Reply {
    Reply::json(trouble.status, &body(trouble, provider, format, script))
}

/// Adds what a provider tells about its limits with every good answer, and its id of the request.
pub(super) fn with_limits(reply: Reply, provider: &Provider, number: usize) -> Reply {
    limit::granted(reply, provider, number)
}

/// The body of a refusal; also what an error inside a stream consists of.
pub(super) fn body(trouble: &Trouble, provider: &Provider, format: Format, script: &Script) -> Value {
    let openai = || json!({"error": {"message": trouble.message, "type": trouble.openai, "param": trouble.field, "code": trouble.code}});
    match (provider.errors, format) {
        (_, Format::Messages) => json!({"type": "error", "request_id": "req_fake",
            "error": {"type": trouble.anthropic, "message": trouble.message}}),
        (Errors::Google, Format::Generate) => google(trouble, script),
        // The compatible endpoint wraps the same into a list.
        (Errors::Google, Format::Chat | Format::Responses) => json!([google(trouble, script)]),
        (Errors::Openrouter, _) => json!({"error": {"code": trouble.status, "message": trouble.message,
            "metadata": {"provider_name": "Fake", "raw": trouble.message}}, "user_id": "user_fake"}),
        (Errors::Mistral, _) => mistral(trouble),
        (Errors::Xai, _) => json!({"code": trouble.google, "error": trouble.message}),
        (Errors::Text, _) => json!({"error": trouble.message}),
        (Errors::Openai | Errors::Anthropic, _) => openai(),
    }
}

fn google(trouble: &Trouble, script: &Script) -> Value {
    let mut details = Vec::new();
    if trouble.code == Some("invalid_api_key") {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
            "domain": "googleapis.com"}));
    }
    if trouble.tells_delay {
        let delay = format!("{}s", script.retry_after.as_secs_f64());
        details.push(json!({"@type": "type.googleapis.com/google.rpc.Help", "links": []}));
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    json!({"error": {"code": trouble.status, "message": trouble.message, "status": trouble.google, "details": details}})
}

fn mistral(trouble: &Trouble) -> Value {
    match (trouble.status, &trouble.field) {
        (401, _) => json!({"message": "Unauthorized", "request_id": "req_fake"}),
        (422, field) => {
            let place = field.as_deref().unwrap_or("messages");
            json!({"detail": [{"type": "extra_forbidden", "loc": ["body", place], "msg": trouble.message}]})
        }
        _ => json!({"object": "error", "message": trouble.message, "type": trouble.openai, "param": null,
            "code": trouble.code}),
    }
}
