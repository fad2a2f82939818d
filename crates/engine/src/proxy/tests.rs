//! The API over real sockets: who may come in, and what they get.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use emulator::Emulator;
use emulator::chat::{Answer, Fakes, Fault, FaultKind, Script};
use futures_util::{StreamExt as _, TryStreamExt as _};
use gateway::{Header, Http as _, HttpRequest, Method};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Proxy;
use crate::api::Change;
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{AUTHORIZATION, Dial, HeaderMap, Message, Net, NetOptions, secret_header};
use crate::text::{self, Shelf};

mod raw;
mod relay;
mod shapes;

const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "gsk-test-behind-the-door";
/// Of a service account that opens nothing.
const PRIVATE_KEY: &str = include_str!("../../../gateway/tests/gateway/service_account.pem");

/// The server with a client.
struct Rig {
    net: Net,
    url: String,
    token: String,
    fakes: Fakes,
    shelf: Shelf,
    voice: Emulator,
    _proxy: Proxy,
    _practice: watch::Sender<String>,
    _settings: watch::Sender<Settings>,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new(script: Script) -> Self {
        Self::with(script, &json!({})).await
    }

    async fn with(script: Script, patch: &Value) -> Self {
        Self::speaking(script, emulator::Script::default(), patch).await
    }

    async fn speaking(script: Script, voice: emulator::Script, patch: &Value) -> Self {
        let fakes = Fakes::start(script.key("groq", KEY)).await.unwrap();
        let voice = Emulator::start(voice).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let addresses: Vec<Value> = ["groq", "openai", "anthropic", "google-vertex"]
            .map(|provider| json!({ "provider": provider, "url": fakes.base_url(provider) }))
            .into();
        // Voice and writing have emulators of their own.
        let gateway = if patch["chat"]["way"].is_string() { fakes.gateway_url() } else { voice.gateway_url() };
        let usual = json!({
            "chat": { "provider": "groq", "model": "fake-model", "addresses": addresses },
            "limits": { "attempts": 1 },
            "local_api": { "enabled": true, "port": 0 },
            "call": { "route": "endpoint" },
            "endpoint": { "base_url": voice.base_url() },
            "gateway": { "base_url": gateway, "account_id": "0123456789abcdef0123456789abcdef",
                "gateway_id": "home" },
        });
        let settings = config::merge(&Settings::default(), &usual).unwrap();
        let settings = config::merge(&settings, patch).unwrap();
        let account = json!({ "type": "service_account", "project_id": "p-1", "private_key_id": "k",
            "private_key": PRIVATE_KEY, "client_email": "me@p-1.iam.gserviceaccount.com",
            "token_uri": fakes.token_url() });
        let credentials = Credentials::without_keychain(move |name| match name {
            "GROQ_API_KEY" | "OPENAI_API_KEY" | "ANTHROPIC_API_KEY" | "CF_AIG_TOKEN" => Some(KEY.to_owned()),
            "GOOGLE_VERTEX_SERVICE_ACCOUNT" => Some(account.to_string()),
            _ => None,
        });
        let net = Net::new(NetOptions::default()).unwrap();
        let (url, practice) = watch::channel(fakes.base_url("practice"));
        let shelf = Shelf::new(folder.path().join("sidetone.db"));
        let (text, keyring, _) = text::start(&net, &credentials, shelf.clone(), practice, &settings);
        let in_force = watch::Sender::new(settings);
        let (mut proxy, mut told) = Proxy::new(text, net.clone(), keyring, in_force.subscribe(), folder.path());
        proxy.configure();
        let change = tokio::time::timeout(LIMIT, told.recv()).await.unwrap().unwrap();
        let Change::LocalApi(api) = change else { panic!("{change:?}") };
        let base = api.url.unwrap().trim_end_matches("/v1").to_owned();
        let token = std::fs::read_to_string(api.token_file).unwrap();
        Self { net, url: base, token, fakes, shelf, voice, _proxy: proxy, _practice: url, _settings: in_force, folder }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) -> (u16, String) {
        let body = if method == Method::Get { Vec::new() } else { body.to_string().into_bytes() };
        let (status, _, body) = self.exchange(method, path, headers, body).await;
        (status, body)
    }

    /// Status, headers and body.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> (u16, Vec<(String, String)>, String) {
        let headers = headers.into_iter().map(|(name, value)| (name, Header::Plain(value))).collect();
        let request = HttpRequest { method, url: format!("{}{path}", self.url), headers, body: body.into() };
        let response = self.net.send(request).await.unwrap();
        let body: Vec<bytes::Bytes> = response.body.try_collect().await.unwrap();
        (response.status, response.headers, String::from_utf8(body.concat()).unwrap())
    }

    fn bearer(&self) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", self.token))]
    }

    async fn post(&self, path: &str, body: Value) -> (u16, String) {
        self.send(Method::Post, path, self.bearer(), &body).await
    }
}

fn question(extra: &Value) -> Value {
    let mut question = json!({ "model": "groq/fake-model", "messages": [{ "role": "user", "content": "hello" }] });
    for (name, value) in extra.as_object().unwrap() {
        question[name] = value.clone();
    }
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn only_programs_with_the_token_come_in() {
    let rig = Rig::new(Script::default()).await;
    let with = |name, value: &str| {
        let mut headers = rig.bearer();
        headers.push((name, value.to_owned()));
        headers
    };
    let port = rig.url.rsplit(':').next().unwrap().to_owned();
    let table = [
        (Vec::new(), 401),
        (vec![("authorization", "Bearer wrong".to_owned())], 401),
        (vec![("authorization", format!("Bearer {}x", rig.token))], 401),
        (with("origin", "https://evil.test"), 403),
        (with("origin", "null"), 403),
        (with("host", "evil.test"), 403),
        (with("host", &format!("evil.test:{port}")), 403),
        (with("host", &format!("localhost:{port}")), 200),
        (rig.bearer(), 200),
        (vec![("x-api-key", rig.token.clone())], 200),
        (vec![("x-goog-api-key", rig.token.clone())], 200),
    ];
    for (headers, wanted) in table {
        let shown = format!("{headers:?}");
        let (status, body) = rig.send(Method::Post, "/v1/chat/completions", headers, &question(&json!({}))).await;
        assert_eq!(status, wanted, "{shown}: {body}");
    }
    // The requests are equal and temperature is not 0: none came from the cache, none came by the closed door.
    assert_eq!(rig.fakes.record().requests.len(), 4);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_for_this_user_only_and_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let rig = Rig::new(Script::default()).await;
    let file = rig.folder.path().join("local-api.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(rig.token.len() > 40);
    assert_eq!(super::token(&file).unwrap(), rig.token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_answered_whole_and_in_pieces() {
    let rig =
        Rig::new(Script::default().answer(Answer::say("One two three four.")).answer(Answer::say("Five six seven.")))
            .await;
    let (status, body) = rig.post("/v1/chat/completions", question(&json!({}))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["choices"][0]["message"]["content"], "One two three four.");
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let extra = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let (status, body) = rig.post("/v1/chat/completions", question(&extra)).await;
    assert_eq!(status, 200);
    let events: Vec<&str> = body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let text: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "Five six seven.");
    assert!(body.contains("\"usage\""), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_say_nothing_are_no_hindrance_and_others_are_named() {
    let rig = Rig::new(Script::default()).await;
    let silent = json!({ "model": "anthropic/claude-sonnet-5-5", "n": 1, "top_p": 1.0, "stop": null, "tools": [],
        "presence_penalty": 0, "logprobs": false, "response_format": {} });
    let (status, body) = rig.post("/v1/chat/completions", question(&silent)).await;
    assert_eq!(status, 200, "{body}");
    let speaking = json!({ "model": "anthropic/claude-sonnet-5-5", "seed": 7, "top_p": 0.5 });
    let (status, body) = rig.post("/v1/chat/completions", question(&speaking)).await;
    assert_eq!((status, body.contains("seed, top_p")), (400, true), "{body}");
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/responses"] {
        assert_eq!(rig.post(path, json!(["no object"])).await.0, 400, "{path}");
    }
    let (status, body) = rig.post("/v1/nothing", json!({})).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("not_found")), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_may_come_in_several_messages() {
    let rig = Rig::new(Script::default()).await;
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "developer", "content": [{ "type": "text", "text": "Be kind." }] },
        { "role": "user", "content": "hello" },
        { "role": "system", "content": "It is Monday." },
    ]);
    for model in ["groq/fake-model", "anthropic/claude-sonnet-5-5"] {
        let (status, body) = rig.post("/v1/chat/completions", json!({ "model": model, "messages": messages })).await;
        assert_eq!(status, 200, "{model}: {body}");
    }
    let record = rig.fakes.record();
    assert!(record.violations.is_empty(), "{:?}", record.violations);
    assert_eq!(record.requests.len(), 2);
    for request in record.requests {
        let body = request.body.to_string();
        assert!(body.contains(r"Be brief.\n\nBe kind.\n\nIt is Monday."), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_with_its_status_also_for_a_stream() {
    let fault = Fault::new(FaultKind::NoCredit).at("groq");
    let rig = Rig::new(Script::default().fault(fault)).await;
    for is_stream in [false, true] {
        let (status, body) = rig.post("/v1/chat/completions", question(&json!({ "stream": is_stream }))).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["error"]["type"].as_str()), (402, Some("insufficient_quota")), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_envelope_tells_usage_cost_and_cache() {
    let rig = Rig::new(Script::default()).await;
    let asked = json!({ "prompt": "hello", "provider": "groq", "model": "fake-model", "temperature": 0 });
    for cache in ["miss", "hit"] {
        let (status, body) = rig.post("/v1/ask", asked.clone()).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
        assert_eq!(body["metadata"]["cacheStatus"], cache, "{body}");
        let usage = &body["usage"];
        let sum = usage["inputTokens"].as_u64().unwrap() + usage["outputTokens"].as_u64().unwrap();
        assert_eq!(usage["totalTokens"].as_u64(), Some(sum));
    }
    let (status, body) = rig.post("/v1/ask", json!({ "prompt": "hello", "provider": "nobody" })).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["success"]), (400, &json!(false)), "{body}");
    assert_eq!(body["error"]["type"], "invalid_request_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_plain_chat_goes_through_with_the_key() {
    let rig = Rig::new(Script::default()).await;
    let (status, body) = rig.post("/v1/chat/completions", question(&json!({ "top_p": 0.5 }))).await;
    assert_eq!(status, 200, "{body}");
    let path = "/api/v1/ai-gateway/providers/groq/chat/completions";
    let (status, body) =
        rig.post(path, json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] })).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) =
        rig.send(Method::Get, "/api/v1/ai-gateway/providers/groq/models", rig.bearer(), &json!({})).await;
    assert_eq!(status, 200, "{body}");
    for path in ["groq/../../x", "groq/a%2F..%2Fb", "nobody/models"] {
        let (status, body) =
            rig.send(Method::Get, &format!("/api/v1/ai-gateway/providers/{path}"), rig.bearer(), &json!({})).await;
        assert!(matches!(status, 400 | 404), "{path}: {status} {body}");
    }
    let shown = format!("{:?}", rig.fakes.record().violations);
    assert!(!shown.contains(&rig.token), "the token of this API goes no further: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_writing_a_path_leads_a_key_out_of_the_provider_s_place() {
    let rig = Rig::new(Script::default()).await;
    let base = "/groq/openai/v1";
    for path in ["%252e%252e/%252e%252e/x", ".%09./.%09./x", "models/a%252F..%252Fb", "models/one%20two%2Fthree?a=%2e"]
    {
        rig.send(Method::Get, &format!("/api/v1/ai-gateway/providers/groq/{path}"), rig.bearer(), &json!({})).await;
        let asked = rig.fakes.record().requests.pop().unwrap();
        let (steps, query) = path.split_once('?').unwrap_or((path, ""));
        assert_eq!((asked.path, asked.query), (format!("{base}/{steps}"), query.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_s_own_library_may_be_pointed_at_its_path() {
    let rig = Rig::new(Script::default()).await;
    let messages = json!([{ "role": "user", "content": "hi" }]);
    let table = [
        ("anthropic/v1/messages", json!({ "model": "claude-sonnet-5-5", "max_tokens": 9, "messages": messages })),
        ("anthropic/messages", json!({ "model": "claude-sonnet-5-5", "max_tokens": 9, "messages": messages })),
        ("openai/v1/responses", json!({ "model": "gpt-6.1-sol", "input": "hi" })),
        ("groq/openai/v1/chat/completions", json!({ "model": "m", "messages": messages })),
    ];
    for (path, body) in table {
        let (status, answer) = rig.post(&format!("/api/v1/ai-gateway/providers/{path}"), body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
    assert!(rig.fakes.record().violations.is_empty(), "{:?}", rig.fakes.record().violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn vertex_is_reached_with_a_token_made_of_the_service_account() {
    let place = "v1/projects/p-2/locations/europe-west4";
    let question = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    let chat = json!({ "messages": [{ "role": "user", "content": "hi" }], "model": "google/gemini-3.8-flash" });
    let cases = [
        ("models/gemini-3.8-flash:generateContent".to_owned(), &question, "candidates"),
        (format!("{place}/publishers/google/models/gemini-3.8-flash:generateContent"), &question, "candidates"),
        (
            format!("{place}/publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse"),
            &question,
            "data: ",
        ),
        (format!("{place}/endpoints/openapi/chat/completions"), &chat, "choices"),
    ];
    for way in ["direct", "gateway"] {
        let rig = Rig::with(Script::default(), &json!({ "chat": { "way": way } })).await;
        for (number, (path, body, part)) in cases.iter().enumerate() {
            let path = format!("/api/v1/ai-gateway/providers/google-vertex-ai/{path}");
            let (status, answer) = rig.post(&path, (*body).clone()).await;
            assert_eq!((status, answer.contains(part)), (200, true), "{way} {path}: {answer}");
            let usage = rows(&rig, number as u64 + 1).await;
            assert!(usage.tokens.input > 0 && usage.unpriced == 0, "{way} {path}: {usage:?}");
        }
        let record = rig.fakes.record();
        assert!(record.violations.is_empty(), "{way}: {:?}", record.violations);
        let (tokens, asked): (Vec<_>, Vec<_>) = record.requests.iter().partition(|request| request.provider == "oauth");
        assert_eq!((tokens.len(), asked.len()), (1, cases.len()), "{way}: one token for all");
        let places = asked.iter().filter(|request| request.path.contains("/projects/p-2/locations/europe-west4/"));
        assert_eq!(places.count(), 3, "{way}: where the path says");
        assert!(asked.iter().all(|request| request.path.starts_with("/gateway/") == (way == "gateway")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_listed_with_their_provider() {
    let rig = Rig::new(Script::default().model("groq", "only-model")).await;
    let (status, body) = rig.send(Method::Get, "/v1/models", rig.bearer(), &json!({})).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let ids: Vec<&str> = body["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(status, 200);
    assert!(ids.contains(&"practice/practice") && ids.contains(&"groq/only-model"), "{ids:?}");
    assert!(!body.to_string().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_is_told_by_any_name_that_a_request_may_give_it() {
    let script = Script::default().model("groq", "fake-model").model("groq", "maker/big model");
    let rig = Rig::new(script).await;
    let table = [
        ("groq/fake-model", "groq/fake-model"),
        ("fake-model", "groq/fake-model"),
        ("default", "groq/fake-model"),
        ("groq/maker/big%20model", "groq/maker/big model"),
        ("groq%2Fmaker%2Fbig%20model", "groq/maker/big model"),
        ("practice", "practice/practice"),
    ];
    for (path, id) in table {
        let (status, body) = rig.send(Method::Get, &format!("/v1/models/{path}"), rig.bearer(), &json!({})).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["id"].as_str(), body["object"].as_str()), (200, Some(id), Some("model")), "{body}");
        assert_eq!((&body["owned_by"], &body["created"]), (&json!(id.split('/').next().unwrap()), &json!(0)));
    }
    for path in ["groq/none", "nobody/fake-model", "openai", "..%2F..%2Fdoor"] {
        let (status, body) = rig.send(Method::Get, &format!("/v1/models/{path}"), rig.bearer(), &json!({})).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["error"]["code"]), (404, &json!("model_not_found")), "{path}: {body}");
    }
    assert_eq!(rig.send(Method::Get, "/v1/models/default", Vec::new(), &json!({})).await.0, 401, "not without a token");
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_goes_through_both_ways() {
    let rig = Rig::new(Script::default()).await;
    let url: url::Url = format!("{}/v1/realtime?model=any", rig.url).parse().unwrap();
    let token = secret_header(&format!("Bearer {}", rig.token)).unwrap();
    let refused = Dial { url: url.clone(), headers: HeaderMap::new(), subprotocols: Vec::new() };
    assert!(rig.net.connect(&refused, LIMIT).await.is_err(), "not without the token");
    let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
    let mut socket = rig.net.connect(&Dial { url, headers, subprotocols: Vec::new() }, LIMIT).await.unwrap();
    let mut next = async || loop {
        if let Message::Text(text) = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap() {
            return text.to_string();
        }
    };
    assert!(next().await.contains("session.created"));
}

async fn rows(rig: &Rig, count: u64) -> store::Usage {
    for _ in 0..1000 {
        let usage = rig.shelf.store().await.unwrap().usage(0, store::Group::All).await.unwrap();
        if let Some(usage) = usage.into_iter().next().filter(|usage| usage.requests >= count) {
            return usage;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there are no {count} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_and_responses_pass_with_the_key_and_have_their_rows() {
    let rig = Rig::with(Script::default(), &json!({ "chat": { "provider": "openai", "model": "gpt-6.1-sol" } })).await;
    let table = [
        ("/v1/embeddings", json!({ "model": "openai/text-embedding-3-small", "input": "hello" }), "embedding"),
        ("/v1/responses", json!({ "model": "openai/gpt-6.1-sol", "input": "hello" }), "output"),
        ("/v1/responses", json!({ "model": "gpt-6.1-sol", "input": "hello", "stream": true }), "response.completed"),
        ("/api/v1/ai-gateway/providers/openai/responses", json!({ "model": "gpt-6.1-sol", "input": "hi" }), "output"),
    ];
    for (number, (path, body, part)) in table.into_iter().enumerate() {
        let (status, answer) = rig.post(path, body).await;
        assert_eq!((status, answer.contains(part)), (200, true), "{path}: {answer}");
        let usage = rows(&rig, number as u64 + 1).await;
        assert!(usage.tokens.input > 0 && usage.unpriced == 0 && usage.estimated == 0, "{path}: {usage:?}");
    }
    assert!(rig.fakes.record().violations.is_empty(), "{:?}", rig.fakes.record().violations);
    let (status, answer) = rig.post("/v1/responses", json!({ "model": "groq/fake-model", "input": "x" })).await;
    assert!(status == 200 || status == 404, "the provider's own word: {status} {answer}");
    let (status, _) = rig.post("/v1/responses", json!({ "model": "anthropic/claude-sonnet-5-5", "input": "x" })).await;
    assert_eq!(status, 400, "another language");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_obeys_limits_and_budgets() {
    let rig = Rig::with(
        Script::default().fault(Fault::new(FaultKind::RateLimited).at("groq").first(1)),
        &json!({ "budget": { "day": 0.001 }, "chat": { "provider": "openai", "model": "gpt-6.1-sol" } }),
    )
    .await;
    let (status, body) = rig.post("/v1/responses", json!({ "model": "openai/gpt-6.1-sol", "input": "x" })).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["error"]["type"].as_str()), (402, Some("budget_exceeded")), "{body}");
    let embedded = json!({ "model": "openai/text-embedding-3-small", "input": "hello" });
    assert_eq!(rig.post("/v1/embeddings", embedded).await.0, 200, "cheap enough");
    assert_eq!(rig.fakes.record().requests.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_named_means_the_user_s_choice_and_then_whoever_has_a_key() {
    let fault = Fault::new(FaultKind::Overloaded).at("groq");
    let rig = Rig::with(Script::default().fault(fault).answer(Answer::say("Me.")), &json!({})).await;
    let messages = json!([{ "role": "user", "content": "hello" }]);
    let (status, body) = rig.post("/v1/chat/completions", json!({ "model": "default", "messages": messages })).await;
    assert_eq!((status, body.contains("Me.")), (200, true), "{body}");
    let (status, _) = rig.post("/v1/chat/completions", question(&json!({}))).await;
    assert_eq!(status, 503, "who is named answers or nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_of_voice_tries_the_next_way_through_the_gateway() {
    let tokens = Some(vec![KEY.to_owned()]);
    for gateway in [
        emulator::Gateway { tokens: tokens.clone(), forms: emulator::TokenForms::Bare, ..emulator::Gateway::default() },
        emulator::Gateway { credentials: emulator::GatewayCredentials::Seed003, ..emulator::Gateway::default() },
    ] {
        let case = format!("{gateway:?}");
        let voice = emulator::Script { gateway, ..emulator::Script::default() };
        let rig = Rig::speaking(Script::default(), voice, &json!({ "call": { "route": "gateway" } })).await;
        let url: url::Url = format!("{}/v1/realtime?model=any", rig.url).parse().unwrap();
        let token = secret_header(&format!("Bearer {}", rig.token)).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
        let mut socket = rig.net.connect(&Dial { url, headers, subprotocols: Vec::new() }, LIMIT).await.unwrap();
        let first = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(first.to_text().unwrap().contains("session.created"), "{case}: {first}");
        assert_eq!(rig.voice.record().connections.len(), 2, "{case}: two ways were tried");
    }
}

#[tokio::test]
async fn many_may_knock_at_the_same_moment() {
    let listener = super::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let knocking = (0..500).map(|_| tokio::net::TcpStream::connect(address));
    let all = tokio::time::timeout(LIMIT, futures_util::future::try_join_all(knocking)).await;
    assert_eq!(all.unwrap().unwrap().len(), 500);
}
