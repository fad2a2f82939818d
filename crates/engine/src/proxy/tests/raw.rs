//! Requests with more in them than every wire has words for.

use emulator::chat::Finish;

use super::*;

fn tools() -> Value {
    json!([{ "type": "function", "function": { "name": "light", "parameters": { "type": "object" } } }])
}

fn calling() -> Answer {
    Answer { finish: Finish::Tool, tools: vec![("light".into(), r#"{"on":true}"#.into())], ..Answer::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_go_along_the_chain_and_come_back_as_the_provider_wrote_them() {
    let fault = Fault::new(FaultKind::Overloaded).at("groq");
    let script = Script::default().fault(fault).answer(calling()).answer(calling());
    // The second has no words for tools in a chat request; the third answers.
    let fallback = json!([{ "provider": "anthropic", "model": "claude-sonnet-5-5" },
        { "provider": "openai", "model": "gpt-6.1-sol" }]);
    let rig = Rig::with(script, &json!({ "chat": { "fallback": fallback } })).await;
    let asked = json!({ "model": "default", "messages": [{ "role": "user", "content": "Light!" }], "tools": tools() });
    let (status, body) = rig.post("/v1/chat/completions", asked.clone()).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "light", "{body}");
    assert_eq!(choice["finish_reason"], "tool_calls", "{body}");
    let mut streamed = asked;
    streamed["stream"] = json!(true);
    let (status, body) = rig.post("/v1/chat/completions", streamed).await;
    let events: Vec<&str> = body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!((status, events.last()), (200, Some(&"[DONE]")), "{body}");
    assert_eq!(body.matches("[DONE]").count(), 1);
    assert!(body.contains("\"light\"") && body.contains("tool_calls"), "{body}");
    assert!(!body.contains("\"usage\":{"), "nobody asked for it: {body}");
    let record = rig.fakes.record();
    assert!(record.violations.is_empty(), "{:?}", record.violations);
    assert_eq!((record.count("anthropic"), record.count("openai")), (0, 2));
    assert!(record.of("openai").all(|request| request.body["model"] == "gpt-6.1-sol"));
    let usage = rows(&rig, 2).await;
    assert!(usage.tokens.input > 0 && usage.unpriced == 0 && usage.estimated == 0, "counted, not guessed: {usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_tool_is_told_in_the_next_request() {
    let rig = Rig::new(Script::default().answer(Answer::say("It is on."))).await;
    let call = json!({ "id": "c1", "type": "function", "function": { "name": "light", "arguments": "{}" } });
    let messages = json!([{ "role": "user", "content": "Light!" }, { "role": "assistant", "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c1", "content": "done" }]);
    let asked = |model: &str| json!({ "model": model, "messages": messages });
    let (status, body) = rig.post("/v1/chat/completions", asked("groq/fake-model")).await;
    assert_eq!((status, body.contains("It is on.")), (200, true), "{body}");
    assert_eq!(rig.fakes.record().requests[0].body["messages"], messages);
    for (model, name) in [("anthropic/claude-sonnet-5-5", "Anthropic"), ("practice", "The practice partner")] {
        let (status, body) = rig.post("/v1/chat/completions", asked(model)).await;
        assert_eq!(status, 400, "{body}");
        assert!(
            body.contains(&format!("{name} does not understand tool_calls of a message in a chat request.")),
            "{body}"
        );
    }
    assert_eq!(rig.fakes.record().requests.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_request_goes_on_at_the_gateway() {
    let rig = Rig::with(Script::default(), &json!({ "chat": { "way": "gateway" } })).await;
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    for (path, asked) in [
        ("/v1/chat/completions", question(&json!({}))),
        ("/v1/ask", json!({ "prompt": "hello", "provider": "groq", "model": "fake-model" })),
        ("/v1/responses", json!({ "model": "openai/gpt-6.1-sol", "input": "hello" })),
    ] {
        let mut headers = rig.bearer();
        headers.push(("traceparent", format!("00-{trace}-{span}-01")));
        let (status, body) = rig.send(Method::Post, path, headers, &asked).await;
        assert_eq!(status, 200, "{path}: {body}");
        let seen = rig.fakes.record().requests.pop().unwrap();
        assert_eq!(seen.header("cf-aig-otel-trace-id"), Some(trace), "{path}");
        assert_eq!(seen.header("cf-aig-otel-parent-span-id"), Some(span), "{path}");
    }
    assert!(rig.fakes.record().violations.is_empty(), "{:?}", rig.fakes.record().violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_tools_is_kept_only_if_the_request_says_so() {
    let rig = Rig::with(Script::default(), &json!({ "cache": { "even_random": true } })).await;
    let seeded = question(&json!({ "seed": 7 }));
    let tooled = question(&json!({ "temperature": 0, "tools": tools() }));
    let table = [
        (&seeded, "", 1),
        (&seeded, "", 1),
        (&seeded, "off", 2),
        (&tooled, "", 3),
        (&tooled, "", 4),
        (&tooled, "on", 5),
        (&tooled, "on", 5),
    ];
    for (asked, cache, sent) in table {
        let mut headers = rig.bearer();
        headers.extend((!cache.is_empty()).then(|| ("x-sidetone-cache", cache.to_owned())));
        let (status, body) = rig.send(Method::Post, "/v1/chat/completions", headers, asked).await;
        assert_eq!((status, rig.fakes.record().requests.len()), (200, sent), "{asked} {cache}: {body}");
    }
}
