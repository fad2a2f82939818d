//! Where requests come in: they are read, recorded without their secrets, and passed on.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::{Value, json};

use super::ask::Ask;
use super::gateway;
use super::oauth;
use super::place::{Endpoint, Place};
use super::provider::{Auth, Format, Provider};
use super::record::{End, Request};
use super::reply::{Reply, Step, Watch};
use super::server::Server;
use super::socket;
use crate::record::{Credential, Form, Purpose, fingerprint};

/// Longest body that is read.
const LONGEST: usize = 64 << 20;

/// A request with its secrets.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) is_post: bool,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) number: usize,
}

impl Seen {
    /// First value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// Serves what comes to the providers and the gateway.
pub(super) async fn serve(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let path = request.uri().path().to_owned();
    match Place::find(&path) {
        Place::Gateway(passage, _) if passage.slug.is_empty() && request.headers().contains_key("upgrade") => {
            socket::open(server, request, passage).await
        }
        Place::Token | Place::Direct(..) | Place::Gateway(..) => receive(server, request, path).await,
    }
}

/// Serves what comes to the practice partner: a plain server that wants no key.
pub(super) async fn serve_practice(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let path = format!("/practice{}", request.uri().path());
    receive(server, request, path).await
}

/// Records what comes to the other host.
pub(super) async fn serve_elsewhere(State(server): State<Arc<Server>>, request: HttpRequest) -> Response {
    let path = request.uri().path().to_owned();
    let (_, mut record) = read(request, path).await;
    record.status = 200;
    record.end = Some(End::Complete);
    server.note_elsewhere(record);
    Response::new("{}".into())
}

async fn receive(server: Arc<Server>, request: HttpRequest, path: String) -> Response {
    let (mut seen, record) = read(request, path).await;
    seen.number = server.note(record);
    let watch = Watch { server: Arc::clone(&server), number: seen.number };
    if *server.stopped.borrow() {
        return Reply::steps("text/plain", vec![Step::Cut]).send(watch);
    }
    if seen.query.split('&').any(|pair| pair.starts_with("key=")) {
        server.violation(seen.number, "a key stands in the URL");
    }
    let reply = match Place::find(&seen.path) {
        Place::Token => oauth::exchange(&server, &seen),
        Place::Gateway(passage, path) => gateway::pass(&server, &seen, passage, &path).await,
        Place::Direct(provider, path) => {
            let key = key(provider, &path, &seen.headers, &seen.query, false);
            let ask = Ask {
                provider,
                path,
                key,
                is_post: seen.is_post,
                is_gateway: false,
                query: seen.query.clone(),
                headers: seen.headers.clone(),
                body: seen.body.clone(),
                number: seen.number,
            };
            ask.answer(&server).await
        }
    };
    reply.send(watch)
}

/// The request, and what is recorded of it.
pub(super) async fn read(request: HttpRequest, path: String) -> (Seen, Request) {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, LONGEST).await.unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let headers = texts(&parts.headers);
    let is_form =
        header(&headers, "content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let body = if is_form { form(&bytes) } else { serde_json::from_slice(&bytes).unwrap_or_default() };
    let record = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: without_key(&query),
        headers: headers.iter().map(|(name, value)| (name.clone(), redacted(name, value))).collect(),
        credentials: headers.iter().filter_map(|(name, value)| credential(name, value)).collect(),
        body: without_secrets(&body),
        body_bytes: bytes.len(),
        ..Request::default()
    };
    (Seen { is_post: parts.method == Method::POST, path, query, headers, body, number: 0 }, record)
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The provider's key on a request to `path` behind its host, in the header where that provider looks for it.
pub(super) fn key(
    provider: &Provider,
    path: &str,
    headers: &[(String, String)],
    query: &str,
    is_gateway: bool,
) -> Option<String> {
    let (base, endpoint) = Endpoint::split(path);
    let is_compatible =
        matches!(endpoint, Endpoint::Ask { format: Format::Chat | Format::Responses, .. }) || base.ends_with("/openai");
    let bearer = || header(headers, "authorization").map(|value| bare(value).0);
    let plain = |name: &str| header(headers, name);
    let key = match provider.auth {
        Auth::XApiKey if !is_compatible => plain("x-api-key").or_else(|| bearer().filter(|_| is_gateway)),
        Auth::XGoogApiKey if !is_compatible => {
            plain("x-goog-api-key").or_else(|| query.split('&').find_map(|pair| pair.strip_prefix("key=")))
        }
        Auth::Bearer => bearer().or_else(|| plain("x-api-key")),
        Auth::XApiKey | Auth::XGoogApiKey | Auth::Oauth | Auth::Nothing => bearer(),
    };
    key.map(str::to_owned)
}

/// A credential without `Bearer `, and its form.
pub(super) fn bare(value: &str) -> (&str, Form) {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => (token.trim(), Form::Bearer),
        _ => (value, Form::Bare),
    }
}

/// What a header of this name opens, if it carries a secret.
fn purpose(name: &str) -> Option<Purpose> {
    match name.to_ascii_lowercase().as_str() {
        "authorization" | "x-api-key" | "x-goog-api-key" | "api-key" | "cookie" | "proxy-authorization" => {
            Some(Purpose::Provider)
        }
        "cf-aig-authorization" => Some(Purpose::Gateway),
        _ => None,
    }
}

fn credential(name: &str, value: &str) -> Option<Credential> {
    let (secret, form) = bare(value);
    Some(Credential { purpose: purpose(name)?, form, fingerprint: fingerprint(secret) })
}

fn redacted(name: &str, value: &str) -> String {
    match (purpose(name), bare(value)) {
        (None, _) => value.to_owned(),
        (Some(_), (secret, Form::Bearer)) => format!("Bearer {}", fingerprint(secret)),
        (Some(_), (secret, Form::Bare | Form::Subprotocol)) => fingerprint(secret),
    }
}

fn without_key(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.strip_prefix("key=") {
        Some(key) => format!("key={}", fingerprint(key)),
        None => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// The body without the headers of the universal endpoint's steps and without a service account's assertion.
pub(super) fn without_secrets(body: &Value) -> Value {
    let mut body = body.clone();
    for step in body.as_array_mut().into_iter().flatten() {
        for (name, value) in step["headers"].as_object_mut().into_iter().flatten() {
            *value = json!(redacted(name, value.as_str().unwrap_or_default()));
        }
    }
    if let Some(assertion) = body["assertion"].as_str().map(fingerprint) {
        body["assertion"] = json!(assertion);
    }
    body
}

/// A form as an object of texts.
fn form(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let spaced = |text: &str| unescaped(&text.replace('+', " "));
    Value::Object(pairs.map(|(name, value)| (spaced(name), Value::String(spaced(value)))).collect())
}

/// With `%` escapes undone.
pub(super) fn unescaped(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
            }
            None => bytes.extend_from_slice(piece.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_recorded() {
        let body = json!([{"provider": "openai", "headers": {"Authorization": "Bearer sk-a", "x-b": "c"}}]);
        let recorded = without_secrets(&body).to_string();
        assert!(!recorded.contains("sk-a") && recorded.contains("\"c\""), "{recorded}");
        assert_eq!(without_secrets(&json!({"assertion": "a.b.c"}))["assertion"], fingerprint("a.b.c"));
        assert_eq!(without_key("alt=sse&key=AIza"), format!("alt=sse&key={}", fingerprint("AIza")));
        assert_eq!(redacted("x-goog-api-key", "AIza"), fingerprint("AIza"));
    }

    #[test]
    fn forms_are_unescaped() {
        let read = form(b"grant_type=urn%3Aietf%3Ax&assertion=a.b+c");
        assert_eq!(read, json!({"grant_type": "urn:ietf:x", "assertion": "a.b c"}));
    }
}
