//! Testing a key at its provider: accepted, has credit, may be used for voice.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::api::{Code, Holder, KeyTest, Provider, Route};
use crate::config::Settings;
use crate::net::{AUTHORIZATION, HeaderMap, Net, Refusal, secret_header};
use crate::route::probe::{self, Stop, Walk};
use crate::route::{self, Keys, Ladder};

/// For each request and each rung.
const LIMIT: Duration = Duration::from_secs(8);

/// Asks the provider about a key. A request and a socket, each of at most 8 s (the gateway: up to three sockets).
pub(crate) async fn test(net: &Net, settings: &Settings, holder: Holder, key: &SecretString) -> KeyTest {
    let mut settings = settings.clone();
    settings.call.provider = Provider::Openai;
    match holder {
        Holder::Openai => {
            settings.call.route = Route::Direct;
            openai(net, &settings, key).await
        }
        Holder::Gateway => {
            settings.call.route = Route::Gateway;
            gateway(net, &settings, key).await
        }
        Holder::Endpoint => {
            settings.call.route = Route::Endpoint;
            let keys = Keys { endpoint: Some(key.clone()), ..Keys::default() };
            voice(net, &settings, &keys, "the server").await
        }
        Holder::Anthropic
        | Holder::Google
        | Holder::Vertex
        | Holder::Huggingface
        | Holder::Perplexity
        | Holder::Deepseek
        | Holder::Groq
        | Holder::Openrouter
        | Holder::Mistral
        | Holder::Xai
        | Holder::Cerebras
        | Holder::WorkersAi
        | Holder::Custom
        | Holder::Deepgram
        | Holder::Elevenlabs
        | Holder::Cartesia => open("This key is for text: list the provider's models to test it."),
        Holder::Fal => open("This key is for pictures: make one to test it."),
    }
}

async fn openai(net: &Net, settings: &Settings, key: &SecretString) -> KeyTest {
    let models = match models(net, &settings.providers.openai.base_url, key).await {
        Ok(models) => models,
        Err(verdict) => return verdict,
    };
    let keys = Keys { openai: Some(key.clone()), ..Keys::default() };
    let mut verdict = voice(net, settings, &keys, "OpenAI").await;
    let Some(models) = models else { return verdict };
    verdict.is_valid = verdict.is_valid.or(Some(true));
    let model = settings.providers.openai.model.trim();
    if verdict.allows_voice.is_none() && !models.iter().any(|listed| listed == model) {
        verdict.allows_voice = Some(false);
        verdict.detail = format!("{} The account's list of models lacks {model}.", verdict.detail);
    }
    verdict
}

/// Ids of the models that the key may use; nothing when the server gives no list. `Err` when its answer settles it.
async fn models(net: &Net, base_url: &str, key: &SecretString) -> Result<Option<Vec<String>>, KeyTest> {
    let base = route::base(base_url, "OpenAI's base URL", Code::Refused).map_err(|problem| open(&problem.detail))?;
    let url: Url = route::with_path(base, &["models"]);
    let (status, body) = net.get_json(&url, bearer(key), LIMIT).await.map_err(|refusal| open(&refusal.to_string()))?;
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    // OpenAI shows a masked form of the key; it is no use to anybody here.
    let message = message.replace(key.expose_secret(), "[key]");
    let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
    match status {
        200..=299 => {
            let models = body.get("data").and_then(Value::as_array);
            let id = |model: &Value| model.get("id")?.as_str().map(str::to_owned);
            Ok(models.map(|models| models.iter().filter_map(id).collect()))
        }
        401 => Err(KeyTest { is_valid: Some(false), ..open(&format!("OpenAI does not accept this key. {message}")) }),
        402 | 429 if status == 402 || code == "insufficient_quota" => {
            let verdict = open(&format!("The key is valid, but the account has no credit left. {message}"));
            Err(KeyTest { is_valid: Some(true), has_credit: Some(false), ..verdict })
        }
        // A restricted key may not list models and yet be allowed to talk; some servers have no list at all.
        _ => Ok(None),
    }
}

/// Only a socket proves credit and permission: the upgrade succeeds with any key, the verdict follows on it.
async fn voice(net: &Net, settings: &Settings, keys: &Keys, who: &str) -> KeyTest {
    match walk(net, settings, keys).await {
        Ok(walk) => verdict(&walk, who),
        Err(detail) => open(&detail),
    }
}

async fn walk(net: &Net, settings: &Settings, keys: &Keys) -> Result<Walk, String> {
    let mut ladder = Ladder::new(settings, "", keys, None).map_err(|problem| problem.detail)?;
    Ok(probe::walk(net, &mut ladder, LIMIT).await)
}

fn verdict(walk: &Walk, who: &str) -> KeyTest {
    let Err(stop) = &walk.end else {
        let verdict = open(&format!("{who} accepts the key, and a voice session opened."));
        return KeyTest { is_valid: Some(true), has_credit: Some(true), allows_voice: Some(true), ..verdict };
    };
    let words = stop.words();
    if stop.is_out_of_credit() {
        let verdict = open(&format!("{who} accepts the key, but there is no credit left: {words}."));
        return KeyTest { is_valid: Some(true), has_credit: Some(false), ..verdict };
    }
    let code = probe::problem(stop, Route::Direct).code;
    if code == Code::CredentialRefused {
        return KeyTest { is_valid: Some(false), ..open(&format!("{who} does not accept this key: {words}.")) };
    }
    if matches!(code, Code::NotPermitted | Code::Refused) {
        let verdict = open(&format!("{who} accepts the key, but not for voice with this model: {words}."));
        return KeyTest { is_valid: Some(true), allows_voice: Some(false), ..verdict };
    }
    open(&format!("No verdict: {words}."))
}

/// The gateway looks at its own token before anything else. Without the provider's key (which is not at hand here) it
/// answers that one is missing, or the provider does: either way the token was good.
async fn gateway(net: &Net, settings: &Settings, token: &SecretString) -> KeyTest {
    let mut settings = settings.clone();
    settings.gateway.stored_key = true;
    let keys = Keys { gateway: Some(token.clone()), ..Keys::default() };
    let walk = match walk(net, &settings, &keys).await {
        Ok(walk) => walk,
        Err(detail) => return open(&format!("The token cannot be tested yet: {detail}.")),
    };
    let Err(stop) = &walk.end else {
        let verdict = open("The gateway accepts the token, and a voice session opened with the key stored there.");
        return KeyTest { is_valid: Some(true), has_credit: Some(true), allows_voice: Some(true), ..verdict };
    };
    let (words, code) = (stop.words(), probe::problem(stop, Route::Gateway).code);
    match (stop, code) {
        (Stop::Refused(_), Code::GatewayRefused) => {
            let advice = "It needs the permission \"AI Gateway Run\"; a token of another kind does not do";
            KeyTest { is_valid: Some(false), ..open(&format!("The gateway refused this token. {advice}. {words}.")) }
        }
        (Stop::Refused(_), Code::GatewayMissing) => {
            open(&format!("There is no such gateway: check the account id and the gateway's name. {words}."))
        }
        (Stop::Refused(Refusal::Http { .. }), Code::NoCredential) | (Stop::Fault(_) | Stop::Closed(_), _) => {
            let verdict = open(&format!("The gateway accepts the token. Without a key of yours it says: {words}."));
            KeyTest { is_valid: Some(true), ..verdict }
        }
        _ => open(&format!("No verdict: {words}.")),
    }
}

fn bearer(key: &SecretString) -> HeaderMap {
    let value = secret_header(&format!("Bearer {}", key.expose_secret()));
    value.into_iter().map(|value| (AUTHORIZATION, value)).collect()
}

/// Nothing is known but these words.
fn open(detail: &str) -> KeyTest {
    KeyTest {
        is_running: false,
        is_valid: None,
        has_credit: None,
        allows_voice: None,
        detail: detail.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
