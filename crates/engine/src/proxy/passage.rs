//! Requests that go to a provider as they are, with its key added: embeddings, the Responses API, and any path of its own.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode};
use axum::response::Response;
use gateway::{Auth, Header, Http as _, HttpRequest, Keys as _, Method, Provider, ProviderId};
use protocol::chat::{Failure, FailureKind, Wire};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Hall, chat, outcome};
use crate::api::Way;
use crate::text::{PRACTICE, gateway_settings};

pub(super) async fn embeddings(State(hall): State<Arc<Hall>>, body: Bytes) -> Response {
    to_path(&hall, "/embeddings", body).await
}

pub(super) async fn responses(State(hall): State<Arc<Hall>>, body: Bytes) -> Response {
    to_path(&hall, "/responses", body).await
}

async fn to_path(hall: &Arc<Hall>, path: &str, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(fields) => by_model(hall, None, path, fields).await,
        Err(error) => outcome::invalid(&format!("The request is no JSON: {error}")),
    }
}

/// A chat request with more in it than every provider understands.
pub(super) async fn same_language(hall: &Arc<Hall>, provider: Option<&str>, fields: Value) -> Response {
    by_model(hall, provider, "/chat/completions", fields).await
}

/// `provider/model` tells where it goes; the provider gets its own name of the model.
async fn by_model(hall: &Arc<Hall>, provider: Option<&str>, path: &str, mut fields: Value) -> Response {
    let model = fields["model"].as_str().unwrap_or_default().to_owned();
    let order = hall.order(provider, &model);
    let Some(target) = order.targets().first() else { return outcome::invalid("There is no model in the request.") };
    if target.provider.as_str() == PRACTICE {
        return outcome::invalid("The practice partner understands plain chat requests only.");
    }
    let Some(provider) = gateway::provider(&target.provider) else {
        return outcome::invalid(&format!("There is no provider {}.", target.provider));
    };
    let speaks_it =
        matches!(provider.wire, Wire::OpenaiChat) || provider.wire == Wire::OpenaiResponses && path == "/responses";
    if !speaks_it {
        return outcome::invalid(&format!("{} does not understand this request.", provider.name));
    }
    fields["model"] = Value::String(target.model.clone());
    relay(hall, provider, Method::Post, path, &target.model, fields.to_string().into()).await
}

/// A provider's own path: `/api/v1/ai-gateway/providers/{provider}/{path}`.
pub(super) async fn native(
    State(hall): State<Arc<Hall>>,
    Path((name, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: HttpMethod,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = gateway::provider(&ProviderId::from(name.as_str()));
    if path == "chat/completions" && (known.is_some() || name == PRACTICE) {
        return chat::answer(&hall, Some(&name), &headers, body).await;
    }
    let Some(provider) = known else {
        return outcome::error(StatusCode::NOT_FOUND, "not_found", &format!("There is no provider {name:?}."));
    };
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
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let fields: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = fields["model"].as_str().unwrap_or_default();
    relay(&hall, provider, method, &format!("/{path}{query}"), model, body).await
}

async fn relay(
    hall: &Arc<Hall>,
    provider: &Provider,
    method: Method,
    path: &str,
    model: &str,
    body: Bytes,
) -> Response {
    let request = match request(hall, provider, method, path, model, body).await {
        Ok(request) => request,
        Err(failure) => return outcome::failed(&failure),
    };
    match hall.net.send(request).await {
        Ok(answer) => {
            let mut response = Response::new(Body::from_stream(answer.body));
            *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
            if let Some(value) = content_type.and_then(|(_, value)| HeaderValue::from_str(value).ok()) {
                response.headers_mut().insert(CONTENT_TYPE, value);
            }
            response
        }
        Err(failure) => outcome::failed(&failure),
    }
}

async fn request(
    hall: &Hall,
    provider: &Provider,
    method: Method,
    path: &str,
    model: &str,
    body: Bytes,
) -> Result<HttpRequest, Failure> {
    let (base, way) = base(hall, provider, model)?;
    let mut headers = vec![("content-type", Header::Plain("application/json".into()))];
    if way != Way::Direct
        && let Some(token) = hall.keyring.gateway_token().await?
    {
        headers.push(("cf-aig-authorization", bearer(&token)));
    }
    if way != Way::StoredKey {
        let key = hall.keyring.key(&ProviderId::from(provider.id)).await?;
        headers.extend(auth(provider, key)?);
    }
    Ok(HttpRequest { method, url: format!("{base}{path}"), headers, body })
}

/// How the provider wants its key.
fn auth(provider: &Provider, key: Option<SecretString>) -> Result<Vec<(&'static str, Header)>, Failure> {
    let missing = || Failure::new(FailureKind::Credential, format!("There is no key for {}.", provider.name));
    Ok(match provider.auth {
        Auth::Bearer => vec![("authorization", bearer(&key.ok_or_else(missing)?))],
        Auth::BearerIfAny => key.iter().map(|key| ("authorization", bearer(key))).collect(),
        Auth::Anthropic => vec![
            ("x-api-key", Header::Secret(key.ok_or_else(missing)?)),
            ("anthropic-version", Header::Plain("2023-06-01".into())),
        ],
        Auth::Google => vec![("x-goog-api-key", Header::Secret(key.ok_or_else(missing)?))],
        Auth::ServiceAccount => {
            let words = "Vertex AI can be asked by chat requests only.";
            return Err(Failure::new(FailureKind::Invalid, words));
        }
    })
}

fn bearer(key: &SecretString) -> Header {
    Header::Secret(SecretString::from(format!("Bearer {}", key.expose_secret())))
}

/// The provider's address by the way that the settings say.
fn base(hall: &Hall, provider: &Provider, model: &str) -> Result<(String, Way), Failure> {
    let settings = hall.settings.borrow();
    let terms = gateway_settings(&settings);
    let cloud = terms.gateway.as_ref();
    let way = if provider.gateway_path.is_empty() { Way::Direct } else { settings.chat.way };
    let unset = |words: &str| Failure::new(FailureKind::Gateway, words);
    let template = match way {
        Way::Direct => {
            let own = terms.base_urls.get(&ProviderId::from(provider.id));
            own.map_or(provider.base_url, String::as_str).to_owned()
        }
        Way::Gateway | Way::StoredKey => {
            let cloud = cloud.ok_or_else(|| unset("No Cloudflare AI Gateway is set."))?;
            format!("{}/{}/{}/{}", cloud.base_url, cloud.account, cloud.gateway, provider.gateway_path)
        }
    };
    let account = cloud.map_or("", |cloud| cloud.account.as_str());
    let base = template.replace("{account}", account).replace("{model}", model);
    if base.is_empty() || base.contains('{') || base.contains("..") {
        return Err(Failure::new(FailureKind::Invalid, format!("The address of {} is not set.", provider.name)));
    }
    Ok((base.trim_end_matches('/').to_owned(), way))
}
