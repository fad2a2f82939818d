//! Keys of which their provider tells over a plain request that costs nothing.

use gateway::ProviderId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{LIMIT, met, open, plain};
use crate::api::{Code, Holder, KeyTest, Route};
use crate::config::Settings;
use crate::net::{HeaderMap, HeaderValue, Net, secret_header};
use crate::route;
use crate::text;

/// Such a request.
pub(super) struct Inquiry {
    /// As users know the provider.
    name: &'static str,
    base_url: String,
    path: &'static [&'static str],
    /// Header of the key, and what stands before it there.
    header: (&'static str, &'static str),
    /// Header of the API's version.
    version: Option<(&'static str, String)>,
}

impl Inquiry {
    /// How the provider of this key is asked; `None`: it has no such request, or a server of the user's own stands in its
    /// place, which need not have it.
    pub(super) fn of(holder: Holder, settings: &Settings) -> Option<Self> {
        let voices = &settings.providers;
        let bearer = ("authorization", "Bearer ");
        let one = |name, base_url: &str, path, header| Self {
            name,
            base_url: base_url.to_owned(),
            path,
            header,
            version: None,
        };
        Some(match holder {
            // Deepgram, "Authenticating": it tells about the key.
            Holder::Deepgram => {
                let path = &["v1", "auth", "token"];
                one("Deepgram", &voices.deepgram.base_url, path, ("authorization", "Token "))
            }
            // ElevenLabs, "List voices": keys that may only speak may not list them.
            Holder::Elevenlabs => one("ElevenLabs", &voices.elevenlabs.base_url, &["v1", "voices"], ("xi-api-key", "")),
            // Cartesia, "List voices".
            Holder::Cartesia => {
                let version = Some(("cartesia-version", voices.cartesia.version.clone()));
                Self { version, ..one("Cartesia", &voices.cartesia.base_url, &["voices"], ("x-api-key", "")) }
            }
            // OpenRouter, "Limits": what is left of the key's credit.
            Holder::Openrouter => {
                let own = text::own_address(settings, &ProviderId::from("openrouter"));
                let base = own.unwrap_or_else(|| "https://openrouter.ai/api/v1".to_owned());
                one("OpenRouter", &base, &["key"], bearer)
            }
            // Hugging Face's Hub, `whoami`: another server of theirs than the one that answers questions.
            Holder::Huggingface if text::own_address(settings, &ProviderId::from("huggingface")).is_none() => {
                one("Hugging Face", "https://huggingface.co", &["api", "whoami-v2"], bearer)
            }
            Holder::Openai
            | Holder::Gateway
            | Holder::Endpoint
            | Holder::Anthropic
            | Holder::Google
            | Holder::Vertex
            | Holder::Huggingface
            | Holder::Perplexity
            | Holder::Deepseek
            | Holder::Groq
            | Holder::Mistral
            | Holder::Xai
            | Holder::Cerebras
            | Holder::WorkersAi
            | Holder::Custom
            | Holder::Fal => return None,
        })
    }

    /// Asks.
    pub(super) async fn ask(self, net: &Net, key: &SecretString) -> KeyTest {
        let label = format!("{}'s base URL", self.name);
        let base = match route::base(&self.base_url, &label, Code::Refused) {
            Ok(base) => base,
            Err(problem) => return met(&problem),
        };
        let Some(headers) = self.headers(key) else {
            let verdict = open("The key holds characters that cannot be sent.");
            return KeyTest { is_valid: Some(false), code: Some(Code::CredentialRefused), ..verdict };
        };
        match net.get_json(&route::with_path(base, self.path), headers, LIMIT).await {
            Ok((status, body)) => self.verdict(status, &body, key),
            Err(refusal) => met(&refusal.problem(Route::Direct)),
        }
    }

    fn headers(&self, key: &SecretString) -> Option<HeaderMap> {
        let (name, before) = self.header;
        let mut headers = HeaderMap::new();
        headers.insert(name, secret_header(&format!("{before}{}", key.expose_secret()))?);
        if let Some((name, version)) = &self.version {
            headers.insert(*name, HeaderValue::from_str(version).ok()?);
        }
        Some(headers)
    }

    fn verdict(&self, status: u16, body: &Value, key: &SecretString) -> KeyTest {
        let name = self.name;
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
