//! The settings in the gateway's words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateway::{
    Backoff, Budget, CacheLimits, CloudGateway, GatewayOptions, Limits, Nanodollars, Override, Patience, Piece, Price,
    Progress, ProviderId, Rate, Receipt, Settings as Terms, Target, Tier, Transport, Vertex, Way,
};
use serde_json::Value;
use tokio::sync::watch;

use super::PRACTICE;
use crate::api;
use crate::config::{
    BudgetSettings, ChatSettings, GatewayRequests, GatewaySettings, ModelPrice, OpenaiSettings, ProviderTerms, Settings,
};

/// The gateway's settings for these.
pub(crate) fn of(settings: &Settings) -> Terms {
    let cache = &settings.cache;
    Terms {
        way: way(settings.chat.way),
        ways: ways(&settings.chat),
        base_urls: base_urls(settings),
        gateway: cloud_gateway(&settings.gateway),
        vertex: Vertex { project: settings.vertex.project.clone(), region: settings.vertex.location.clone() },
        limits: limits(settings),
        budget: budget(&settings.budget),
        cache: CacheLimits {
            is_on: cache.is_on,
            keep: Duration::from_secs(cache.ttl_s.into()),
            bytes: u64::from(cache.size_mb) << 20,
        },
        patience: Patience {
            attempts: settings.limits.attempts.max(1),
            first_byte: Duration::from_secs(settings.limits.timeout_s.max(1).into()),
            ..Patience::default()
        },
        prices: prices(&settings.chat),
    }
}

/// The ways that single providers have of their own.
fn ways(chat: &ChatSettings) -> BTreeMap<ProviderId, Way> {
    chat.terms.iter().filter_map(|terms| Some((terms.provider.as_str().into(), way(terms.way?)))).collect()
}

pub(crate) fn way(way: api::Way) -> Way {
    match way {
        api::Way::Direct => Way::Direct,
        api::Way::Gateway => Way::Gateway,
        api::Way::StoredKey => Way::StoredKey,
    }
}

/// Where the user has put this provider, if not at its usual place.
pub(crate) fn own_address(settings: &Settings, provider: &ProviderId) -> Option<String> {
    base_urls(settings).remove(provider)
}

fn base_urls(settings: &Settings) -> BTreeMap<ProviderId, String> {
    let mut urls = BTreeMap::new();
    let mut add = |provider: &str, url: &str| {
        let url = url.trim().trim_end_matches('/');
        if !url.is_empty() {
            urls.insert(ProviderId::from(provider), url.to_owned());
        }
    };
    // Voice's base URL may be a WebSocket's; text has the same one with http.
    let openai = &settings.providers.openai.base_url;
    if *openai != OpenaiSettings::default().base_url {
        add("openai", &openai.strip_prefix("ws").map_or_else(|| openai.clone(), |rest| format!("http{rest}")));
    }
    add("custom", &settings.custom.base_url);
    settings.chat.addresses.iter().for_each(|address| add(&address.provider, &address.url));
    urls
}

fn cloud_gateway(gateway: &GatewaySettings) -> Option<CloudGateway> {
    let usual = GatewaySettings::default().base_url;
    let is_set = !gateway.account_id.trim().is_empty() || gateway.base_url.trim_end_matches('/') != usual;
    is_set.then(|| CloudGateway {
        base_url: gateway.base_url.trim_end_matches('/').to_owned(),
        account: gateway.account_id.trim().to_owned(),
        gateway: gateway.gateway_id.trim().to_owned(),
        options: options(&gateway.requests),
        providers: gateway.providers.iter().map(|one| (one.provider.as_str().into(), options(&one.requests))).collect(),
        falls_back: gateway.requests.fallback,
        transport: if gateway.requests.websocket { Transport::WebSocket } else { Transport::Http },
    })
}

fn options(requests: &GatewayRequests) -> GatewayOptions {
    let number = |number: u32| Some(number).filter(|number| *number > 0);
    let words = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    GatewayOptions {
        cache_ttl: number(requests.cache_ttl_s),
        skip_cache: requests.skip_cache.then_some(true),
        cache_key: words(&requests.cache_key),
        metadata: metadata(&requests.metadata),
        collect_log: requests.skip_log.then_some(false),
        collect_log_payload: requests.skip_payload.then_some(false),
        request_timeout: number(requests.timeout_ms),
        max_attempts: number(requests.attempts).and_then(|attempts| attempts.try_into().ok()),
        retry_delay: number(requests.retry_delay_ms),
        backoff: match requests.backoff.as_str() {
            "constant" => Some(Backoff::Constant),
            "linear" => Some(Backoff::Linear),
            "exponential" => Some(Backoff::Exponential),
            _ => None,
        },
        event_id: None,
        key_alias: words(&requests.key_alias),
        no_wholesale: requests.no_wholesale.then_some(true),
        zero_data_retention: requests.zero_retention.then_some(true),
        no_session_affinity: requests.auto_anew.then_some(true),
        allowed_models: names(&requests.auto_models),
        allowed_providers: names(&requests.auto_providers),
        session_id: None,
        turn_id: None,
        trace: None,
    }
}

fn names(text: &str) -> Vec<String> {
    let names = text.split([',', ' ', '\n']).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Numbers and the like as they are written; what is nested the gateway would not take.
fn metadata(text: &str) -> BTreeMap<String, String> {
    let fields: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let plain = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect()
}

fn limits(Settings { limits, chat, .. }: &Settings) -> Limits {
    let hourly = Rate { requests: limits.requests_per_hour, ..Rate::default() };
    let a_minute = |requests: u32| {
        (requests > 0).then(|| Rate { requests, window: Duration::from_secs(60), burst: limits.burst.max(1) })
    };
    let own = |terms: &ProviderTerms| Some((terms.provider.as_str().into(), a_minute(terms.requests_per_minute)?));
    Limits {
        provider: a_minute(limits.requests_per_minute).unwrap_or(hourly),
        providers: chat.terms.iter().filter_map(own).collect(),
        profile: hourly,
        ..Limits::default()
    }
}

/// The user's budgets.
pub(crate) fn budget(budget: &BudgetSettings) -> Budget {
    Budget { conversation: dollars(budget.conversation), day: dollars(budget.day), month: dollars(budget.month) }
}

/// A limit in dollars; 0 is none.
pub(crate) fn dollars(limit: f32) -> Option<Nanodollars> {
    // By way of the decimal text: 0.1 as `f32` is 0.10000000149 as `f64`.
    (limit > 0.0).then(|| Nanodollars::from_dollars(exact(limit)))
}

fn exact(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}

/// The user's own prices.
pub(crate) fn prices(chat: &ChatSettings) -> Vec<Override> {
    let of = |own: &ModelPrice| {
        let target = Target { provider: own.provider.as_str().into(), model: own.model.clone() };
        let price = over(gateway::price(&target).unwrap_or_default(), own);
        Override { target, price }
    };
    chat.prices.iter().map(of).collect()
}

/// The listed price with what the user named in its place. Who names a prompt or an answer means all of it.
fn over(mut price: Price, own: &ModelPrice) -> Price {
    let rate = |dollars: f64| Nanodollars::from_dollars(dollars).0.unsigned_abs();
    let named = |dollars: f32, millionth: f64| (dollars >= 0.0).then(|| rate(exact(dollars) * millionth));
    if let Some(input) = named(own.input, 1.0) {
        price = Price { input, cached: None, written: None, input_audio: None, ..price };
        price.tier = price.tier.map(|tier| Tier { input: None, cached: None, written: None, ..tier });
    }
    if let Some(output) = named(own.output, 1.0) {
        price = Price { output, reasoning: None, output_audio: None, ..price };
        price.tier = price.tier.map(|tier| Tier { output: None, ..tier });
    }
    let (cached, written) = (named(own.cached, 1.0), named(own.written, 1.0));
    let tier = price.tier.map(|tier| Tier {
        cached: tier.cached.filter(|_| cached.is_none()),
        written: tier.written.filter(|_| written.is_none()),
        ..tier
    });
    let seconds = named(own.per_minute, 1e6 / 60.0);
    Price {
        cached: cached.or(price.cached),
        written: written.or(price.written),
        input_audio: named(own.input_audio, 1.0).or(price.input_audio),
        output_audio: named(own.output_audio, 1.0).or(price.output_audio),
        tier,
        input_second: seconds.or(price.input_second),
        output_second: seconds.or(price.output_second),
        character: named(own.per_thousand_characters, 1e3).or(price.character),
        ..price
    }
}

/// How the practice partner is known to its own gateway.
pub(super) fn partner() -> Target {
    Target { provider: "custom".into(), model: PRACTICE.into() }
}

/// Terms for the practice partner, whose base URL appears in `practice`.
pub(super) fn of_practice(mut practice: watch::Receiver<String>) -> watch::Receiver<Arc<Terms>> {
    let terms = |url: &str| {
        let base_urls = BTreeMap::from([(partner().provider, url.to_owned())]);
        let unlimited = Rate { requests: 0, ..Rate::default() };
        let limits = Limits { provider: unlimited, profile: unlimited, ..Limits::default() };
        let cache = CacheLimits { is_on: false, bytes: 0, ..CacheLimits::default() };
        Arc::new(Terms { base_urls, limits, cache, ..Terms::default() })
    };
    let (sender, receiver) = watch::channel(terms(&practice.borrow_and_update()));
    tokio::spawn(async move {
        while practice.changed().await.is_ok() {
            sender.send_replace(terms(&practice.borrow_and_update()));
        }
        // The last address stays in force.
        sender.closed().await;
    });
    receiver
}

/// A piece of the practice partner under its own name.
pub(super) fn as_practice(piece: Piece) -> Piece {
    let name = || Target { provider: PRACTICE.into(), model: PRACTICE.into() };
    let receipt = |receipt: Receipt| Receipt {
        target: name(),
        answered_by: None,
        cost: Some(Nanodollars::ZERO),
        list_cost: Some(Nanodollars::ZERO),
        ..receipt
    };
    match piece {
        Piece::Progress(Progress::Trying { attempt, .. }) => Progress::Trying { target: name(), attempt }.into(),
        Piece::Progress(Progress::Answers { cache, .. }) => Progress::Answers { target: name(), cache }.into(),
        Piece::Receipt(one) => Piece::Receipt(receipt(one)),
        Piece::Failed(failure, one) => Piece::Failed(failure, receipt(one)),
        Piece::Progress(_) | Piece::Delta(_) => piece,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::merge;

    #[test]
    fn money_is_exact() {
        assert_eq!(dollars(0.1), Some(Nanodollars(100_000_000)));
        assert_eq!(dollars(2.5), Some(Nanodollars(2_500_000_000)));
        assert_eq!(dollars(0.0), None);
    }

    #[test]
    fn what_the_user_sets_reaches_the_gateway() {
        let patch = json!({
            "chat": { "way": "gateway", "addresses": [{ "provider": "groq", "url": "http://localhost:1/v1/" }] },
            "custom": { "base_url": "http://localhost:2/v1" },
            "providers": { "openai": { "base_url": "wss://other.test/v1" } },
            "gateway": { "account_id": "a", "gateway_id": "g", "requests": {
                "cache_ttl_s": 90, "skip_log": true, "backoff": "linear", "metadata": "{\"team\":\"red\",\"shift\":3,\"of\":[1]}",
                "skip_payload": true, "key_alias": " second ", "no_wholesale": true, "zero_retention": true,
                "auto_models": "openai/gpt-6-luna, xai/grok-4.3", "auto_anew": true } },
            "limits": { "requests_per_minute": 7, "burst": 2 },
            "budget": { "day": 1.5 },
        });
        let terms = of(&merge(&Settings::default(), &patch).unwrap());
        assert_eq!(terms.way, Way::Gateway);
        let url = |provider: &str| terms.base_urls.get(&ProviderId::from(provider)).map(String::as_str);
        assert_eq!(url("groq"), Some("http://localhost:1/v1"));
        assert_eq!(url("custom"), Some("http://localhost:2/v1"));
        assert_eq!(url("openai"), Some("https://other.test/v1"));
        let gateway = terms.gateway.unwrap();
        assert_eq!((gateway.account.as_str(), gateway.options.cache_ttl), ("a", Some(90)));
        assert_eq!((gateway.options.collect_log, gateway.options.backoff), (Some(false), Some(Backoff::Linear)));
        let marks = [("shift", "3"), ("team", "red")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(gateway.options.metadata, BTreeMap::from(marks));
        assert_eq!((gateway.options.collect_log_payload, gateway.options.no_wholesale), (Some(false), Some(true)));
        assert_eq!(gateway.options.zero_data_retention, Some(true));
        assert_eq!(gateway.options.allowed_models, ["openai/gpt-6-luna", "xai/grok-4.3"]);
        assert!(gateway.options.allowed_providers.is_empty() && gateway.options.no_session_affinity == Some(true));
        assert_eq!(gateway.options.key_alias.as_deref(), Some("second"));
        assert_eq!((terms.limits.provider.requests, terms.limits.provider.burst), (7, 2));
        assert_eq!(terms.budget.day, Some(Nanodollars(1_500_000_000)));
    }

    #[test]
    fn what_is_different_for_one_provider_counts_for_it_alone() {
        let patch = json!({
            "chat": { "way": "gateway", "provider": "grok", "terms": [
                { "provider": "groq", "way": "direct", "requests_per_minute": 3 },
                { "provider": "grok", "way": "stored_key" },
                { "provider": "openai", "requests_per_minute": 0 },
            ] },
            "limits": { "requests_per_minute": 7, "burst": 2 },
            "gateway": { "account_id": "a", "requests": { "cache_ttl_s": 5, "retry_delay_ms": 90_000 },
                "providers": [{ "provider": "groq", "cache_ttl_s": 900, "skip_log": true }] },
        });
        let settings = merge(&Settings::default(), &patch).unwrap();
        assert_eq!(settings.chat.provider, "xai", "by its own name");
        assert_eq!(settings.gateway.requests.cache_ttl_s, 60, "the gateway takes no less");
        assert_eq!(settings.gateway.requests.retry_delay_ms, 60_000, "nor more");
        let terms = of(&settings);
        assert_eq!(terms.ways, BTreeMap::from([("groq".into(), Way::Direct), ("xai".into(), Way::StoredKey)]));
        let own: Vec<_> =
            terms.limits.providers.iter().map(|(id, rate)| (id.as_str(), rate.requests, rate.burst)).collect();
        assert_eq!(own, [("groq", 3, 2)]);
        let gateway = terms.gateway.unwrap();
        let groq = &gateway.providers[&ProviderId::from("groq")];
        assert_eq!((groq.cache_ttl, groq.collect_log, gateway.options.cache_ttl), (Some(900), Some(false), Some(60)));
        let ask = crate::chat::question(&settings, "", "Hello");
        assert_eq!(ask.route, None, "as the settings say");
    }

    #[test]
    fn an_own_price_has_every_rate_that_the_list_has() {
        let price = json!({ "provider": "groq", "model": "m", "input": 1.0, "output": 4.5, "written": 1.25, "input_audio": 32.0,
            "output_audio": 64.0, "per_minute": 0.006, "per_thousand_characters": 0.015 });
        let settings = merge(&Settings::default(), &json!({ "chat": { "prices": [price] } })).unwrap();
        let expected = Price {
            input: 1_000_000_000,
            written: Some(1_250_000_000),
            input_audio: Some(32_000_000_000),
            output: 4_500_000_000,
            output_audio: Some(64_000_000_000),
            input_second: Some(100_000_000_000),
            output_second: Some(100_000_000_000),
            character: Some(15_000_000_000),
            ..Price::default()
        };
        assert_eq!(prices(&settings.chat)[0].price, expected);
    }

    #[test]
    fn without_an_account_there_is_no_gateway() {
        assert_eq!(of(&Settings::default()).gateway, None);
    }
}
