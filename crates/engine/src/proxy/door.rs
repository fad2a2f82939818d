//! Who may come in: programs of this computer that know the token. A web page that was made to ask (by another name for
//! 127.0.0.1, or across origins) is turned away before the token is even looked at.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::{Hall, outcome};

pub(super) async fn check(State(hall): State<Arc<Hall>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match objection(&hall, request.headers()) {
        Some((status, code, words)) => outcome::refused(&path, status, code, words),
        None => outcome::shaped(&path, next.run(request).await).await,
    }
}

/// Why somebody may not come in.
fn objection(hall: &Hall, headers: &HeaderMap) -> Option<(StatusCode, &'static str, &'static str)> {
    let names = [format!("127.0.0.1:{}", hall.port), format!("localhost:{}", hall.port)];
    if !text(headers, HOST.as_str()).is_some_and(|host| names.iter().any(|name| host.eq_ignore_ascii_case(name))) {
        return Some((StatusCode::FORBIDDEN, "forbidden", "This name does not belong to Sidetone."));
    }
    // No page is served from here, so no page has a reason to ask.
    if headers.contains_key(ORIGIN) {
        return Some((StatusCode::FORBIDDEN, "forbidden", "Web pages may not ask through Sidetone."));
    }
    let bearer = text(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    // Where the libraries of OpenAI, Anthropic and Google put a key.
    let given = bearer.or_else(|| text(headers, "x-api-key")).or_else(|| text(headers, "x-goog-api-key"));
    let given = given.unwrap_or_default();
    let words = "Give the token of Sidetone's local API as the API key.";
    (!is_equal(given.trim(), &hall.token)).then_some((StatusCode::UNAUTHORIZED, "invalid_api_key", words))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Takes as long for a nearly right token as for any other.
fn is_equal(given: &str, token: &str) -> bool {
    let difference = given.bytes().zip(token.bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
    given.len() == token.len() && difference == 0
}
