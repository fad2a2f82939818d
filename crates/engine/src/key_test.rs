//! Testing a key at its provider: accepted, has credit, may be used for voice.

mod inquiry;

use std::time::Duration;

use gateway::ProviderId;
use protocol::chat::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::api::{Code, Holder, KeyTest, Problem, Provider, Route};
use crate::config::Settings;
use crate::net::{AUTHORIZATION, HeaderMap, Net, Refusal, secret_header};
use crate::route::probe::{self, Stop, Walk};
use crate::route::{self, Keys, Ladder};
use crate::text::{self, Text};

/// For each request and each rung.
const LIMIT: Duration = Duration::from_secs(8);

/// The provider of text that shows its list of models to anybody, so that it says nothing about a key.
const PUBLIC_LIST: &str = "huggingface";

/// Asks the provider about a key. A request and a socket, each of at most 8 s (the gateway: up to three sockets). Providers
/// of text are asked for their list of models by `text`, which finds the same key.
pub(crate) async fn test(net: &Net, text: &Text, settings: &Settings, holder: Holder, key: &SecretString) -> KeyTest {
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
        | Holder::Perplexity
        | Holder::Deepseek
        | Holder::Groq
        | Holder::Mistral
        | Holder::Xai
        | Holder::Cerebras
        | Holder::WorkersAi
        | Holder::Custom => list(text, holder).await,
        Holder::Huggingface => match inquiry::hugging_face(&settings) {
            Some(inquiry) => inquiry.ask(net, key).await,
            None => list(text, holder).await,
        },
        Holder::Openrouter => inquiry::openrouter(&settings).ask(net, key).await,
        Holder::Deepgram => inquiry::deepgram(&settings).ask(net, key).await,
        Holder::Elevenlabs => inquiry::elevenlabs(&settings).ask(net, key).await,
        Holder::Cartesia => inquiry::cartesia(&settings).ask(net, key).await,
        Holder::Fal => open("There is no test of this key that costs nothing: make a picture to test it."),
    }
}

/// By the provider's list of models, where that is shown to good keys only.
async fn list(text: &Text, holder: Holder) -> KeyTest {
    let mut providers = gateway::providers().iter();
    let Some(provider) = providers.find(|provider| text::holder(provider.id) == Some(holder)) else {
        return open("Nobody takes this key.");
    };
    let name = provider.name;
    if provider.models_path.is_empty() || provider.id == PUBLIC_LIST {
        return open(&format!(
            "{name} has no list of models that only a good key shows: ask it something to test the key."
        ));
    }
    let id = ProviderId::from(provider.id);
    match tokio::time::timeout(LIMIT, text.gateway().models(&id)).await.unwrap_or_else(|_| Err(late())) {
        Ok(models) => {
            let verdict = open(&format!("{name} accepts the key and lists {} models.", models.len()));
            KeyTest { is_valid: Some(true), ..verdict }
        }
        Err(failure) => refused_list(name, &failure),
    }
}

fn late() -> Failure {
    Failure::new(FailureKind::TimedOut, "no answer in time")
}

fn refused_list(name: &str, failure: &Failure) -> KeyTest {
    let words = plain(&failure.message);
    let (code, is_valid, has_credit) = match failure.kind {
        FailureKind::Credential => (Code::CredentialRefused, Some(false), None),
        FailureKind::Quota => (Code::Quota, Some(true), Some(false)),
        FailureKind::RateLimited => (Code::RateLimited, None, None),
        FailureKind::TimedOut | FailureKind::Unreachable => (Code::Offline, None, None),
        FailureKind::Unavailable | FailureKind::Broken => (Code::ProviderTrouble, None, None),
        FailureKind::Gateway if failure.status.is_none() => (Code::GatewayMissing, None, None),
        FailureKind::Gateway => (Code::GatewayRefused, None, None),
        FailureKind::Model
        | FailureKind::Address
        | FailureKind::TooLong
        | FailureKind::Invalid
        | FailureKind::Refused => (Code::Refused, None, None),
        FailureKind::Budget | FailureKind::Cancelled => (Code::Internal, None, None),
    };
    let said = match is_valid {
        Some(false) => format!("{name} does not accept this key: {words}."),
        Some(true) => format!("{name} accepts the key, but there is no credit left: {words}."),
        None => format!("No verdict: {words}."),
    };
    KeyTest { is_valid, has_credit, code: Some(code), ..open(&said) }
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
        verdict.code = Some(Code::Refused);
        verdict.detail = format!("{} The account's list of models lacks {model}.", verdict.detail);
    }
    verdict
}

/// Ids of the models that the key may use; nothing when the server gives no list. `Err` when its answer settles it.
async fn models(net: &Net, base_url: &str, key: &SecretString) -> Result<Option<Vec<String>>, KeyTest> {
    let base = route::base(base_url, "OpenAI's base URL", Code::Refused).map_err(|problem| met(&problem))?;
    let url: Url = route::with_path(base, &["models"]);
    let (status, body) =
        net.get_json(&url, bearer(key), LIMIT).await.map_err(|refusal| met(&refusal.problem(Route::Direct)))?;
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
        401 => {
            let verdict = open(&format!("OpenAI does not accept this key. {message}"));
            Err(KeyTest { is_valid: Some(false), code: Some(Code::CredentialRefused), ..verdict })
        }
        402 | 429 if status == 402 || code == "insufficient_quota" => {
            let verdict = open(&format!("The key is valid, but the account has no credit left. {message}"));
            Err(KeyTest { is_valid: Some(true), has_credit: Some(false), code: Some(Code::Quota), ..verdict })
        }
        // A restricted key may not list models and yet be allowed to talk; some servers have no list at all.
        _ => Ok(None),
    }
}

/// Only a socket proves credit and permission: the upgrade succeeds with any key, the verdict follows on it.
async fn voice(net: &Net, settings: &Settings, keys: &Keys, who: &str) -> KeyTest {
    match walk(net, settings, keys).await {
        Ok(walk) => verdict(&walk, who),
        Err(problem) => met(&problem),
    }
}

async fn walk(net: &Net, settings: &Settings, keys: &Keys) -> Result<Walk, Problem> {
    let mut ladder = Ladder::new(settings, "", keys, None)?;
    Ok(probe::walk(net, &mut ladder, LIMIT).await)
}

fn verdict(walk: &Walk, who: &str) -> KeyTest {
    let Err(stop) = &walk.end else {
        let verdict = open(&format!("{who} accepts the key, and a voice session opened."));
        return KeyTest { is_valid: Some(true), has_credit: Some(true), allows_voice: Some(true), ..verdict };
    };
    let words = plain(&stop.words()).to_owned();
    let code = probe::problem(stop, Route::Direct).code;
    let verdict = |detail: &str| KeyTest { code: Some(code), ..open(detail) };
    if stop.is_out_of_credit() {
        let verdict = verdict(&format!("{who} accepts the key, but there is no credit left: {words}."));
        return KeyTest { is_valid: Some(true), has_credit: Some(false), code: Some(Code::Quota), ..verdict };
    }
    if code == Code::CredentialRefused {
        return KeyTest { is_valid: Some(false), ..verdict(&format!("{who} does not accept this key: {words}.")) };
    }
    if matches!(code, Code::NotPermitted | Code::Refused) {
        let verdict = verdict(&format!("{who} accepts the key, but not for voice with this model: {words}."));
        return KeyTest { is_valid: Some(true), allows_voice: Some(false), ..verdict };
    }
    verdict(&format!("No verdict: {words}."))
}

/// The gateway looks at its own token before anything else. Without the provider's key (which is not at hand here) it
/// answers that one is missing, or the provider does: either way the token was good.
async fn gateway(net: &Net, settings: &Settings, token: &SecretString) -> KeyTest {
    let mut settings = settings.clone();
    settings.gateway.stored_key = true;
    let keys = Keys { gateway: Some(token.clone()), ..Keys::default() };
    let walk = match walk(net, &settings, &keys).await {
        Ok(walk) => walk,
        Err(problem) => {
            let verdict = open(&format!("The token cannot be tested yet: {}.", problem.detail));
            return KeyTest { code: Some(problem.code), ..verdict };
        }
    };
    let Err(stop) = &walk.end else {
        let verdict = open("The gateway accepts the token, and a voice session opened with the key stored there.");
        return KeyTest { is_valid: Some(true), has_credit: Some(true), allows_voice: Some(true), ..verdict };
    };
    let (said, code) = (stop.words(), probe::problem(stop, Route::Gateway).code);
    let words = plain(&said);
    let verdict = |detail: &str| KeyTest { code: Some(code), ..open(detail) };
    match (stop, code) {
        (Stop::Refused(_), Code::GatewayRefused) => {
            let advice = "It needs the permission \"AI Gateway Run\"; a token of another kind does not do";
            KeyTest { is_valid: Some(false), ..verdict(&format!("The gateway refused this token. {advice}. {words}.")) }
        }
        (Stop::Refused(_), Code::GatewayMissing) => {
            verdict(&format!("There is no such gateway: check the account id and the gateway's name. {words}."))
        }
        (Stop::Refused(Refusal::Http { .. }), Code::NoCredential) | (Stop::Fault(_) | Stop::Closed(_), _) => {
            let verdict = open(&format!("The gateway accepts the token. Without a key of yours it says: {words}."));
            KeyTest { is_valid: Some(true), ..verdict }
        }
        _ => verdict(&format!("No verdict: {words}.")),
    }
}

fn bearer(key: &SecretString) -> HeaderMap {
    let value = secret_header(&format!("Bearer {}", key.expose_secret()));
    value.into_iter().map(|value| (AUTHORIZATION, value)).collect()
}

/// Nothing is known but these words.
fn open(detail: &str) -> KeyTest {
    KeyTest { detail: detail.trim().to_owned(), ..KeyTest::default() }
}

/// The test did not come so far.
fn met(problem: &Problem) -> KeyTest {
    KeyTest { code: Some(problem.code), ..open(&problem.detail) }
}

/// Somebody else's words, to be followed by a full stop.
fn plain(words: &str) -> &str {
    words.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests;
