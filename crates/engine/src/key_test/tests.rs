//! Key tests against a server on loopback.

#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::sync::watch;

use super::*;
use crate::config::Address;
use crate::credential::Credentials;
use crate::net::NetOptions;
use crate::net::fake::{Answer, Fake};

const KEY: &str = "sk-under-test";
const MODELS: &str = r#"{"object":"list","data":[{"id":"gpt-realtime-2.1"},{"id":"other"}]}"#;

/// `models` answers the list, `socket` the upgrade.
async fn openai(models: Answer, socket: Answer) -> KeyTest {
    let server = Fake::start(move |head| match head.line().starts_with("GET /v1/models ") {
        true => models.clone(),
        false => socket.clone(),
    })
    .await;
    let mut settings = Settings::default();
    settings.providers.openai.base_url = server.url("http", "/v1");
    let net = Net::new(NetOptions::default()).unwrap();
    let verdict = tested(&net, &settings, Holder::Openai, KEY).await;
    assert!(!verdict.detail.contains(KEY), "{}", verdict.detail);
    assert!(!verdict.detail.is_empty() && !verdict.is_running);
    for head in server.heads() {
        assert_eq!(head.header("authorization"), Some("Bearer sk-under-test"));
    }
    verdict
}

/// As if this key was kept.
async fn tested(net: &Net, settings: &Settings, holder: Holder, key: &str) -> KeyTest {
    let credentials = Credentials::with_keychain();
    credentials.store(holder, key.into()).await.unwrap();
    let (_, practice) = watch::channel(String::new());
    let shelf = text::Shelf::new("/nowhere".into());
    let (text, _, _) = text::start(net, &credentials, shelf, practice, settings);
    test(net, &text, settings, holder, &key.into()).await
}

fn told(verdict: &KeyTest) -> [Option<bool>; 3] {
    [verdict.is_valid, verdict.has_credit, verdict.allows_voice]
}

#[tokio::test]
async fn a_good_key_is_valid_has_credit_and_allows_voice() {
    let verdict = openai(Answer::json(200, MODELS), Answer::session()).await;
    assert_eq!(told(&verdict), [Some(true), Some(true), Some(true)]);
}

#[tokio::test]
async fn a_wrong_key_is_invalid_and_no_socket_is_opened_with_it() {
    let refused = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key"}}}}"#);
    let verdict = openai(Answer::json(401, &refused), Answer::session()).await;
    assert_eq!(told(&verdict), [Some(false), None, None]);
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let listed = || Answer::json(200, MODELS);
    let table = [
        (
            listed(),
            Answer::error("insufficient_quota", Some("insufficient_quota"), "pay", 1013),
            [Some(true), Some(false), None],
        ),
        (
            Answer::json(429, r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#),
            Answer::session(),
            [Some(true), Some(false), None],
        ),
        (
            listed(),
            Answer::error("invalid_request_error", Some("model_not_found"), "no", 4004),
            [Some(true), None, Some(false)],
        ),
        (listed(), Answer::Cut, [Some(true), None, None]),
        (Answer::json(200, r#"{"data":[{"id":"other"}]}"#), Answer::Cut, [Some(true), None, Some(false)]),
        (Answer::json(403, "{}"), Answer::session(), [Some(true), Some(true), Some(true)]),
        (
            Answer::json(403, "{}"),
            Answer::error("invalid_request_error", Some("invalid_api_key"), "no", 3000),
            [Some(false), None, None],
        ),
        (Answer::json(500, "{}"), Answer::Http(500, "", String::new()), [None, None, None]),
        (Answer::Cut, Answer::session(), [None, None, None]),
    ];
    for (row, (models, socket, wanted)) in table.into_iter().enumerate() {
        let verdict = openai(models, socket).await;
        assert_eq!(told(&verdict), wanted, "row {row}: {}", verdict.detail);
    }
}

#[tokio::test]
async fn a_gateway_token_is_tested_without_any_other_key() {
    let table = [
        (Answer::session(), [Some(true), Some(true), Some(true)]),
        (Answer::json(401, r#"[{"code":2009,"message":"Unauthorized"}]"#), [Some(false), None, None]),
        (Answer::json(400, r#"{"error":[{"code":2001,"message":"none"}]}"#), [None, None, None]),
        (Answer::json(400, r#"{"error":[{"code":2044,"message":"credentials"}]}"#), [Some(true), None, None]),
        (
            Answer::error("invalid_request_error", None, "Missing bearer or basic authentication in header", 4001),
            [Some(true), None, None],
        ),
        (Answer::Cut, [None, None, None]),
    ];
    for (row, (answer, wanted)) in table.into_iter().enumerate() {
        let server = Fake::start(move |_| answer.clone()).await;
        let mut settings = Settings::default();
        settings.gateway.base_url = server.url("http", "/v1");
        settings.gateway.account_id = "a".repeat(32);
        settings.gateway.gateway_id = "gate".into();
        let net = Net::new(NetOptions::default()).unwrap();
        let verdict = tested(&net, &settings, Holder::Gateway, "cf-token").await;
        assert_eq!(told(&verdict), wanted, "row {row}: {}", verdict.detail);
        let heads = server.heads();
        assert_eq!(heads.len(), 1);
        assert_eq!(heads[0].header("cf-aig-authorization"), Some("Bearer cf-token"));
        assert_eq!(heads[0].header("authorization"), None);
    }
}

#[tokio::test]
async fn a_token_without_a_gateway_or_endpoint_cannot_be_tested() {
    let net = Net::new(NetOptions::default()).unwrap();
    for holder in [Holder::Gateway, Holder::Endpoint] {
        let verdict = tested(&net, &Settings::default(), holder, "key").await;
        assert_eq!(told(&verdict), [None, None, None]);
        assert!(verdict.detail.contains("not set"), "{}", verdict.detail);
    }
}

#[tokio::test]
async fn an_endpoint_gets_the_key_under_test() {
    let server = Fake::start(|_| Answer::session()).await;
    let mut settings = Settings::default();
    settings.endpoint.base_url = server.url("ws", "/v1");
    let net = Net::new(NetOptions::default()).unwrap();
    let verdict = tested(&net, &settings, Holder::Endpoint, "own").await;
    assert_eq!(told(&verdict), [Some(true), Some(true), Some(true)]);
    assert_eq!(server.heads()[0].header("authorization"), Some("Bearer own"));
}

/// What a provider of text answers to the question for its models.
async fn listed(answer: Answer) -> KeyTest {
    let server = Fake::start(move |_| answer.clone()).await;
    let mut settings = Settings::default();
    settings.chat.addresses = vec![Address { provider: "anthropic".into(), url: server.url("http", "/v1") }];
    let net = Net::new(NetOptions::default()).unwrap();
    let verdict = tested(&net, &settings, Holder::Anthropic, KEY).await;
    let heads = server.heads();
    assert!(heads.iter().all(|head| head.header("x-api-key") == Some(KEY)), "{heads:?}");
    verdict
}

#[tokio::test]
async fn a_key_for_text_is_tested_by_the_list_of_models() {
    let wrong = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key."}}"#;
    let table = [
        (Answer::json(200, r#"{"data":[{"id":"one"},{"id":"two"}]}"#), Some(true), None),
        (Answer::json(401, wrong), Some(false), Some(Code::CredentialRefused)),
        (Answer::json(502, "{}"), None, Some(Code::ProviderTrouble)),
        (Answer::Cut, None, Some(Code::Offline)),
    ];
    for (answer, is_valid, code) in table {
        let verdict = listed(answer).await;
        assert_eq!((verdict.is_valid, verdict.code), (is_valid, code), "{}", verdict.detail);
        assert!(!verdict.detail.ends_with(".."), "{}", verdict.detail);
    }
}

#[tokio::test]
async fn a_list_that_anybody_sees_proves_no_key() {
    let net = Net::new(NetOptions::default()).unwrap();
    let mut settings = Settings::default();
    // The Hub of Hugging Face is not told the key of somebody else's server.
    settings.chat.addresses = vec![Address { provider: "huggingface".into(), url: "http://127.0.0.1:9/v1".into() }];
    for holder in [Holder::Huggingface, Holder::Vertex, Holder::Fal] {
        let verdict = tested(&net, &settings, holder, r#"{"private_key":"x"}"#).await;
        assert_eq!((told(&verdict), verdict.code), ([None, None, None], None));
        assert!(verdict.detail.contains("to test"), "{}", verdict.detail);
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_told_apart_from_one_that_is_not_there() {
    let trouble = openai(Answer::json(502, "{}"), Answer::Http(502, "", String::new())).await;
    assert_eq!((trouble.is_valid, trouble.code), (None, Some(Code::ProviderTrouble)));
    let nobody = openai(Answer::Cut, Answer::Cut).await;
    assert_eq!((nobody.is_valid, nobody.code), (None, Some(Code::Offline)));
}

/// What the provider of this key answers to the question for it.
async fn inquired(holder: Holder, answer: Answer) -> (KeyTest, String) {
    let server = Fake::start(move |_| answer.clone()).await;
    let (mut settings, url) = (Settings::default(), server.url("http", ""));
    let voices = &mut settings.providers;
    for base in [&mut voices.deepgram.base_url, &mut voices.elevenlabs.base_url, &mut voices.cartesia.base_url] {
        url.clone_into(base);
    }
    settings.chat.addresses = vec![Address { provider: "openrouter".into(), url: format!("{url}/api/v1") }];
    let net = Net::new(NetOptions::default()).unwrap();
    let verdict = tested(&net, &settings, holder, KEY).await;
    assert!(!verdict.detail.contains(KEY), "{}", verdict.detail);
    let heads = server.heads();
    let header = ["authorization", "xi-api-key", "x-api-key"].iter().find_map(|name| heads[0].header(name)).unwrap();
    (verdict, format!("{} {header}", heads[0].line()))
}

#[tokio::test]
async fn providers_of_voices_are_asked_about_their_keys_for_nothing() {
    let asked = [
        (Holder::Deepgram, "GET /v1/auth/token HTTP/1.1 Token sk-under-test"),
        (Holder::Elevenlabs, "GET /v1/voices HTTP/1.1 sk-under-test"),
        (Holder::Cartesia, "GET /voices HTTP/1.1 sk-under-test"),
        (Holder::Openrouter, "GET /api/v1/key HTTP/1.1 Bearer sk-under-test"),
    ];
    for (holder, request) in asked {
        let (good, said) = inquired(holder, Answer::json(200, "{}")).await;
        assert_eq!((told(&good), good.code, said.as_str()), ([Some(true), None, None], None, request));
        let wrong = format!(r#"{{"detail":{{"status":"invalid_api_key","message":"{KEY} is wrong"}}}}"#);
        let (bad, _) = inquired(holder, Answer::json(401, &wrong)).await;
        assert_eq!((told(&bad), bad.code), ([Some(false), None, None], Some(Code::CredentialRefused)));
    }
}

#[tokio::test]
async fn what_such_an_answer_says_of_credit_and_permission_is_told() {
    let permission = r#"{"detail":{"status":"missing_permissions","message":"voices_read"}}"#;
    let left = |left: &str| Answer::json(200, &format!(r#"{{"data":{{"limit_remaining":{left}}}}}"#));
    let table = [
        (Holder::Elevenlabs, Answer::json(401, permission), [Some(true), None, None], None),
        (Holder::Openrouter, left("4.9"), [Some(true), Some(true), None], None),
        (Holder::Openrouter, left("0"), [Some(true), Some(false), None], Some(Code::Quota)),
        (Holder::Openrouter, left("null"), [Some(true), None, None], None),
        (Holder::Deepgram, Answer::json(402, "{}"), [Some(true), Some(false), None], Some(Code::Quota)),
        (Holder::Deepgram, Answer::json(429, "{}"), [None, None, None], Some(Code::RateLimited)),
        (Holder::Cartesia, Answer::json(503, "busy"), [None, None, None], Some(Code::ProviderTrouble)),
        (Holder::Cartesia, Answer::Cut, [None, None, None], Some(Code::Offline)),
    ];
    for (holder, answer, wanted, code) in table {
        let (verdict, _) = inquired(holder, answer).await;
        assert_eq!((told(&verdict), verdict.code), (wanted, code), "{}", verdict.detail);
        assert!(!verdict.detail.is_empty() && !verdict.detail.contains(".."), "{}", verdict.detail);
    }
}
