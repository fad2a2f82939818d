//! Requests that go to a provider as they are, with its key added: embeddings, the Responses API, and any path of its own.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode, Uri};
use axum::response::Response;
use gateway::{Method, Passage, ProviderId, Purpose, Target};
use protocol::chat::Wire;
use serde_json::{Map, Value};

use super::{Hall, asked, chat, outcome};
use crate::text::PRACTICE;

/// Headers of a client's that a provider may need to understand its request.
const ALONG: [&str; 5] = ["content-type", "accept", "anthropic-version", "anthropic-beta", "openai-beta"];
/// Headers of a provider's that a client may need to understand its answer.
const BACK: [&str; 5] = ["content-type", "retry-after", "retry-after-ms", "x-should-retry", "x-request-id"];

/// A request on its way to a provider.
struct Partial {
    method: Method,
    /// Behind the provider's base URL.
    path: String,
    model: String,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) async fn embeddings(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Bytes) -> Response {
    to_path(&hall, "/embeddings", headers, body).await
}

pub(super) async fn responses(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Bytes) -> Response {
    to_path(&hall, "/responses", headers, body).await
}

async fn to_path(hall: &Arc<Hall>, path: &str, headers: HeaderMap, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(fields) => by_model(hall, path, headers, fields).await,
        Err(error) => outcome::invalid(&format!("The request is no JSON object: {error}")),
    }
}

/// `provider/model` tells where it goes; the provider gets its own name of the model.
async fn by_model(hall: &Arc<Hall>, path: &str, mut headers: HeaderMap, mut fields: Map<String, Value>) -> Response {
    let model = fields.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    let order = hall.order(None, &model);
    let Some(target) = order.targets().first() else { return outcome::invalid("There is no model in the request.") };
    let beyond = |name: &str| outcome::invalid(&format!("{name} does not understand requests to {path}."));
    if target.provider.as_str() == PRACTICE {
        return beyond("The practice partner");
    }
    let Some(provider) = gateway::provider(&target.provider) else {
        return outcome::invalid(&format!("There is no provider {}.", target.provider));
    };
    let speaks_it =
        matches!(provider.wire, Wire::OpenaiChat) || provider.wire == Wire::OpenaiResponses && path == "/responses";
    if !speaks_it {
        return beyond(provider.name);
    }
    fields.insert("model".into(), Value::String(target.model.clone()));
    let body = Value::Object(fields).to_string().into();
    // It is written anew, whatever the client called it.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let passage = Partial { method: Method::Post, path: path.into(), model: target.model.clone(), headers, body };
    relay(hall, target.provider.as_str(), passage).await
}

/// A provider's own path: `/api/v1/ai-gateway/providers/{provider}/{path}`, as it is at the gateway, in the provider's own
/// libraries (`anthropic/v1/messages`), or behind its base URL (`anthropic/messages`).
pub(super) async fn native(
    State(hall): State<Arc<Hall>>,
    Path((name, path)): Path<(String, String)>,
    uri: Uri,
    method: HttpMethod,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = if name == PRACTICE { Some(name.as_str().into()) } else { gateway::named(&name) };
    let Some(ProviderId(id)) = id else {
        return outcome::error(StatusCode::NOT_FOUND, "not_found", &format!("There is no provider {name:?}."));
    };
    let path = format!("/{path}");
    let known = gateway::provider(&ProviderId::from(id.as_str()));
    let is_chat = known.map_or(path.as_str(), |known| gateway::behind_base(known, &path)) == "/chat/completions";
    if is_chat {
        return chat::answer(&hall, Some(&id), &headers, body).await;
    }
    if known.is_none() {
        return outcome::invalid("The practice partner understands plain chat requests only.");
    }
    if path.split('/').any(|step| step == ".." || step == ".") || path.contains(['\\', '#', '?']) {
        return outcome::invalid("This path leads elsewhere.");
    }
    let method = match method {
        HttpMethod::GET => Method::Get,
        HttpMethod::POST => Method::Post,
        _ => {
            return outcome::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Only GET and POST go through.",
            );
        }
    };
    let fields: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = fields["model"].as_str().map(str::to_owned).or_else(|| model_in(&path)).unwrap_or_default();
    // As it came, not as it was read above: what stands for itself there might mean something to an address.
    let Some(path) = written(&uri) else { return outcome::invalid("This path leads elsewhere.") };
    relay(&hall, &id, Partial { method, path: path.to_owned(), model, headers, body }).await
}

/// What stands behind the provider's name in an address, with its query.
fn written(uri: &Uri) -> Option<&str> {
    let behind = uri.path_and_query()?.as_str().strip_prefix("/api/v1/ai-gateway/providers/")?;
    behind.find('/').map(|at| &behind[at..])
}

/// Google's paths name the model: `models/MODEL:generateContent`.
fn model_in(path: &str) -> Option<String> {
    let (_, call) = path.rsplit_once("models/")?;
    let (model, _) = call.split_once(':')?;
    (!model.is_empty()).then(|| model.to_owned())
}

async fn relay(hall: &Arc<Hall>, provider: &str, passage: Partial) -> Response {
    let Partial { method, path, model, headers, body } = passage;
    let passage = Passage {
        target: Target { provider: provider.into(), model },
        method,
        path,
        headers: taken_along(&headers),
        body,
        purpose: Purpose::Api,
        profile: "local-api".into(),
        route: None,
        trace: asked::trace(&headers),
    };
    match hall.text.gateway().pass(passage).await {
        Ok(answer) => {
            let mut response = Response::new(Body::from_stream(answer.body));
            response.extensions_mut().insert(outcome::Foreign);
            *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            for (name, value) in &answer.headers {
                let is_for_client = BACK.contains(&name.as_str()) || name.starts_with("x-ratelimit-");
                if let (true, Ok(name), Ok(value)) =
                    (is_for_client, HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
                {
                    response.headers_mut().append(name, value);
                }
            }
            response
        }
        Err(failure) => outcome::failed(&failure),
    }
}

/// What of the client's headers goes to the provider.
fn taken_along(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut taken: Vec<_> = ALONG.iter().filter_map(|name| Some((*name, text(name)?))).collect();
    if !taken.iter().any(|(name, _)| *name == "content-type") {
        taken.push(("content-type", "application/json".into()));
    }
    taken
}
