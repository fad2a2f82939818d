//! Which models a provider has: its live list, merged with the price list.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::chat::{Failure, FailureKind, refusal};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::credential::{Office, Passport};
use crate::pipeline::Shared;
use crate::price::{Listed, listed, listed_models, own};
use crate::transport::{self, first_byte};
use crate::{
    GatewayOptions, Header, Http, HttpRequest, Method, Price, Provider, ProviderId, Settings, Target, Way, address,
    provider, providers,
};

/// A server of this computer shows a page at once.
const PAGE: Duration = Duration::from_secs(2);

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// As the provider spells it.
    pub id: String,
    /// For people; the id where the provider has no name for it.
    pub name: String,
    /// Tokens of the conversation.
    pub context: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output: Option<u64>,
    /// Whether it takes pictures; `None`: not known.
    pub takes_images: Option<bool>,
    /// Its price; `None`: not known.
    pub price: Option<Price>,
}

/// What the providers' own lists said about their models, for the router.
#[derive(Default)]
pub(crate) struct Known {
    models: Mutex<HashMap<ProviderId, HashMap<String, Told>>>,
}

/// What a list said about a model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) images: Option<bool>,
    pub(crate) context: Option<u64>,
}

impl Known {
    fn remember(&self, provider: &ProviderId, models: &[Model]) {
        let told = |model: &Model| (model.id.clone(), Told { images: model.takes_images, context: model.context });
        let models = models.iter().map(told).collect();
        self.models.lock().unwrap_or_else(PoisonError::into_inner).insert(provider.clone(), models);
    }

    /// What is known of a model; the program's own list fills the gaps.
    pub(crate) fn of(&self, target: &Target) -> Told {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let told = models.get(&target.provider).and_then(|models| models.get(&target.model));
        let told = told.copied().unwrap_or_default();
        let listed = listed(target.provider.as_str(), &target.model);
        Told { images: told.images.or_else(|| listed?.images), context: told.context.or_else(|| listed?.context) }
    }
}

/// Asks the provider.
pub(crate) async fn live(shared: &Shared, id: &ProviderId) -> Result<Vec<Model>, Failure> {
    let unknown = || Failure::new(FailureKind::Model, format!("There is no provider called {id}."));
    let provider = provider(id).ok_or_else(unknown)?;
    let settings = shared.settings();
    let way = address::way(provider, None, &settings);
    // Behind an address that names one model there is no list.
    if provider.models_path.is_empty() || way != Way::Direct && provider.gateway_path.contains("{model}") {
        return Ok(known(&settings, id));
    }
    let (http, keys) = (&*shared.parts.http, &*shared.parts.keys);
    let office = Office { http, keys, tokens: &shared.tokens, settings: &settings };
    let Passport { base, mut headers } = office
        .issue(provider, &Target { provider: id.clone(), model: String::new() }, way, &GatewayOptions::default(), None)
        .await?;
    if !is_itself(http, provider, &base).await {
        return Err(Failure::new(
            FailureKind::Unreachable,
            format!("Somebody else has the port of {}.", provider.name),
        ));
    }
    headers.push(("accept", Header::Plain("application/json".to_owned())));
    let url = base + provider.models_path;
    let request = HttpRequest { method: Method::Get, url, headers, body: bytes::Bytes::new() };
    let patience = &settings.patience;
    let reply = transport::send(http, request, first_byte(patience, false), patience.idle).await?;
    if !(200..300).contains(&reply.status) {
        let (status, headers) = (reply.status, reply.headers);
        return Err(refusal(status, &headers, &reply.body.refusal().await));
    }
    let body = reply.body.whole().await?;
    let list = serde_json::from_slice(&body)
        .map_err(|_| Failure::new(FailureKind::Broken, "The list of models is not JSON."))?;
    let models = read(provider, &settings, &list);
    shared.known.remember(id, &models);
    Ok(models)
}

/// Servers of this computer may have the same usual port: one is there if its own page is, and nobody else's. An address
/// that the user gave is believed.
async fn is_itself(http: &dyn Http, provider: &Provider, base: &str) -> bool {
    let alike = providers().iter().filter(|other| other.base_url == base && !other.own_page.is_empty());
    for other in alike.filter(|other| other.base_url == provider.base_url) {
        if has_page(http, base, other.own_page).await != (other.id == provider.id) {
            return false;
        }
    }
    true
}

/// Whether a server has a page that says next to nothing; one that shows itself at every address does not.
async fn has_page(http: &dyn Http, base: &str, page: &str) -> bool {
    let Ok(url) = Url::parse(base).and_then(|base| base.join(page)) else { return false };
    let request = HttpRequest { method: Method::Get, url: url.into(), headers: Vec::new(), body: bytes::Bytes::new() };
    let Ok(reply) = transport::send(http, request, PAGE, PAGE).await else { return false };
    reply.status == 200 && reply.body.refusal().await.len() < 16
}

/// The text models of the price list, by name.
pub(crate) fn known(settings: &Settings, id: &ProviderId) -> Vec<Model> {
    let text = listed_models(id.as_str()).filter(|(_, listed)| listed.text);
    let mut models: Vec<_> = text.map(|(model, listed)| merged(settings, id, model, Some(listed))).collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models
}

fn merged(settings: &Settings, id: &ProviderId, model: &str, listed: Option<&Listed>) -> Model {
    let target = Target { provider: id.clone(), model: model.to_owned() };
    Model {
        name: model.to_owned(),
        context: listed.and_then(|listed| listed.context),
        max_output: listed.and_then(|listed| listed.most),
        takes_images: listed.and_then(|listed| listed.images),
        price: own(settings, &target).copied().or_else(|| crate::price(&target)),
        id: target.model,
    }
}

/// Reads `{"data": […]}` (OpenAI and most, Anthropic), `{"models": […]}` (Google) or a bare list.
fn read(provider: &Provider, settings: &Settings, list: &Value) -> Vec<Model> {
    let rows = list.get("data").or_else(|| list.get("models")).unwrap_or(list).as_array();
    rows.into_iter().flatten().filter_map(|row| model(provider, settings, row)).collect()
}

fn model(provider: &Provider, settings: &Settings, row: &Value) -> Option<Model> {
    let text = |names: &[&str]| names.iter().find_map(|name| row.get(name)?.as_str());
    let number = |names: &[&str]| names.iter().find_map(|name| row.pointer(name)?.as_u64());
    let id = text(&["id", "name"])?;
    let id = id.strip_prefix("models/").unwrap_or(id);
    let methods = row.get("supportedGenerationMethods").and_then(Value::as_array);
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == "generateContent")) {
        return None;
    }
    let listed = listed(provider.id, id);
    if listed.is_some_and(|listed| !listed.text) {
        return None;
    }
    let mut model = merged(settings, &ProviderId::from(provider.id), id, listed);
    if let Some(name) =
        text(&["display_name", "displayName"]).or_else(|| text(&["name"]).filter(|_| row.get("id").is_some()))
    {
        name.clone_into(&mut model.name);
    }
    let context =
        ["/context_length", "/context_window", "/max_context_length", "/max_input_tokens", "/inputTokenLimit"];
    model.context = number(&context).or(model.context);
    let most = [
        "/top_provider/max_completion_tokens",
        "/max_completion_tokens",
        "/max_output_tokens",
        "/max_tokens",
        "/outputTokenLimit",
    ];
    model.max_output = number(&most).or(model.max_output);
    let inputs = row.pointer("/architecture/input_modalities").and_then(Value::as_array);
    model.takes_images = inputs.map(|inputs| inputs.iter().any(|input| input == "image")).or(model.takes_images);
    model.price = model.price.or_else(|| openrouter_price(row.get("pricing")?));
    Some(model)
}

/// OpenRouter tells dollars per token, as text.
fn openrouter_price(pricing: &Value) -> Option<Price> {
    let million =
        |name: &str| Some(pricing.get(name)?.as_str()?.parse::<f64>().ok().filter(|dollars| *dollars >= 0.0)? * 1e6);
    Some(Price::dollars(million("prompt")?, million("input_cache_read"), million("completion")?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_of(id: &str, list: Value) -> Vec<Model> {
        read(provider(&id.into()).unwrap(), &Settings::default(), &list)
    }

    #[test]
    fn all_shapes_of_lists_are_read() {
        let openai =
            read_of("openai", json!({ "object": "list", "data": [{ "id": "gpt-6.1-sol" }, { "id": "tts-1" }, {}] }));
        assert_eq!(openai.len(), 1, "{openai:?}");
        assert_eq!(openai[0].price.unwrap().input, 2_000_000_000);
        let anthropic = read_of(
            "anthropic",
            json!({ "data": [{ "id": "claude-sonnet-5-5", "display_name": "Claude Sonnet 5.5" }] }),
        );
        assert_eq!((anthropic[0].name.as_str(), anthropic[0].context), ("Claude Sonnet 5.5", Some(1_000_000)));
        let google = json!({ "models": [
            { "name": "models/gemini-9", "displayName": "Gemini 9", "inputTokenLimit": 10, "outputTokenLimit": 5,
              "supportedGenerationMethods": ["generateContent"] },
            { "name": "models/embed", "supportedGenerationMethods": ["embedContent"] },
        ] });
        let google = read_of("google-ai-studio", google);
        assert_eq!(
            (google.len(), google[0].id.as_str(), google[0].context, google[0].price),
            (1, "gemini-9", Some(10), None)
        );
        let router = json!({ "data": [{ "id": "new/model", "name": "New", "context_length": 8192,
            "architecture": { "input_modalities": ["text", "image"] },
            "pricing": { "prompt": "0.000001", "completion": "0.0000025" } }] });
        let router = read_of("openrouter", router);
        assert_eq!(router[0].price, Some(Price::dollars(1.0, None, 2.5)));
        assert_eq!((router[0].name.as_str(), router[0].takes_images), ("New", Some(true)));
        assert_eq!(read_of("ollama", json!([{ "id": "llama" }]))[0].price, Some(Price::default()));
        assert_eq!(read_of("openai", json!("nonsense")), []);
    }
}
