//! Requests that pass as they are.

use std::time::Duration;

use futures_util::StreamExt;
use gateway::{
    Budget, Circuit, HttpResponse, Method, Nanodollars, Outcome, Passage, Price, Purpose, Quantity, Rate, Settings, Way,
};
use protocol::chat::{Failure, FailureKind, Tokens, Wire};
use serde_json::{Value, json};

use crate::rig::{Reply, Rig, Step, header, hello, target};

fn passage(provider: &str, model: &str, path: &str, body: &Value) -> Passage {
    Passage {
        target: target(provider, model),
        method: Method::Post,
        path: path.to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into(),
        purpose: Purpose::Api,
        profile: "local-api".to_owned(),
        route: None,
        trace: None,
    }
}

async fn read(response: Result<HttpResponse, Failure>) -> Result<(u16, String), Failure> {
    let HttpResponse { status, mut body, .. } = response?;
    let mut text = Vec::new();
    while let Some(bytes) = body.next().await {
        text.extend_from_slice(&bytes?);
    }
    Ok((status, String::from_utf8(text).unwrap()))
}

fn embeddings() -> Value {
    json!({ "object": "list", "model": "text-embedding-3-small", "data": [{ "embedding": [0.5] }],
        "usage": { "prompt_tokens": 1000, "total_tokens": 1000 } })
}

#[tokio::test(start_paused = true)]
async fn each_has_a_row_with_what_it_cost() {
    let question = json!({ "model": "m", "input": "hello" });
    let embedded = Reply::json(200, &embeddings());
    let table = [
        // 1000 × $0.02 per million.
        ("openai", "text-embedding-3-small", "/embeddings", embedded, (1000, 0), Some(20_000)),
        ("openai", "gpt-6.1-sol", "/responses", hello(Wire::OpenaiResponses, true), (10, 5), Some(62_400)),
        ("openai", "gpt-6.1-sol", "/chat/completions", hello(Wire::OpenaiChat, false), (10, 5), Some(62_400)),
        ("anthropic", "claude-haiku-5-5", "/messages", hello(Wire::AnthropicMessages, true), (10, 5), Some(3_140)),
        (
            "openai",
            "brand-new",
            "/embeddings",
            Reply::json(200, &json!({ "usage": { "prompt_tokens": 3 } })),
            (3, 0),
            None,
        ),
        ("ollama", "llama", "/embeddings", Reply::json(200, &embeddings()), (1000, 0), Some(0)),
    ];
    for (provider, model, path, reply, (input, output), cost) in table {
        let rig = Rig::new(Settings::default());
        rig.script([reply]);
        let (status, _) = read(rig.gateway.pass(passage(provider, model, path, &question)).await).await.unwrap();
        let row = rig.last_row();
        assert_eq!(
            (status, row.outcome, row.tokens.input, row.tokens.output),
            (200, Outcome::Done, input, output),
            "{row:?}"
        );
        assert_eq!((row.cost, row.is_estimate, row.attempts), (cost.map(Nanodollars), false, 1), "{row:?}");
        assert_eq!((row.purpose, row.profile.as_str(), row.way), (Purpose::Api, "local-api", Way::Direct));
        let seen = rig.server.seen.lock().unwrap();
        assert!(seen[0].url.ends_with(path), "{}", seen[0].url);
        assert_eq!(seen[0].body, question.to_string().as_bytes(), "the body is what the client sent");
        let key = if provider == "anthropic" { "x-api-key" } else { "authorization" };
        assert!(header(&seen[0], key).unwrap().ends_with(&format!("key-of-{provider}")));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_may_add_headers_but_no_keys() {
    let rig = Rig::new(Settings::default());
    rig.script([hello(Wire::AnthropicMessages, true)]);
    let mut passage = passage("anthropic", "m", "/messages", &json!({}));
    passage.headers.push(("anthropic-version", "2024-01-01".to_owned()));
    passage.headers.push(("anthropic-beta", "files".to_owned()));
    passage.headers.push(("x-api-key", "somebody".to_owned()));
    read(rig.gateway.pass(passage).await).await.unwrap();
    let seen = rig.server.seen.lock().unwrap();
    for (name, value) in
        [("anthropic-version", "2024-01-01"), ("anthropic-beta", "files"), ("x-api-key", "key-of-anthropic")]
    {
        let all: Vec<_> = seen[0].headers.iter().filter(|(found, _)| *found == name).collect();
        assert_eq!((all.len(), header(&seen[0], name).as_deref()), (1, Some(value)));
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_pass_through_close_the_provider_and_are_written_down() {
    let rig = Rig::new(Settings::default());
    let busy = json!({ "error": { "message": "slow down", "type": "rate_limit_exceeded" } });
    rig.script([Reply::json(429, &busy).with("retry-after", "30"), Reply::json(200, &embeddings())]);
    let ask = || passage("openai", "text-embedding-3-small", "/embeddings", &json!({ "input": "x" }));
    let (status, body) = read(rig.gateway.pass(ask()).await).await.unwrap();
    assert_eq!((status, body.contains("slow down")), (429, true));
    let row = rig.last_row();
    assert_eq!((row.outcome, row.failure, row.status), (Outcome::Failed, Some(FailureKind::RateLimited), Some(429)));
    assert_eq!((row.cost, row.tokens), (Some(Nanodollars::ZERO), Tokens::default()), "nobody charges for a refusal");
    let before = tokio::time::Instant::now();
    assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap().0, 200);
    assert!(before.elapsed() >= Duration::from_secs(30), "it waits as long as it was told to");
    assert_eq!(rig.last_row().times.queue_ms, 30_000);

    // Told to wait for longer than anybody should, it refuses by itself.
    rig.script([Reply::json(429, &busy).with("retry-after", "600")]);
    read(rig.gateway.pass(ask()).await).await.unwrap();
    let refused = read(rig.gateway.pass(ask()).await).await.unwrap_err();
    assert_eq!((refused.kind, rig.sent()), (FailureKind::RateLimited, 3));
    assert!(refused.retry_after.unwrap() > Duration::from_secs(500));
    assert_eq!(rig.book.rows.lock().unwrap().len(), 4, "each has a row");
}

#[tokio::test(start_paused = true)]
async fn the_user_s_limits_and_the_breaker_hold_for_them_too() {
    let mut settings = Settings::default();
    settings.limits.profile = Rate { requests: 1, window: Duration::from_secs(1000), burst: 1 };
    let rig = Rig::new(settings);
    rig.script([Reply::json(200, &embeddings())]);
    let ask = || passage("openai", "text-embedding-3-small", "/embeddings", &json!({}));
    read(rig.gateway.pass(ask()).await).await.unwrap();
    assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap_err().kind, FailureKind::RateLimited);
    let lookup = Passage { method: Method::Get, path: "/models".to_owned(), ..ask() };
    assert_eq!(read(rig.gateway.pass(lookup).await).await.unwrap().0, 200, "looking is free");
    assert_eq!((rig.sent(), rig.book.rows.lock().unwrap().len()), (2, 2));

    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(500)]);
    for _ in 0..5 {
        assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap().0, 500);
    }
    assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap_err().kind, FailureKind::Unavailable);
    assert!(matches!(rig.gateway.health()[0].circuit, Circuit::Open { .. }));
    assert_eq!(rig.sent(), 5);
}

#[tokio::test(start_paused = true)]
async fn budgets_stop_what_could_pass_them() {
    let budget = |dollars| {
        let day = Some(Nanodollars::from_dollars(dollars));
        Settings { budget: Budget { day, ..Budget::default() }, ..Settings::default() }
    };
    // At most 32 768 tokens at $10 per million: $0.33.
    let table = [
        (0.40, "gpt-6.1-sol", json!({ "input": "x" }), true),
        (0.30, "gpt-6.1-sol", json!({ "input": "x" }), false),
        (0.30, "gpt-6.1-sol", json!({ "input": "x", "max_output_tokens": 1000 }), true),
        // Nobody knows the price: as dear as the dearest, $180 per million.
        (0.30, "brand-new", json!({ "input": "x", "max_output_tokens": 2000 }), false),
        (0.30, "brand-new", json!({ "input": "x", "max_output_tokens": 1000 }), true),
    ];
    for (dollars, model, body, is_allowed) in table {
        let rig = Rig::new(budget(dollars));
        rig.script([hello(Wire::OpenaiResponses, true)]);
        let outcome = read(rig.gateway.pass(passage("openai", model, "/responses", &body)).await).await;
        assert_eq!(outcome.is_ok(), is_allowed, "{dollars} {model} {body}: {outcome:?}");
        assert_eq!(rig.sent(), usize::from(is_allowed));
        let row = rig.last_row();
        if !is_allowed {
            assert_eq!(row.failure, Some(FailureKind::Budget));
        } else if model == "brand-new" {
            let most = Price::dollars(30.0, None, 180.0);
            let cost = most.cost(&Quantity::from(Tokens { input: 10, output: 5, ..Tokens::default() }));
            assert!(row.is_estimate && row.cost >= Some(cost) && row.list_cost.is_none(), "{row:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_answers_are_paid_for_each() {
    let day = Some(Nanodollars::from_dollars(0.05));
    let settings = Settings { budget: Budget { day, ..Budget::default() }, ..Settings::default() };
    let rig = Rig::new(settings);
    rig.script([hello(Wire::OpenaiChat, false)]);
    // 1000 tokens at $10 per million: a cent each.
    let completions = |answers: u64| json!({ "messages": "hi", "max_tokens": 1000, "n": answers });
    let google = |answers: u64| {
        let config = json!({ "maxOutputTokens": 1000, "candidateCount": answers });
        json!({ "contents": "hi", "generationConfig": config })
    };
    for (path, body, is_allowed) in [
        ("/chat/completions", completions(4), true),
        ("/chat/completions", completions(5), false),
        ("/models/gpt-6.1-sol:generateContent", google(4), true),
        ("/models/gpt-6.1-sol:generateContent", google(8), false),
    ] {
        let outcome = read(rig.gateway.pass(passage("openai", "gpt-6.1-sol", path, &body)).await).await;
        assert_eq!(outcome.is_ok(), is_allowed, "{body}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_texts_without_spaces_cannot_pass_a_budget_as_files() {
    let day = Some(Nanodollars::from_dollars(0.05));
    let rig = Rig::new(Settings { budget: Budget { day, ..Budget::default() }, ..Settings::default() });
    rig.script([hello(Wire::OpenaiResponses, true)]);
    // 60 000 tokens at $2 per million: $0.12.
    let chinese = "你好世界".repeat(15_000);
    let text = json!({ "input": chinese, "max_output_tokens": 100 });
    let failure = rig.gateway.pass(passage("openai", "gpt-6.1-sol", "/responses", &text)).await.err().unwrap();
    assert_eq!((failure.kind, rig.sent()), (FailureKind::Budget, 0));
    let picture = format!("data:image/png;base64,{}", "A".repeat(180_000));
    let picture = json!({ "input": [{ "type": "input_image", "image_url": picture }], "max_output_tokens": 100 });
    assert!(read(rig.gateway.pass(passage("openai", "gpt-6.1-sol", "/responses", &picture)).await).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_keeps_is_refused_with_a_budget_only() {
    let set = Budget { day: Some(Nanodollars::from_dollars(100.0)), ..Budget::default() };
    let base_urls = || [("ollama".into(), "http://127.0.0.1:1/v1".to_owned())].into();
    for (budget, provider, model, is_allowed) in [
        (set, "openai", "gpt-6.1-sol", false),
        (set, "openai", "", false),
        (set, "ollama", "llama", true),
        (Budget::default(), "openai", "gpt-6.1-sol", true),
    ] {
        let rig = Rig::new(Settings { budget, base_urls: base_urls(), ..Settings::default() });
        rig.script([hello(Wire::OpenaiResponses, true)]);
        for (name, value) in
            [("background", json!(true)), ("previous_response_id", json!("r_1")), ("conversation", json!("c_1"))]
        {
            let body = json!({ "input": "x", "max_output_tokens": 9, name: value });
            let outcome = read(rig.gateway.pass(passage(provider, model, "/responses", &body)).await).await;
            match outcome {
                Ok(_) => assert!(is_allowed, "{name}"),
                Err(failure) => {
                    assert_eq!((is_allowed, failure.kind), (false, FailureKind::Budget));
                    assert!(failure.message.contains(name), "{failure}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_or_never_ends_is_given_up() {
    let rig = Rig::new(Settings::default());
    let first = || Step::Bytes("data: {}\n\n".into());
    let flood = vec![Step::Bytes(vec![b'x'; 32 << 20].into()); 9];
    rig.script([
        Reply::steps(vec![first(), Step::Pause(Duration::from_secs(100_000)), first()]),
        Reply::steps(vec![Step::Pause(Duration::from_secs(100_000)), first()]),
        Reply::Silent,
        Reply::Body(200, vec![("content-type", "audio/mpeg".to_owned())], flood),
    ]);
    let ask = || passage("openai", "gpt-6.1-sol", "/responses", &json!({ "input": "x" }));
    for kind in [FailureKind::TimedOut, FailureKind::TimedOut, FailureKind::TimedOut, FailureKind::Broken] {
        assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap_err().kind, kind);
        assert_eq!((rig.last_row().outcome, rig.last_row().failure), (Outcome::Failed, Some(kind)));
        assert_eq!(rig.open_connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_told_as_one_and_leads_nowhere() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(302).with("location", "https://evil.example/")]);
    let ask = |method| Passage { method, ..passage("openai", "m", "/files/1/content", &json!({})) };
    for method in [Method::Get, Method::Post] {
        let failure = read(rig.gateway.pass(ask(method)).await).await.unwrap_err();
        assert_eq!((failure.kind, failure.status), (FailureKind::Address, Some(302)));
        assert!(failure.message.contains("another address"), "{failure}");
    }
    assert_eq!(rig.gateway.health()[0].failures, 0);
}

#[tokio::test(start_paused = true)]
async fn what_names_no_model_passes_until_a_budget_is_spent_and_one_s_own_server_is_never_stopped() {
    let day = Some(Nanodollars(1_000));
    let budget = Budget { day, ..Budget::default() };
    let base_urls = [("ollama".into(), "http://127.0.0.1:1/v1".to_owned())].into();
    let rig = Rig::new(Settings { budget, base_urls, ..Settings::default() });
    let answer = || hello(Wire::OpenaiResponses, true);
    rig.script([answer(), answer(), answer()]);
    let ask = |provider: &str, model: &str| passage(provider, model, "/responses", &json!({ "input": "x" }));
    assert!(read(rig.gateway.pass(ask("openai", "")).await).await.is_ok());
    rig.book.rows.lock().unwrap()[0].cost = day;
    assert_eq!(read(rig.gateway.pass(ask("openai", "")).await).await.unwrap_err().kind, FailureKind::Budget);
    for model in ["", "llama"] {
        assert!(read(rig.gateway.pass(ask("ollama", model)).await).await.is_ok(), "{model}");
    }
    assert_eq!(rig.sent(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_or_is_stopped_is_written_down_as_that() {
    let rig = Rig::new(Settings::default());
    let half = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half an ans\"}}]}\n\n";
    let start = || Step::Bytes(half.into());
    rig.script([
        Reply::steps(vec![start(), Step::Break]),
        Reply::steps(vec![start(), Step::Pause(Duration::from_secs(9))]),
    ]);
    let ask = || passage("openai", "gpt-6.1-sol", "/chat/completions", &json!({ "messages": "hello" }));
    assert_eq!(read(rig.gateway.pass(ask()).await).await.unwrap_err().kind, FailureKind::Broken);
    let row = rig.last_row();
    assert_eq!((row.outcome, row.tokens.output, row.is_estimate), (Outcome::Failed, 4, true));

    let mut stopped = rig.gateway.pass(ask()).await.unwrap();
    stopped.body.next().await.unwrap().unwrap();
    drop(stopped);
    let row = rig.last_row();
    assert_eq!((row.outcome, row.failure), (Outcome::Cancelled, Some(FailureKind::Cancelled)));
    assert!(row.is_estimate && row.cost > Some(Nanodollars::ZERO), "what came is paid for: {row:?}");
    assert_eq!(rig.open_connections(), 0);
}
