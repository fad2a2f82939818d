//! Refusals: every one of them in every provider's shape, and what clients do wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/http.rs"]
mod http;

use std::time::Duration;

use emulator::chat::{Fakes, Fault, FaultKind, Script};
use http::{ask, get, headers, post, question};
use serde_json::{Value, json};

async fn failing(kind: FaultKind) -> Fakes {
    Fakes::start(Script::default().fault(kind)).await.unwrap()
}

#[tokio::test]
async fn each_refusal_has_its_status_everywhere() {
    for (kind, status, odd) in [
        (FaultKind::InvalidRequest, 400, None),
        (FaultKind::ContextLength, 400, None),
        (FaultKind::InvalidKey, 401, Some(("google-ai-studio", 400))),
        (FaultKind::NoCredit, 402, Some(("openai", 429))),
        (FaultKind::Forbidden, 403, None),
        (FaultKind::ModelNotFound, 404, None),
        (FaultKind::TooLarge, 413, None),
        (FaultKind::Unprocessable, 422, None),
        (FaultKind::RateLimited, 429, None),
        (FaultKind::ServerError, 500, None),
        (FaultKind::PlainError, 500, None),
        (FaultKind::BadGateway, 502, None),
        (FaultKind::Loading, 503, None),
        (FaultKind::TimedOut, 504, None),
        (FaultKind::Overloaded, 529, None),
    ] {
        let fakes = failing(kind).await;
        for provider in ["openai", "anthropic", "groq", "mistral", "openrouter", "xai", "ollama"] {
            let expected = odd.filter(|(name, _)| *name == provider).map_or(status, |(_, status)| status);
            assert_eq!(ask(&fakes, provider, true).await.status, expected, "{kind:?} {provider}");
        }
        let google = ask(&fakes, "google-ai-studio", true).await;
        let expected = if matches!(kind, FaultKind::InvalidKey) { 400 } else { status };
        assert_eq!(google.status, if kind == FaultKind::NoCredit { 429 } else { expected }, "{kind:?}");
        assert_eq!(fakes.record().violations, []);
    }
}

#[tokio::test]
async fn each_provider_has_its_shape() {
    let fakes = failing(FaultKind::ContextLength).await;
    for (provider, pointer, value) in [
        ("openai", "/error/code", json!("context_length_exceeded")),
        ("anthropic", "/error/type", json!("invalid_request_error")),
        ("anthropic", "/type", json!("error")),
        ("google-ai-studio", "/error/status", json!("INVALID_ARGUMENT")),
        ("openrouter", "/error/code", json!(400)),
        ("mistral", "/object", json!("error")),
        ("xai", "/code", json!("INVALID_ARGUMENT")),
    ] {
        let body = ask(&fakes, provider, true).await.json();
        assert_eq!(body.pointer(pointer), Some(&value), "{provider} {body}");
    }
    assert!(ask(&fakes, "huggingface", true).await.json()["error"].is_string());
    let compatible = format!("http://{}/google-ai-studio/v1beta/openai/chat/completions", fakes.addr());
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let answer = post(&compatible, &[("authorization", "Bearer good")], &body).await.json();
    assert_eq!(answer[0]["error"]["code"], 400, "the compatible endpoint wraps its errors into a list");
}

#[tokio::test]
async fn each_provider_tells_in_its_own_way_when_to_come_again() {
    let script = Script { retry_after: Duration::from_millis(1500), ..Script::default() };
    let fakes = Fakes::start(script.fault(FaultKind::RateLimited)).await.unwrap();
    for (provider, header, value) in [
        ("openai", "retry-after", "2"),
        ("openai", "x-ratelimit-reset-requests", "1.5s"),
        ("openai", "x-ratelimit-remaining-tokens", "0"),
        ("anthropic", "retry-after", "2"),
        ("anthropic", "anthropic-ratelimit-input-tokens-remaining", "0"),
        ("groq", "x-ratelimit-reset-tokens", "1.5s"),
        ("cerebras", "x-ratelimit-reset-tokens-minute", "1.5"),
        ("mistral", "x-ratelimit-remaining-req-minute", "0"),
        ("openrouter", "x-ratelimit-remaining", "0"),
        ("xai", "x-ratelimit-remaining-requests", "0"),
    ] {
        let answer = ask(&fakes, provider, true).await;
        assert_eq!((answer.status, answer.header(header)), (429, Some(value)), "{provider} {header}");
    }
    let google = ask(&fakes, "google-ai-studio", true).await;
    assert_eq!(google.json()["error"]["details"][1]["retryDelay"], "1.5s");
    assert_eq!(google.header("retry-after"), None);
}

#[tokio::test]
async fn when_to_come_again_has_three_more_forms() {
    for (kind, header, is_value) in [
        (FaultKind::RateLimitedUntil, "retry-after", (|value| value.ends_with(" GMT")) as fn(&str) -> bool),
        (FaultKind::RateLimitedMillis, "retry-after-ms", |value| value == "2000"),
    ] {
        let answer = ask(&failing(kind).await, "deepseek", true).await;
        assert!(answer.status == 429 && answer.header(header).is_some_and(is_value), "{kind:?} {answer:?}");
    }
    let silent = ask(&failing(FaultKind::RateLimitedSilently).await, "openai", true).await;
    assert!(!silent.headers.iter().any(|(name, _)| name.contains("ratelimit") || name.contains("retry")));
}

#[tokio::test]
async fn good_answers_tell_what_is_left() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    for (provider, header, value) in [
        ("openai", "x-ratelimit-remaining-requests", "99"),
        ("openai", "x-ratelimit-reset-tokens", "600ms"),
        ("anthropic", "anthropic-ratelimit-requests-remaining", "99"),
    ] {
        assert_eq!(ask(&fakes, provider, true).await.header(header), Some(value), "{provider}");
    }
}

#[tokio::test]
async fn faults_strike_where_and_when_they_should() {
    let script = Script::default()
        .fault(Fault::new(FaultKind::Overloaded).at("anthropic").on(2))
        .fault(Fault::new(FaultKind::RateLimited).at("groq").first(2));
    let fakes = Fakes::start(script).await.unwrap();
    let mut seen = Vec::new();
    for provider in ["anthropic", "groq", "anthropic", "groq", "anthropic", "groq", "openai"] {
        seen.push(ask(&fakes, provider, true).await.status);
    }
    assert_eq!(seen, [200, 429, 529, 429, 200, 200, 200]);
    let models = get(&format!("{}/models", fakes.base_url("groq")), &headers("groq")).await;
    assert_eq!(models.status, 200, "what is counted does not strike lists");
}

#[tokio::test]
async fn keys_are_checked_where_each_provider_looks_for_them() {
    let script = Script::default().key("openai", "good").key("anthropic", "good").key("google-ai-studio", "good");
    let fakes = Fakes::start(script).await.unwrap();
    for provider in ["openai", "anthropic", "google-ai-studio"] {
        let (url, body) = question(&fakes, provider, true);
        let bad = |name| (name, if name == "authorization" { "Bearer bad" } else { "bad" });
        let refused = if provider == "google-ai-studio" { 400 } else { 401 };
        let wrong: Vec<_> = headers(provider)
            .into_iter()
            .map(|(name, value)| if name == "anthropic-version" { (name, value) } else { bad(name) })
            .collect();
        assert_eq!(post(&url, &headers(provider), &body).await.status, 200, "{provider}");
        assert_eq!(post(&url, &wrong, &body).await.status, refused, "{provider}");
        assert_eq!(post(&url, &[("anthropic-version", "2023-06-01")], &body).await.status, refused, "{provider}");
    }
    let (url, body) = question(&fakes, "anthropic", true);
    let bearer = [("authorization", "Bearer good"), ("anthropic-version", "2023-06-01")];
    assert_eq!(post(&url, &bearer, &body).await.status, 401);
    assert_eq!(ask(&fakes, "mistral", true).await.status, 200, "others take any key");
    let (url, body) = question(&fakes, "mistral", true);
    assert_eq!(post(&url, &[], &body).await.status, 401, "but want one");
    let (url, body) = question(&fakes, "ollama", true);
    assert_eq!(post(&url, &[], &body).await.status, 200, "unless they run on the user's machine");
}

#[tokio::test]
async fn mistakes_are_refused_and_recorded() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let messages = json!([{"role": "user", "content": "x"}]);
    for (provider, change, status, part) in [
        ("mistral", json!({"stream_options": {"include_usage": true}}), 422, "stream_options"),
        ("openai", json!({"cache_control": {}}), 400, "cache_control"),
        ("openai", json!({"model": "gpt-6-luna", "max_tokens": 9}), 400, "max_completion_tokens"),
        ("deepseek", json!({"messages": []}), 400, "messages"),
        ("deepseek", json!({"future": 1}), 200, ""),
    ] {
        let mut body = json!({"model": "m", "messages": messages, "stream": true});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let url = format!("{}/chat/completions", fakes.base_url(provider));
        let before = fakes.record().violations.len();
        let answer = post(&url, &headers(provider), &body).await;
        assert_eq!(answer.status, status, "{provider} {}", answer.text());
        assert!(status == 200 || answer.text().contains(part), "{}", answer.text());
        assert_eq!(fakes.record().violations.len() > before, status != 200, "{provider} {part}");
    }
}

#[tokio::test]
async fn wrong_addresses_are_not_found() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    for path in ["groq/v1/chat/completions", "mistral/v1/responses", "openai/v2/models", "openai/v1/chat/completion"] {
        let url = format!("http://{}/{path}", fakes.addr());
        assert_eq!(post(&url, &headers("openai"), &body).await.status, 404, "{path}");
    }
    assert_eq!(fakes.record().violations.len(), 4);
    let (url, _) = question(&fakes, "openai", true);
    assert_eq!(get(&url, &headers("openai")).await.status, 404, "an answer is posted for");
}

#[tokio::test]
async fn perplexity_has_no_chat_completions_any_more() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let url = format!("{}/chat/completions", fakes.base_url("perplexity"));
    let body = json!({"model": "sonar", "messages": [{"role": "user", "content": "x"}]});
    let answer = post(&url, &headers("perplexity"), &body).await;
    assert!(answer.status == 400 && answer.text().contains("Agent API"), "{}", answer.text());
}

#[tokio::test]
async fn models_that_are_not_there_are_not_found() {
    let fakes = Fakes::start(Script::default().model("google-ai-studio", "m").model("openai", "other")).await.unwrap();
    assert_eq!(ask(&fakes, "google-ai-studio", true).await.status, 200);
    let answer = ask(&fakes, "openai", true).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (404, json!("model_not_found")));
    assert_eq!(ask(&fakes, "groq", true).await.status, 200);
}

#[tokio::test]
async fn a_version_belongs_to_anthropic_s_own_format() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let (url, body) = question(&fakes, "anthropic", true);
    let answer = post(&url, &[("x-api-key", "good")], &body).await;
    assert_eq!((answer.status, answer.json()["type"].clone()), (400, json!("error")));
    assert_ne!(answer.json()["error"], Value::Null);
}

#[tokio::test]
async fn a_key_in_the_address_is_noticed_and_not_kept() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let (url, body) = question(&fakes, "google-ai-studio", true);
    assert_eq!(post(&format!("{url}&key=AIza-secret"), &[], &body).await.status, 200);
    let record = fakes.record();
    assert_eq!(record.violations[0].message, "a key stands in the URL");
    assert!(!format!("{record:?}").contains("AIza-secret"));
}
