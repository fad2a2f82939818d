//! Every provider, on every way, with and without a key, streamed and whole.

use gateway::{Auth, Backoff, CloudGateway, GatewayOptions, Header, Override, Price, Settings, Trace, Way, providers};
use protocol::chat::FailureKind;

use crate::rig::{Rig, Ring, ask, header, hello, openai_hello, target};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn settings() -> Settings {
    let gateway = CloudGateway {
        base_url: "https://gateway.ai.cloudflare.com/v1".to_owned(),
        account: ACCOUNT.to_owned(),
        gateway: "home".to_owned(),
        ..CloudGateway::default()
    };
    let base_urls = [("custom".into(), "http://127.0.0.1:9/v1".to_owned())].into();
    Settings { gateway: Some(gateway), base_urls, ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn every_provider_answers_on_every_way_with_the_right_keys_and_no_others() {
    // Service accounts have a test of their own.
    for provider in providers().iter().filter(|provider| provider.auth != Auth::ServiceAccount) {
        for way in [Way::Direct, Way::Gateway, Way::StoredKey] {
            for (has_keys, has_token) in [(true, true), (true, false), (false, true), (false, false)] {
                for is_stream in [true, false] {
                    let rig =
                        Rig::with(settings(), Ring { has_keys, has_token, vertex: String::new(), lacking: &[] }, None);
                    rig.script([hello(provider.wire, is_stream)]);
                    let mut ask = ask(&[(provider.id, "org/some-model")]);
                    (ask.route, ask.is_stream) = (Some(way), is_stream);
                    let outcome = rig.ask(ask).await;
                    let case = format!("{} {way:?} keys {has_keys} token {has_token} stream {is_stream}", provider.id);

                    // Routes of Cloudflare's own exist only with stored keys.
                    let way = if provider.base_url.is_empty() && !provider.is_local { Way::StoredKey } else { way };
                    let is_known = way == Way::Direct || !provider.gateway_path.is_empty();
                    let has_all = match way {
                        Way::Direct | Way::Gateway => has_keys || provider.is_local,
                        Way::StoredKey => has_token,
                    };
                    if !is_known || !has_all {
                        let kind = outcome.kind().unwrap();
                        assert!(matches!(kind, FailureKind::Gateway | FailureKind::Credential), "{case}: {kind:?}");
                        assert_eq!(rig.sent(), 0, "{case}");
                        continue;
                    }
                    assert_eq!(outcome.failure, None, "{case}");
                    assert_eq!(outcome.text, "Hello", "{case}");
                    let tokens = outcome.receipt.tokens;
                    assert_eq!((tokens.input, tokens.cached, tokens.output), (10, 4, 5), "{case}");
                    assert_eq!(outcome.receipt.answered_by.as_deref(), Some("m-1"), "{case}");

                    let seen = rig.server.seen.lock().unwrap();
                    let request = &seen[0];
                    let gateway = format!("https://gateway.ai.cloudflare.com/v1/{ACCOUNT}/home/");
                    assert_eq!(request.url.starts_with(&gateway), way != Way::Direct, "{case}: {}", request.url);
                    let key = format!("key-of-{}", provider.id);
                    let expected = |auth| match auth {
                        Auth::Anthropic => ("x-api-key", key.clone()),
                        Auth::Google => ("x-goog-api-key", key.clone()),
                        Auth::Bearer | Auth::BearerIfAny | Auth::ServiceAccount => {
                            ("authorization", format!("Bearer {key}"))
                        }
                    };
                    let (name, value) = expected(provider.auth);
                    let has_key = has_keys && way != Way::StoredKey;
                    assert_eq!(header(request, name), has_key.then_some(value), "{case}");
                    let token = (way != Way::Direct && has_token).then(|| "Bearer token-of-cloudflare".to_owned());
                    assert_eq!(header(request, "cf-aig-authorization"), token, "{case}");
                    let secrets =
                        request.headers.iter().filter(|(_, value)| matches!(value, Header::Secret(_))).count();
                    assert_eq!(secrets, usize::from(has_key) + usize::from(token.is_some()), "{case}");
                    let told = format!("{request:?}");
                    assert!(!told.contains("key-of") && !told.contains("token-of"), "{case}: a secret in {told}");
                    assert!(!told.contains("hello"), "{case}: what was said in {told}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_has_a_way_and_options_of_its_own() {
    let mut settings = Settings { way: Way::Direct, ..settings() };
    settings.ways.insert("groq".into(), Way::StoredKey);
    let gateway = settings.gateway.as_mut().unwrap();
    let for_all = GatewayOptions { cache_ttl: Some(60), collect_log: Some(false), ..GatewayOptions::default() };
    gateway.options = for_all;
    gateway.providers.insert("groq".into(), GatewayOptions { cache_ttl: Some(900), ..GatewayOptions::default() });
    let rig = Rig::new(settings);
    rig.script([openai_hello()]);
    for (provider, way) in [("groq", Way::StoredKey), ("openai", Way::Direct)] {
        assert_eq!(rig.ask(ask(&[(provider, "some-model")])).await.receipt.way, way, "{provider}");
    }
    let seen = rig.server.seen.lock().unwrap();
    let told = |at: usize, name| header(&seen[at], name);
    assert_eq!(told(0, "cf-aig-cache-ttl").as_deref(), Some("900"));
    assert_eq!(told(0, "cf-aig-collect-log").as_deref(), Some("false"), "where it is silent, as for all");
    assert_eq!((told(0, "authorization"), told(1, "cf-aig-cache-ttl")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn the_gateway_s_options_travel_as_headers_and_its_echo_comes_back() {
    let mut settings = settings();
    let general = GatewayOptions { cache_ttl: Some(60), collect_log: Some(false), ..GatewayOptions::default() };
    settings.gateway.as_mut().unwrap().options = general;
    settings.prices =
        vec![Override { target: target("openai", "gpt-6.1-sol"), price: Price::dollars(1.0, Some(0.0036), 2.0) }];
    let rig = Rig::new(settings);
    let echo =
        [("cf-aig-cache-status", "HIT"), ("cf-aig-log-id", "log-1"), ("cf-aig-step", "2"), ("cf-ray", "abc-WAW")];
    rig.script([echo.iter().fold(openai_hello(), |reply, (name, value)| reply.with(name, value))]);
    let mut ask = ask(&[("openai", "gpt-6.1-sol")]);
    ask.route = Some(Way::Gateway);
    ask.options = GatewayOptions {
        cache_ttl: Some(3600),
        skip_cache: Some(true),
        cache_key: Some("k".to_owned()),
        metadata: [("team".to_owned(), "zażółć".to_owned())].into(),
        collect_log_payload: Some(false),
        request_timeout: Some(2000),
        max_attempts: Some(3),
        retry_delay: Some(500),
        backoff: Some(Backoff::Exponential),
        event_id: Some("e".to_owned()),
        key_alias: Some("work".to_owned()),
        no_wholesale: Some(true),
        zero_data_retention: Some(true),
        ..GatewayOptions::default()
    };
    let outcome = rig.ask(ask).await;
    let seen = rig.server.seen.lock().unwrap();
    let expected = [
        ("cf-aig-cache-ttl", "3600"),
        ("cf-aig-skip-cache", "true"),
        ("cf-aig-cache-key", "k"),
        (
            "cf-aig-custom-cost",
            r#"{"per_token_in":0.000001,"per_token_out":0.000002,"per_cache_read_token":0.0000000036}"#,
        ),
        ("cf-aig-metadata", "{\"team\":\"za\\u017c\\u00f3\\u0142\\u0107\"}"),
        ("cf-aig-collect-log", "false"),
        ("cf-aig-collect-log-payload", "false"),
        ("cf-aig-request-timeout", "2000"),
        ("cf-aig-max-attempts", "3"),
        ("cf-aig-retry-delay", "500"),
        ("cf-aig-backoff", "exponential"),
        ("cf-aig-event-id", "e"),
        ("cf-aig-byok-alias", "work"),
        ("cf-aig-no-wholesale", "true"),
        ("cf-aig-zdr", "true"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&seen[0], name).as_deref(), Some(value), "{name}");
    }
    let told = outcome.receipt.gateway.unwrap();
    assert_eq!(
        (told.cache_status.as_deref(), told.log_id.as_deref(), told.step),
        (Some("HIT"), Some("log-1"), Some(2))
    );
    assert_eq!(outcome.receipt.cache, gateway::CacheState::Remote);
    assert_eq!(outcome.receipt.cost, Some(gateway::Nanodollars::ZERO), "the gateway's cache is free");
}

#[tokio::test(start_paused = true)]
async fn the_auto_router_is_told_of_conversation_and_turn_and_tells_whom_it_chose() {
    let rig = Rig::new(settings());
    let told = [
        ("cf-aig-routed-model", "openai/gpt-6-luna"),
        ("cf-aig-routing-reason", "cheap enough"),
        ("cf-aig-routing-decision-id", "d-1"),
        ("cf-aig-request-id", "r-1"),
    ];
    rig.script([told.iter().fold(openai_hello(), |reply, (name, value)| reply.with(name, value))]);
    let asked = |model: &str| {
        let mut ask = ask(&[(if model == "cloudflare/auto" { "cloudflare-route" } else { "openai" }, model)]);
        ask.route = Some(Way::StoredKey);
        ask.request.temperature = Some(0.0);
        ask.options = GatewayOptions {
            no_session_affinity: Some(true),
            allowed_models: vec!["openai/gpt-6-luna".into(), "xai/grok-4.3".into()],
            allowed_providers: vec!["openai".into(), "grok".into()],
            trace: Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ..GatewayOptions::default()
        };
        ask
    };
    let outcome = rig.ask(asked("cloudflare/auto")).await;
    rig.ask(asked("gpt-6-luna")).await;
    let seen = rig.server.seen.lock().unwrap().clone();
    let for_router = [
        ("cf-aig-session-id", "sidetone-1"),
        ("cf-aig-no-session-affinity", "true"),
        ("cf-aig-allowed-models", "openai/gpt-6-luna,xai/grok-4.3"),
        ("cf-aig-allowed-providers", "openai,grok"),
    ];
    for (name, value) in for_router {
        assert_eq!(header(&seen[0], name).as_deref(), Some(value), "{name}");
        assert_eq!(header(&seen[1], name), None, "{name}: nobody else is told");
    }
    assert!(header(&seen[0], "cf-aig-turn-id").is_some_and(|turn| turn.len() == 32));
    for request in &seen {
        let trace = header(request, "cf-aig-otel-trace-id");
        assert_eq!(trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(header(request, "cf-aig-otel-parent-span-id").as_deref(), Some("b7ad6b7169203331"));
    }
    let echo = outcome.receipt.gateway.unwrap();
    let echo = [echo.routed_model, echo.routing_reason, echo.decision_id, echo.request_id];
    assert_eq!(echo.map(Option::unwrap), told.map(|(_, value)| value));
    assert!(outcome.receipt.cost.is_some(), "priced by whom it chose");
    // Who asks makes no other answer.
    let mut elsewhere = asked("cloudflare/auto");
    (elsewhere.conversation, elsewhere.options.trace) = (Some(2), None);
    assert_eq!(rig.ask(elsewhere).await.receipt.cache, gateway::CacheState::Hit);
}

#[test]
fn only_a_true_place_in_a_trace_is_one() {
    let trace = |text: &str| Trace::parse(text).is_some();
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert!(trace(good));
    for bad in [
        "",
        "00-0af7651916cd43dd8448eb211c80319c",
        &good.replace("0af7", "0AF7"),
        &good.replace("00-0a", "ff-0a"),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
    ] {
        assert!(!trace(bad), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn options_that_the_gateway_would_drop_are_refused() {
    let rig = Rig::new(settings());
    let entries = (0..6).map(|index| (index.to_string(), String::new())).collect();
    let wrong = [
        GatewayOptions { cache_ttl: Some(59), ..GatewayOptions::default() },
        GatewayOptions { max_attempts: Some(6), ..GatewayOptions::default() },
        GatewayOptions { retry_delay: Some(60_001), ..GatewayOptions::default() },
        GatewayOptions { metadata: entries, ..GatewayOptions::default() },
        GatewayOptions { metadata: [("cf.x".to_owned(), String::new())].into(), ..GatewayOptions::default() },
        GatewayOptions { cache_key: Some("a\nb".to_owned()), ..GatewayOptions::default() },
        GatewayOptions { allowed_models: vec!["a,b".to_owned()], ..GatewayOptions::default() },
        GatewayOptions { session_id: Some("ü".to_owned()), ..GatewayOptions::default() },
    ];
    for options in wrong {
        let mut ask = ask(&[("openai", "gpt-6.1-sol")]);
        ask.options = options;
        assert_eq!(rig.ask(ask).await.kind(), Some(FailureKind::Gateway));
    }
    let mut settings = settings();
    settings.gateway.as_mut().unwrap().options.cache_ttl = Some(1);
    rig.settings.send_replace(settings.into());
    let mut ask = ask(&[("openai", "gpt-6.1-sol")]);
    ask.route = Some(Way::Gateway);
    assert_eq!(rig.ask(ask).await.kind(), Some(FailureKind::Gateway), "those of the settings too");
    assert_eq!(rig.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_gateway_only_the_direct_way_works() {
    let rig = Rig::new(Settings { way: Way::Gateway, ..Settings::default() });
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(ask(&[("openai", "gpt-6.1-sol")])).await.kind(), Some(FailureKind::Gateway));
    let mut direct = ask(&[("openai", "gpt-6.1-sol")]);
    direct.route = Some(Way::Direct);
    assert_eq!(rig.ask(direct).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn a_route_of_the_gateway_s_own_is_priced_by_who_answered() {
    let rig = Rig::new(settings());
    let reply = openai_hello().with("cf-aig-provider", "openai").with("cf-aig-model", "gpt-6.1-sol");
    rig.script([reply]);
    let outcome = rig.ask(ask(&[("cloudflare-route", "dynamic/cheap")])).await;
    assert_eq!(outcome.text, "Hello");
    // 6 × $2 + 4 × $0.1 + 5 × $10 per million.
    assert_eq!(outcome.receipt.cost, Some(gateway::Nanodollars(62_400)));
    let url = rig.server.seen.lock().unwrap()[0].url.clone();
    assert!(url.ends_with("/home/compat/chat/completions"), "{url}");
}

#[tokio::test(start_paused = true)]
async fn without_a_gateway_nobody_else_is_tried_who_needs_it_too() {
    let rig = Rig::new(Settings { way: Way::Gateway, ..Settings::default() });
    rig.script([openai_hello()]);
    let needy = [("openai", "gpt-6.1-sol"), ("anthropic", "claude-sonnet-5-5")];
    let mut question = ask(&needy);
    question.spares = vec![target("groq", "qwen/qwen3.8-27b")];
    let outcome = rig.ask(question).await;
    assert_eq!((outcome.kind(), outcome.fell_back(), rig.sent()), (Some(FailureKind::Gateway), Vec::new(), 0));
    let outcome = rig.ask(ask(&[needy[0], needy[1], ("ollama", "llama")])).await;
    assert_eq!(outcome.fell_back(), [("ollama".to_owned(), FailureKind::Gateway)]);
    assert_eq!(outcome.text, "Hello", "what needs no gateway is left");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_nor_tried_again_nor_held_against_the_provider() {
    let rig = Rig::new(Settings::default());
    rig.script([crate::rig::Reply::error(307).with("location", "https://evil.example/")]);
    for sent in 1..=6 {
        let outcome = rig.ask(ask(&[("openai", "gpt-6.1-sol")])).await;
        let failure = outcome.failure.unwrap();
        assert_eq!((failure.kind, failure.status, rig.sent()), (FailureKind::Address, Some(307), sent));
        assert!(failure.message.contains("another address"), "{failure}");
    }
    assert_eq!((rig.gateway.health()[0].failures, rig.gateway.health()[0].circuit), (0, gateway::Circuit::Closed));
    let seen = rig.server.seen.lock().unwrap();
    assert!(seen.iter().all(|request| request.url.starts_with("https://api.openai.com/")));
}

#[tokio::test(start_paused = true)]
async fn lists_of_models_are_asked_for_where_the_requests_go() {
    let rig = Rig::new(settings());
    rig.script([crate::rig::Reply::json(200, &serde_json::json!({ "data": [{ "id": "claude-sonnet-5-5" }] }))]);
    let models = rig.gateway.models(&"anthropic".into()).await.unwrap();
    assert_eq!((models.len(), models[0].context), (1, Some(1_000_000)));
    let seen = rig.server.seen.lock().unwrap();
    assert_eq!(seen[0].url, "https://api.anthropic.com/v1/models?limit=1000");
    assert_eq!(header(&seen[0], "x-api-key").as_deref(), Some("key-of-anthropic"));
    assert!(!rig.gateway.known_models(&"google-vertex".into()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_servers_with_the_same_usual_port_are_told_apart() {
    let list = crate::rig::Reply::json(200, &serde_json::json!({ "data": [{ "id": "m" }] }));
    let page = |status, text: &str| {
        let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
        crate::rig::Reply::Body(status, Vec::new(), vec![crate::rig::Step::Bytes(bytes)])
    };
    let shell = format!("<html>{}</html>", " ".repeat(80));
    let table = [
        ("localai", page(200, "OK"), true),
        ("localai", page(200, ""), true),
        ("localai", page(404, "nothing"), false),
        ("localai", page(200, &shell), false),
        ("localai", crate::rig::Reply::Unreachable, false),
        ("llama-cpp", page(404, "nothing"), true),
        ("llama-cpp", page(200, &shell), true),
        ("llama-cpp", page(200, "OK"), false),
    ];
    for (provider, answer, is_there) in table {
        let rig = Rig::new(Settings::default());
        rig.script([answer, list.clone()]);
        let models = rig.gateway.models(&provider.into()).await;
        assert_eq!(models.is_ok(), is_there, "{provider}: {models:?}");
        let seen: Vec<String> = rig.server.seen.lock().unwrap().iter().map(|request| request.url.clone()).collect();
        let mut wanted = vec!["http://127.0.0.1:8080/readyz", "http://127.0.0.1:8080/v1/models"];
        wanted.truncate(if is_there { 2 } else { 1 });
        assert_eq!(seen, wanted, "{provider}");
    }
    // Where the user says that it is, it is.
    for (provider, url) in [("localai", "http://127.0.0.1:9/v1"), ("custom", "http://127.0.0.1:8080/v1")] {
        let base_urls = [(provider.into(), url.to_owned())].into_iter().collect();
        let rig = Rig::new(Settings { base_urls, ..Settings::default() });
        rig.script([list.clone()]);
        assert!(rig.gateway.models(&provider.into()).await.is_ok(), "{provider}");
        assert_eq!(rig.server.seen.lock().unwrap().len(), 1, "{provider}");
    }
}
