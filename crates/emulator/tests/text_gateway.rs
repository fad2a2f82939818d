//! The gateway in front of the text providers.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/http.rs"]
mod http;

use std::time::Duration;

use emulator::chat::{Fakes, Fault, FaultKind, Gateway, Pace, Script, Shape};
use emulator::{Purpose, fingerprint};
use http::{get, post};
use serde_json::{Value, json};

const KEY: (&str, &str) = ("authorization", "Bearer good");
const TOKEN: (&str, &str) = ("cf-aig-authorization", "Bearer cf-token");

fn stored(slug: &str, alias: &str) -> (String, String, String) {
    (slug.to_owned(), alias.to_owned(), "good".to_owned())
}

fn profile() -> Gateway {
    Gateway { tokens: Some(vec!["cf-token".into()]), ..Gateway::default() }
}

async fn fakes(gateway: Gateway) -> Fakes {
    Fakes::start(Script { gateway, ..Script::default() }).await.unwrap()
}

fn at(fakes: &Fakes, path: &str) -> String {
    format!("{}/acct/gate/{path}", fakes.gateway_url())
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello?"}]})
}

/// Status and code of an answer to a small request.
async fn code(fakes: &Fakes, path: &str, headers: &[(&str, &str)], model: &str) -> (u16, u64) {
    let answer = post(&at(fakes, path), headers, &chat(model)).await;
    (answer.status, answer.json()["internalCode"].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn native_paths_lead_to_their_providers() {
    let fakes = fakes(profile()).await;
    for (path, provider) in [
        ("openai/chat/completions", "openai"),
        ("openai/v1/chat/completions", "openai"),
        ("groq/chat/completions", "groq"),
        ("mistral/v1/chat/completions", "mistral"),
        ("grok/v1/chat/completions", "xai"),
        ("deepseek/chat/completions", "deepseek"),
        ("openrouter/v1/chat/completions", "openrouter"),
        ("cerebras/chat/completions", "cerebras"),
        ("huggingface/openai/gpt-oss-120b/v1/chat/completions", "huggingface"),
        ("workers-ai/v1/chat/completions", "workers-ai"),
        ("custom-mine/v1/chat/completions", "custom"),
    ] {
        let answer = post(&at(&fakes, path), &[KEY, TOKEN], &chat("m")).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let record = fakes.record();
        let request = record.requests.last().unwrap();
        assert_eq!((request.provider.as_str(), request.attempts), (provider, 1), "{path}");
        assert_eq!(request.via.as_ref().unwrap().account, "acct");
    }
    let anthropic = [("x-api-key", "good"), ("anthropic-version", "2023-06-01"), TOKEN];
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(post(&at(&fakes, "anthropic/v1/messages"), &anthropic, &body).await.json()["type"], "message");
    let google = at(&fakes, "google-ai-studio/v1beta/models/m:generateContent");
    let body = json!({"contents": [{"parts": [{"text": "x"}]}]});
    assert_eq!(post(&google, &[("x-goog-api-key", "good"), TOKEN], &body).await.status, 200);
    assert_eq!(fakes.record().violations, []);
}

#[tokio::test]
async fn the_gateway_wants_its_token_and_its_name() {
    let fakes = fakes(Gateway { exists: Some(("acct".into(), "gate".into())), ..profile() }).await;
    let path = "openai/chat/completions";
    assert_eq!(code(&fakes, path, &[KEY], "m").await, (401, 2009));
    assert_eq!(code(&fakes, path, &[KEY, ("cf-aig-authorization", "Bearer other")], "m").await, (401, 2009));
    assert_eq!(code(&fakes, path, &[KEY, ("cf-aig-authorization", "cf-token")], "m").await, (200, 0));
    assert_eq!(code(&fakes, path, &[KEY, TOKEN], "m").await, (200, 0));
    assert_eq!(code(&fakes, "nobody/chat/completions", &[KEY, TOKEN], "m").await, (400, 2008));
    let elsewhere = format!("{}/acct/other/{path}", fakes.gateway_url());
    assert_eq!(post(&elsewhere, &[KEY, TOKEN], &chat("m")).await.json()["internalCode"], 2001);
}

#[tokio::test]
async fn every_answer_carries_its_ids() {
    let fakes = fakes(profile()).await;
    let event = ("cf-aig-event-id", "mine-1");
    let good = post(&at(&fakes, "groq/chat/completions"), &[KEY, TOKEN, event], &chat("m")).await;
    assert_eq!(good.header("cf-aig-event-id"), Some("mine-1"));
    assert!(good.header("cf-ray").is_some() && good.header("cf-aig-log-id").is_some());
    let bad = post(&at(&fakes, "groq/chat/completions"), &[KEY], &chat("m")).await;
    assert!(bad.header("cf-aig-log-id").is_some() && bad.header("cf-aig-log-id") != good.header("cf-aig-log-id"));
    let quiet = [KEY, TOKEN, ("cf-aig-collect-log", "false")];
    let quiet = post(&at(&fakes, "groq/chat/completions"), &quiet, &chat("m")).await;
    assert_eq!(quiet.header("cf-aig-log-id"), None);
}

#[tokio::test]
async fn stored_keys_are_put_in_only_where_none_is_sent() {
    let gateway = Gateway { stored: vec![stored("openai", "default"), stored("openai", "work")], ..profile() };
    let script = Script { gateway, ..Script::default() };
    let fakes = Fakes::start(script.key("openai", "good").key("groq", "good")).await.unwrap();
    let path = "openai/chat/completions";
    assert_eq!(code(&fakes, path, &[TOKEN], "m").await, (200, 0));
    assert_eq!(code(&fakes, path, &[TOKEN, ("cf-aig-byok-alias", "work")], "m").await, (200, 0));
    assert_eq!(code(&fakes, path, &[TOKEN, ("cf-aig-byok-alias", "home")], "m").await, (400, 2040));
    let placeholder = ("authorization", "Bearer placeholder");
    assert_eq!(code(&fakes, path, &[TOKEN, placeholder], "m").await, (401, 0), "a sent key wins, whatever it is");
    assert_eq!(code(&fakes, "groq/chat/completions", &[TOKEN], "m").await, (401, 0), "the provider's own refusal");
    assert_eq!(
        code(&fakes, "groq/chat/completions", &[TOKEN, ("cf-aig-no-wholesale", "true")], "m").await,
        (400, 2044)
    );
    let record = fakes.record();
    assert!(record.requests[0].credential(Purpose::Provider).is_none());
    assert_eq!(record.requests[0].credential(Purpose::Gateway).unwrap().fingerprint, fingerprint("cf-token"));
}

#[tokio::test]
async fn the_practice_gateway_has_a_key_of_everybody_a_route_and_the_auto_router() {
    let script = Script { pace: Pace::default(), ..Script::practice() };
    let fakes = Fakes::start(script.key("openai", "stored-key")).await.unwrap();
    let route = format!("dynamic/{}", Gateway::ROUTE);
    for (path, model) in [
        ("openai/chat/completions", "m"),
        ("compat/chat/completions", route.as_str()),
        ("compat/chat/completions", "cloudflare/auto"),
    ] {
        assert_eq!(code(&fakes, path, &[TOKEN], model).await, (200, 0), "{path} {model}");
    }
}

#[tokio::test]
async fn a_strict_gateway_wants_credentials() {
    let fakes = fakes(Gateway { wants_credentials: true, ..profile() }).await;
    assert_eq!(code(&fakes, "openai/chat/completions", &[TOKEN], "m").await, (400, 2044));
    assert_eq!(code(&fakes, "workers-ai/v1/chat/completions", &[TOKEN], "m").await, (200, 0), "the token is enough");
}

#[tokio::test]
async fn the_unified_endpoint_takes_everybody_s_models() {
    let gateway = Gateway {
        stored: vec![stored("groq", "default")],
        routes: vec![("fast".into(), "groq".into(), "m".into())],
        ..profile()
    };
    let fakes = fakes(gateway).await;
    for (model, provider) in [
        ("openai/m", "openai"),
        ("anthropic/m", "anthropic"),
        ("google-ai-studio/m", "google-ai-studio"),
        ("grok/m", "xai"),
    ] {
        let answer = post(&at(&fakes, "compat/chat/completions"), &[KEY, TOKEN], &chat(model)).await;
        assert_eq!(answer.json()["object"], "chat.completion", "{model} {}", answer.text());
        assert_eq!(fakes.record().count(provider), 1, "{model}");
    }
    let answer = post(&at(&fakes, "compat/chat/completions"), &[TOKEN], &chat("dynamic/fast")).await;
    assert_eq!((answer.header("cf-aig-provider"), answer.header("cf-aig-model")), (Some("groq"), Some("m")));
    for (model, expected) in [("dynamic/none", (400, 2005)), ("nobody/m", (400, 2008)), ("m", (400, 2008))] {
        assert_eq!(code(&fakes, "compat/chat/completions", &[KEY, TOKEN], model).await, expected, "{model}");
    }
    assert!(get(&at(&fakes, "compat/v1/models"), &[TOKEN]).await.json()["data"][0]["id"].is_string());
}

#[tokio::test]
async fn the_universal_endpoint_tries_its_steps_in_order() {
    let script = Script { gateway: profile(), ..Script::default() };
    let fakes = Fakes::start(script.fault(Fault::new(FaultKind::Overloaded).at("openai"))).await.unwrap();
    let step = |provider: &str, key: &str| {
        json!({"provider": provider, "endpoint": "chat/completions", "query": chat("m"),
            "headers": {"Authorization": format!("Bearer {key}"), "Content-Type": "application/json"},
            "config": {"maxAttempts": 2, "retryDelay": 0}})
    };
    let steps = json!([step("openai", "sk-a"), step("groq", "gsk-b"), step("deepseek", "ds-c")]);
    let answer = post(&at(&fakes, ""), &[TOKEN], &steps).await;
    assert_eq!((answer.status, answer.header("cf-aig-step")), (200, Some("1")), "{}", answer.text());
    let record = fakes.record();
    assert_eq!((record.requests[0].attempts, record.requests[0].provider.as_str()), (3, "groq"));
    assert_eq!(record.requests[0].body[0]["headers"]["Authorization"], format!("Bearer {}", fingerprint("sk-a")));
    assert_eq!(record.violations, []);
    let answer = post(&at(&fakes, ""), &[TOKEN], &json!([step("openai", "sk-a")])).await;
    assert_eq!((answer.status, answer.header("cf-aig-step")), (529, Some("0")));
    let answer = post(&at(&fakes, ""), &[TOKEN], &json!([{"provider": "openai"}])).await;
    assert_eq!((answer.status, fakes.record().violations.len()), (400, 1));
}

#[tokio::test]
async fn equal_requests_are_answered_from_the_cache() {
    let fakes = fakes(Gateway { cache: Duration::from_secs(60), ..profile() }).await;
    let url = at(&fakes, "groq/chat/completions");
    let ask = async |extra: (&str, &str), text: &str| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let answer = post(&url, &[KEY, TOKEN, extra], &body).await;
        answer.header("cf-aig-cache-status").map(str::to_owned)
    };
    let plain = ("accept", "*/*");
    assert_eq!(ask(plain, "one").await.as_deref(), Some("MISS"));
    assert_eq!(ask(plain, "one").await.as_deref(), Some("HIT"));
    assert_eq!(ask(plain, "two").await.as_deref(), Some("MISS"));
    assert_eq!(ask(("cf-aig-skip-cache", "true"), "one").await, None);
    let key = ("cf-aig-cache-key", "mine");
    assert_eq!(ask(key, "three").await.as_deref(), Some("MISS"));
    assert_eq!(ask(key, "four").await.as_deref(), Some("HIT"), "the key replaces the request");
    let attempts: Vec<_> = fakes.record().requests.iter().map(|request| request.attempts).collect();
    assert_eq!(attempts, [1, 0, 1, 1, 1, 0], "a hit does not reach the provider");
}

#[tokio::test]
async fn streams_are_not_cached_and_caching_is_off_by_itself() {
    let cached = fakes(Gateway { cache: Duration::from_secs(60), ..profile() }).await;
    let mut body = chat("m");
    body["stream"] = json!(true);
    for _ in 0..2 {
        let answer = post(&at(&cached, "groq/chat/completions"), &[KEY, TOKEN], &body).await;
        assert_eq!(answer.header("cf-aig-cache-status"), Some("MISS"));
    }
    let plain = fakes(profile()).await;
    let answer = post(&at(&plain, "groq/chat/completions"), &[KEY, TOKEN], &chat("m")).await;
    assert_eq!(answer.header("cf-aig-cache-status"), None);
}

#[tokio::test]
async fn the_gateway_tries_again_as_often_as_told() {
    let script = Script { gateway: profile(), ..Script::default() };
    let fakes = Fakes::start(script.fault(Fault::new(FaultKind::ServerError).first(2))).await.unwrap();
    let url = at(&fakes, "groq/chat/completions");
    let headers =
        [KEY, TOKEN, ("cf-aig-max-attempts", "3"), ("cf-aig-retry-delay", "1"), ("cf-aig-backoff", "exponential")];
    assert_eq!(post(&url, &headers, &chat("m")).await.status, 200);
    assert_eq!(fakes.record().requests[0].attempts, 3);
}

#[tokio::test]
async fn a_slow_or_dropped_provider_gives_no_usable_answer() {
    for kind in [FaultKind::SlowFirstByte, FaultKind::CutBeforeHead] {
        let pace = Pace { slow: Duration::from_secs(3600), ..Pace::default() };
        let fakes = Fakes::start(Script { gateway: profile(), pace, ..Script::default() }.fault(kind)).await.unwrap();
        let headers = [KEY, TOKEN, ("cf-aig-request-timeout", "5")];
        assert_eq!(code(&fakes, "groq/chat/completions", &headers, "m").await, (400, 2005), "{kind:?}");
    }
}

#[tokio::test]
async fn the_gateway_s_own_refusals_have_their_codes() {
    for (kind, expected) in [
        (FaultKind::GatewayMissing, (400, 2001)),
        (FaultKind::GatewayRateLimited, (429, 2003)),
        (FaultKind::GatewayNoAnswer, (400, 2005)),
        (FaultKind::GatewayUnauthorized, (401, 2009)),
        (FaultKind::GuardrailPrompt, (424, 2016)),
        (FaultKind::GuardrailAnswer, (424, 2017)),
        (FaultKind::GatewayWholesaleLimited, (429, 2018)),
        (FaultKind::GatewayNoCredits, (402, 2021)),
        (FaultKind::DlpPrompt, (400, 2029)),
        (FaultKind::DlpAnswer, (400, 2030)),
        (FaultKind::GatewaySpendLimit, (429, 2041)),
        (FaultKind::GuardrailFailed, (503, 7013)),
        (FaultKind::GatewayPolicy, (403, 0)),
        (FaultKind::GatewaySpendBucket, (429, 0)),
        (FaultKind::GatewayEdge, (520, 0)),
    ] {
        let fakes = Fakes::start(Script::default().fault(Fault::new(kind).on(1))).await.unwrap();
        assert_eq!(code(&fakes, "groq/chat/completions", &[KEY], "m").await, expected, "{kind:?}");
        assert_eq!(fakes.record().requests[0].attempts, 0, "{kind:?}");
        assert_eq!(code(&fakes, "groq/chat/completions", &[KEY], "m").await, (200, 0), "{kind:?}");
    }
}

#[tokio::test]
async fn the_gateway_s_errors_have_four_shapes_and_policies_a_fifth() {
    for (shape, pointer) in [
        (Shape::Current, "/internalCode"),
        (Shape::Short, "/error/0/code"),
        (Shape::Rest, "/errors/0/code"),
        (Shape::Array, "/0/code"),
    ] {
        let fakes = fakes(Gateway { shape, ..profile() }).await;
        let body = post(&at(&fakes, "groq/chat/completions"), &[KEY], &chat("m")).await.json();
        assert_eq!(body.pointer(pointer), Some(&json!(2009)), "{shape:?} {body}");
        assert_eq!(body["internalCode"].is_number(), shape == Shape::Current);
    }
    let fakes = Fakes::start(Script::default().fault(FaultKind::GatewayPolicy)).await.unwrap();
    let body = post(&at(&fakes, "groq/chat/completions"), &[KEY], &chat("m")).await.json();
    assert_eq!(body, json!({"success": false, "error": {"message": "Access denied by policy"}}));
}

#[tokio::test]
async fn options_that_the_gateway_does_not_take_are_noticed() {
    let fakes = fakes(profile()).await;
    let url = at(&fakes, "groq/chat/completions");
    let good = [KEY, TOKEN, ("cf-aig-metadata", "{\"app\":\"x\"}"), ("cf-aig-cache-ttl", "3600")];
    post(&url, &good, &chat("m")).await;
    assert_eq!(fakes.record().violations, []);
    post(&url, &[KEY, TOKEN, ("cf-aig-cache-ttl", "5")], &chat("m")).await;
    assert_eq!(fakes.record().violations[0].message, "cf-aig-cache-ttl is not what the gateway takes");
}
