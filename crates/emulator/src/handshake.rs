//! HTTP: who may open a WebSocket, and the list of models.

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::connection::{self, Opening};
use crate::fault::FaultKind;
use crate::record::Form;
use crate::request::Request;
use crate::script::{Echo, GatewayCredentials, TokenForms, Verdict};
use crate::server::Server;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Every address the emulator serves.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/v1/realtime", get(direct))
        .route("/v1/models", get(models))
        .route("/gateway/v1/{account}/{gateway}/openai", get(gateway))
        .route("/gateway/v1/{account}/{gateway}/openai/models", get(gateway_models))
        .with_state(server)
}

async fn direct(State(server): State<Arc<Server>>, uri: Uri, headers: HeaderMap, upgrade: Upgrade) -> Response {
    let request = Request::read(&server, &uri, &headers);
    let has_both = request.header_key.is_some() && request.subprotocol_key.is_some();
    let key = request.header_key.clone().or_else(|| request.subprotocol_key.clone());
    let opening = opening(&server, &request, key.as_deref(), has_both, 3000);
    request.upgrade(server, upgrade, opening, Echo::Realtime)
}

async fn gateway(
    State(server): State<Arc<Server>>,
    Path(place): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let request = Request::read(&server, &uri, &headers);
    if let Some(refusal) = gateway_refusal(&server, &place, &request) {
        return request.answer(&server, refusal);
    }
    let profile = &server.script.gateway;
    let (header_key, subprotocol_key) = (request.header_key.as_deref(), request.subprotocol_key.as_deref());
    let (key, stored) = match profile.credentials {
        GatewayCredentials::Modern => (header_key.or(subprotocol_key), false),
        GatewayCredentials::Stored => (header_key.or(subprotocol_key), true),
        GatewayCredentials::Seed003 => (subprotocol_key, false),
    };
    let has_both = header_key.is_some() && subprotocol_key.is_some();
    let opening = match key {
        None if stored => opening(&server, &request, Some("stored at the gateway"), false, 4001),
        None => Err(Refused::missing_bearer(4001)),
        Some(key) => opening(&server, &request, Some(key), has_both, 3000),
    };
    let echo = profile.echo;
    request.upgrade(server, upgrade, opening, echo)
}

/// Why the gateway refuses, before any upgrade.
fn gateway_refusal(server: &Server, place: &(String, String), request: &Request) -> Option<Response> {
    let profile = &server.script.gateway;
    if profile.exists.as_ref().is_some_and(|exists| exists != place) {
        return Some(gateway_error(
            StatusCode::BAD_REQUEST,
            2001,
            "Please configure AI Gateway in the Cloudflare dashboard",
        ));
    }
    let tokens = profile.tokens.as_ref()?;
    let is_taken = request.token.as_ref().is_some_and(|(token, form)| {
        let form_fits = match (profile.forms, form) {
            (TokenForms::Both, _) | (_, Form::Subprotocol) => true,
            (TokenForms::Bearer, form) => *form == Form::Bearer,
            (TokenForms::Bare, form) => *form == Form::Bare,
        };
        form_fits && tokens.contains(token)
    });
    (!is_taken).then(|| gateway_error(StatusCode::UNAUTHORIZED, 2009, "Unauthorized"))
}

fn gateway_error(status: StatusCode, code: u32, message: &str) -> Response {
    let body = json!({
        "success": false, "result": [], "messages": [], "error": [{"code": code, "message": message}],
        "name": "AiGatewayError", "httpCode": status.as_u16(), "internalCode": code,
    });
    let ids = [("cf-ray", "8f0000000000emul-AMS"), ("cf-aig-log-id", "01JEMULATOR0000000000000000")];
    (status, ids, Json(body)).into_response()
}

/// A refusal inside the WebSocket: an `error` event, then a close.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) close: u16,
}

impl Refused {
    fn new(code: Option<&'static str>, close: u16, message: impl Into<String>) -> Self {
        Self { kind: "invalid_request_error", code, message: message.into(), close }
    }

    fn missing_bearer(close: u16) -> Self {
        Self::new(None, close, "Missing bearer or basic authentication in header")
    }

    fn invalid_key(key: &str) -> Self {
        let start: String = key.chars().take(3).collect();
        let message = format!(
            "Incorrect API key provided: {start}***. You can find your API key at https://platform.openai.com/account/api-keys."
        );
        Self::new(Some("invalid_api_key"), 3000, message)
    }

    fn quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self { kind: "insufficient_quota", ..Self::new(Some("insufficient_quota"), 1013, message) }
    }

    fn permissions() -> Self {
        let message =
            "You have insufficient permissions for this operation. Missing scopes: api.model.realtime.request.";
        Self::new(Some("insufficient_permissions"), 3000, message)
    }

    /// Reason of the close frame.
    pub(crate) fn reason(&self) -> String {
        self.code.map_or_else(|| self.kind.to_owned(), |code| format!("{}.{code}", self.kind))
    }
}

/// Whether a session opens, and as what.
fn opening(
    server: &Server,
    request: &Request,
    key: Option<&str>,
    has_both: bool,
    missing_close: u16,
) -> Result<String, Refused> {
    let script = &server.script;
    let fault = |kind| server.faults.strikes(kind);
    if has_both {
        let message = "You must only send one of protocol api key and Authorization header";
        return Err(Refused::new(None, 3000, message));
    }
    if fault(FaultKind::MissingBearer) || (key.is_none() && script.keys.required) {
        return Err(Refused::missing_bearer(missing_close));
    }
    let verdict = key.map_or(Verdict::Good, |key| script.keys.verdict(key));
    if fault(FaultKind::InvalidApiKey) || verdict == Verdict::Wrong {
        return Err(Refused::invalid_key(key.unwrap_or_default()));
    }
    if fault(FaultKind::InsufficientQuota) || verdict == Verdict::NoCredit {
        return Err(Refused::quota());
    }
    if fault(FaultKind::InsufficientPermissions) || verdict == Verdict::NoVoice {
        return Err(Refused::permissions());
    }
    if fault(FaultKind::BetaApiShapeDisabled) || request.is_beta {
        let message = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.";
        return Err(Refused::new(Some("beta_api_shape_disabled"), 4000, message));
    }
    let model = request.model.clone().filter(|model| !model.is_empty());
    let Some(model) = model.filter(|_| !fault(FaultKind::MissingModel)) else {
        return Err(Refused::new(Some("missing_model"), 4000, "You must provide a model parameter."));
    };
    if fault(FaultKind::InvalidModel) || (!script.models.is_empty() && !script.models.contains(&model)) {
        let message = format!("Model \"{model}\" is not supported in realtime mode.");
        return Err(Refused::new(Some("invalid_model"), 4000, message));
    }
    if fault(FaultKind::ModelNotFound) {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(Refused::new(Some("model_not_found"), 4004, message));
    }
    Ok(model)
}

impl Request {
    /// Answers without a WebSocket.
    fn answer(&self, server: &Server, response: Response) -> Response {
        self.note(server, response.status());
        response
    }

    fn note(&self, server: &Server, status: StatusCode) {
        server.recorder.write(|record| {
            if let Some(connection) = record.connections.get_mut(self.index) {
                connection.status = status.as_u16();
            }
        });
    }

    /// Answers with a WebSocket, whose first frames are the opening.
    fn upgrade(self, server: Arc<Server>, upgrade: Upgrade, opening: Result<String, Refused>, echo: Echo) -> Response {
        if let Some(refusal) = http_fault(&server) {
            return self.answer(&server, refusal);
        }
        let mut upgrade = match upgrade {
            Ok(upgrade) => upgrade.max_message_size(64 << 20).max_frame_size(64 << 20),
            Err(rejection) => return self.answer(&server, rejection.into_response()),
        };
        let realtime = self.subprotocols.iter().find(|offered| *offered == "realtime");
        let selected = match echo {
            Echo::Realtime => realtime,
            Echo::First => self.subprotocols.first(),
            Echo::Nothing => None,
        };
        if let Some(selected) = selected.and_then(|selected| HeaderValue::from_str(selected).ok()) {
            upgrade.set_selected_protocol(selected);
        }
        let opening = Opening { index: self.index, outcome: opening, commands: server.commands.subscribe() };
        self.note(&server, StatusCode::SWITCHING_PROTOCOLS);
        upgrade.on_upgrade(move |socket| connection::serve(socket, server, opening))
    }
}

fn http_fault(server: &Server) -> Option<Response> {
    if server.faults.strikes(FaultKind::UnsupportedCountry) {
        let message = "Country, region, or territory not supported";
        let code = "unsupported_country_region_territory";
        Some(api_error(StatusCode::FORBIDDEN, "request_forbidden", code, message))
    } else if server.faults.strikes(FaultKind::BadGateway) {
        let page =
            Html("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>");
        Some((StatusCode::BAD_GATEWAY, page).into_response())
    } else {
        None
    }
}

async fn models(State(server): State<Arc<Server>>, uri: Uri, headers: HeaderMap) -> Response {
    let request = Request::read(&server, &uri, &headers);
    let response = http_fault(&server).unwrap_or_else(|| list(&server, request.header_key.as_deref()));
    request.answer(&server, response)
}

async fn gateway_models(
    State(server): State<Arc<Server>>,
    Path(place): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = Request::read(&server, &uri, &headers);
    let stored = server.script.gateway.credentials == GatewayCredentials::Stored;
    let key = request.header_key.as_deref().or_else(|| stored.then_some("stored at the gateway"));
    let response = gateway_refusal(&server, &place, &request).unwrap_or_else(|| list(&server, key));
    request.answer(&server, response)
}

fn list(server: &Server, key: Option<&str>) -> Response {
    let Some(key) = key else {
        let message = "Missing bearer or basic authentication in header";
        return api_error(StatusCode::UNAUTHORIZED, "invalid_request_error", Value::Null, message);
    };
    let verdict = server.script.keys.verdict(key);
    if verdict == Verdict::Wrong || server.faults.has(FaultKind::InvalidApiKey) {
        let message = Refused::invalid_key(key).message;
        return api_error(StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_api_key", &message);
    }
    if verdict == Verdict::NoCredit || server.faults.has(FaultKind::InsufficientQuota) {
        let message = Refused::quota().message;
        return api_error(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "insufficient_quota", &message);
    }
    let voice = ["gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-whisper"];
    let voice = voice.into_iter().filter(|_| verdict != Verdict::NoVoice);
    let models = voice.chain(["gpt-5.1", "gpt-4o-mini-transcribe"]);
    let model = |id| json!({"id": id, "object": "model", "created": 1_780_000_000, "owned_by": "system"});
    Json(json!({"object": "list", "data": models.map(model).collect::<Vec<_>>()})).into_response()
}

fn api_error(status: StatusCode, kind: &str, code: impl Into<Value>, message: &str) -> Response {
    let error = json!({"message": message, "type": kind, "param": null, "code": code.into()});
    (status, Json(json!({"error": error}))).into_response()
}
