//! Errors in `OpenAI`'s words, which all clients understand.

use std::convert::Infallible;
use std::future::ready;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _};
use protocol::chat::{Failure, FailureKind};
use serde_json::{Value, json};

use super::{LARGEST, ask};

/// The router says no more, bytes.
const LONGEST_WORDS: usize = 4096;

pub(super) fn error(status: StatusCode, code: &str, words: &str) -> Response {
    (status, Json(json!({ "error": { "message": words, "type": code, "code": code, "param": null } }))).into_response()
}

pub(super) fn invalid(words: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid_request_error", words)
}

/// Marks an answer in a provider's own words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foreign;

/// A refusal before anybody looked at the request, in the shape that its address has.
pub(super) fn refused(path: &str, status: StatusCode, code: &str, words: &str) -> Response {
    if path == ask::PATH { ask::refused(status, code, words) } else { error(status, code, words) }
}

/// What the router refused by itself, in the usual shape.
pub(super) async fn shaped(path: &str, response: Response) -> Response {
    let status = response.status();
    let is_ours = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !status.is_client_error() || is_ours || response.extensions().get::<Foreign>().is_some() {
        return response;
    }
    let (head, body) = response.into_parts();
    let mut shaped = match status {
        StatusCode::METHOD_NOT_ALLOWED => refused(
            path,
            status,
            "method_not_allowed",
            "This address takes another method: the one in the header Allow.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            let words = format!("The request is larger than {} MB.", LARGEST >> 20);
            refused(path, status, "request_too_large", &words)
        }
        _ => {
            let words = to_bytes(body, LONGEST_WORDS).await.unwrap_or_default();
            refused(path, status, "invalid_request_error", &String::from_utf8_lossy(&words))
        }
    };
    if let Some(allowed) = head.headers.get(ALLOW) {
        shaped.headers_mut().insert(ALLOW, allowed.clone());
    }
    shaped
}

/// For an address that means nothing here.
pub(super) async fn nowhere(uri: Uri) -> Response {
    error(StatusCode::NOT_FOUND, "not_found", &format!("There is nothing at {} here.", uri.path()))
}

/// A failure as an answer with its status.
pub(super) fn failed(failure: &Failure) -> Response {
    let mut response = (status(failure), Json(body(failure))).into_response();
    if let Some(wait) = failure.retry_after {
        let seconds = wait.as_secs().max(1).to_string();
        if let Ok(value) = HeaderValue::from_str(&seconds) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
    }
    response
}

pub(super) fn body(failure: &Failure) -> Value {
    let kind = kind(failure.kind);
    let code = failure.code.as_deref().unwrap_or(kind);
    json!({ "error": { "message": failure.message, "type": kind, "code": code, "param": null } })
}

pub(super) fn status(failure: &Failure) -> StatusCode {
    match failure.kind {
        FailureKind::Credential => StatusCode::UNAUTHORIZED,
        FailureKind::Quota | FailureKind::Budget => StatusCode::PAYMENT_REQUIRED,
        FailureKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        // A server that points elsewhere is no answer of this one.
        FailureKind::Address if failure.status != Some(404) => StatusCode::BAD_GATEWAY,
        FailureKind::Model | FailureKind::Address => StatusCode::NOT_FOUND,
        FailureKind::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::Invalid => StatusCode::BAD_REQUEST,
        FailureKind::Refused => StatusCode::FORBIDDEN,
        FailureKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Unreachable | FailureKind::Broken | FailureKind::Gateway => StatusCode::BAD_GATEWAY,
        FailureKind::Cancelled => StatusCode::REQUEST_TIMEOUT,
    }
}

/// The error taxonomy of the local API.
pub(super) fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Credential => "authentication_error",
        FailureKind::Quota => "insufficient_quota",
        FailureKind::Budget => "budget_exceeded",
        FailureKind::RateLimited => "rate_limit_exceeded",
        FailureKind::Model => "model_not_found",
        FailureKind::Address => "not_found",
        FailureKind::TooLong => "context_length_exceeded",
        FailureKind::Invalid => "invalid_request_error",
        FailureKind::Refused => "content_filter",
        FailureKind::Unavailable => "provider_unavailable",
        FailureKind::TimedOut => "timeout",
        FailureKind::Unreachable => "provider_unreachable",
        FailureKind::Broken => "stream_broken",
        FailureKind::Gateway => "gateway_error",
        FailureKind::Cancelled => "cancelled",
    }
}

/// A stream of server-sent events; an empty text is none.
pub(super) fn events(events: impl Stream<Item = String> + Send + 'static) -> Response {
    let written = events.filter(|text| ready(!text.is_empty()));
    let mut response = Response::new(Body::from_stream(written.map(Ok::<_, Infallible>)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    response
}
