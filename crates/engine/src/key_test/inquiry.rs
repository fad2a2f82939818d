//! Keys of which their provider tells over a plain request that costs nothing.

use gateway::ProviderId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{LIMIT, met, open, plain};
use crate::api::{Code, Holder, KeyTest, Route};
use crate::config::Settings;
use crate::net::{HeaderMap, HeaderValue, Net};
use crate::route;
use crate::route::voices::{self, Service};
use crate::text;

/// Such a request.
pub(super) struct Inquiry {
    service: Service,
    path: &'static [&'static str],
    /// Header of the API's version.
    version: Option<(&'static str, String)>,
}

/// Deepgram, "Authenticating": it tells about the key.
pub(super) fn deepgram(settings: &Settings) -> Inquiry {
    Inquiry { service: voices::deepgram(settings), path: &["v1", "auth", "token"], version: None }
}

/// ElevenLabs, "List voices": keys that may only speak may not list them.
pub(super) fn elevenlabs(settings: &Settings) -> Inquiry {
    Inquiry { service: voices::elevenlabs(settings), path: &["v1", "voices"], version: None }
}

/// Cartesia, "List voices".
pub(super) fn cartesia(settings: &Settings) -> Inquiry {
    let version = Some(("cartesia-version", settings.providers.cartesia.version.clone()));
    Inquiry { service: voices::cartesia(settings), path: &["voices"], version }
}

/// OpenRouter, "Limits": what is left of the key's credit.
pub(super) fn openrouter(settings: &Settings) -> Inquiry {
    let own = text::own_address(settings, &ProviderId::from("openrouter"));
    let base_url = own.unwrap_or_else(|| "https://openrouter.ai/api/v1".to_owned());
    Inquiry { service: bearer("OpenRouter", Holder::Openrouter, base_url), path: &["key"], version: None }
}

/// Hugging Face's Hub, `whoami`: another server of theirs than the one that answers questions. `None`: a server of the
/// user's own stands in its place, whose key is none of the Hub's business.
pub(super) fn hugging_face(settings: &Settings) -> Option<Inquiry> {
    let own = text::own_address(settings, &ProviderId::from("huggingface"));
    let service = bearer("Hugging Face", Holder::Huggingface, "https://huggingface.co".to_owned());
    own.is_none().then_some(Inquiry { service, path: &["api", "whoami-v2"], version: None })
}

fn bearer(name: &'static str, holder: Holder, base_url: String) -> Service {
    Service { name, base_url, holder: Some(holder), header: ("authorization", "Bearer "), gateway_path: None }
}

impl Inquiry {
    /// Asks.
    pub(super) async fn ask(self, net: &Net, key: &SecretString) -> KeyTest {
        let label = format!("{}'s base URL", self.service.name);
        let base = match route::base(&self.service.base_url, &label, Code::Refused) {
            Ok(base) => base,
            Err(problem) => return met(&problem),
        };
        let mut headers = HeaderMap::new();
        if let Err(problem) = self.service.authorize(&mut headers, key) {
            return KeyTest { is_valid: Some(false), ..met(&problem) };
        }
        if let Some((name, version)) = &self.version
            && let Ok(version) = HeaderValue::from_str(version)
        {
            headers.insert(*name, version);
        }
        match net.get_json(&route::with_path(base, self.path), headers, LIMIT).await {
            Ok((status, body)) => self.verdict(status, &body, key),
            Err(refusal) => met(&refusal.problem(Route::Direct)),
        }
    }

    fn verdict(&self, status: u16, body: &Value, key: &SecretString) -> KeyTest {
        let name = self.service.name;
        let valid = |words: &str| KeyTest { is_valid: Some(true), ..open(&format!("{name} accepts the key{words}.")) };
        match status {
            200..=299 => match left(body) {
                Some(left) if left <= 0.0 => {
                    let verdict = valid(", but nothing is left of its credit");
                    KeyTest { has_credit: Some(false), code: Some(Code::Quota), ..verdict }
                }
                Some(left) => {
                    KeyTest { has_credit: Some(true), ..valid(&format!("; of its credit ${left:.2} is left")) }
                }
                None => valid(""),
            },
            // Who it is was known before it was found out what he may not do.
            401 | 403 if is_of_permission(body) => valid(", which may not do everything there"),
            401 | 403 => {
                let said = said(body).replace(key.expose_secret(), "[key]");
                let verdict = open(format!("{name} does not accept this key. {said}").trim());
                KeyTest { is_valid: Some(false), code: Some(Code::CredentialRefused), ..verdict }
            }
            402 => {
                let verdict = valid(", but there is no credit left");
                KeyTest { has_credit: Some(false), code: Some(Code::Quota), ..verdict }
            }
            429 => {
                let verdict = open(&format!("No verdict: {name} is limiting requests; try again in a minute."));
                KeyTest { code: Some(Code::RateLimited), ..verdict }
            }
            _ => {
                let words = format!("No verdict: {name} answered with HTTP {status}. {}", plain(said(body)));
                KeyTest { code: Some(Code::ProviderTrouble), ..open(&words) }
            }
        }
    }
}

/// What is left of the key's credit, US dollars (OpenRouter).
fn left(body: &Value) -> Option<f64> {
    body.pointer("/data/limit_remaining")?.as_f64()
}

/// ElevenLabs: `{"detail": {"status": "missing_permissions", "message": "…"}}`.
fn is_of_permission(body: &Value) -> bool {
    body.pointer("/detail/status").and_then(Value::as_str) == Some("missing_permissions")
}

/// The provider's words.
fn said(body: &Value) -> &str {
    let places = ["/error/message", "/detail/message", "/err_msg", "/message", "/error", "/detail"];
    places.iter().find_map(|place| body.pointer(place)?.as_str()).unwrap_or_default()
}
