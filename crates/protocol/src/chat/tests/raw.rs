//! Requests of other programs: what is written into them, and that answers stay as they are.

use serde_json::json;

use super::writing::request;
use super::*;

fn asked(body: serde_json::Value) -> Request {
    Request { messages: Vec::new(), raw: Some(Raw { body, beyond: "tools".into() }), max_output: None, ..request() }
}

#[test]
fn a_request_keeps_all_but_model_limit_and_usage() {
    let tools = json!([{ "type": "function", "function": { "name": "light", "strict": true } }]);
    let body = json!({ "model": "alias", "messages": [{ "role": "user", "content": "x", "odd": 1 }], "tools": tools,
        "stream": true, "stream_options": { "include_obfuscation": false }, "max_tokens": 9, "seed": 7 });
    let dialect = Dialect { max_completion_tokens: true, stream_options: true, ..Dialect::default() };
    let mut expected = body.clone();
    expected["model"] = json!("m-1");
    expected["stream_options"]["include_usage"] = json!(true);
    let call = write(Wire::OpenaiChat, dialect, &asked(body.clone()), true);
    assert_eq!((call.path.as_str(), &call.body), ("/chat/completions", &expected));
    let shorter = Request { max_output: Some(5), ..asked(body.clone()) };
    let written = write(Wire::OpenaiChat, dialect, &shorter, true).body;
    assert_eq!((&written["max_tokens"], &written["max_completion_tokens"]), (&json!(null), &json!(5)));
    let plain = write(Wire::OpenaiChat, Dialect::default(), &shorter, false).body;
    assert_eq!((&plain["max_tokens"], &plain["stream_options"]), (&json!(5), &body["stream_options"]));
}

#[test]
fn what_it_needs_is_seen() {
    let raw = |body| Raw { body, beyond: String::new() };
    let picture = json!({ "type": "image_url", "image_url": { "url": "https://x.test/a.png" } });
    assert!(raw(json!({ "messages": [{ "role": "user", "content": [picture] }] })).has_image());
    assert!(!raw(json!({ "messages": [{ "role": "user", "content": "image_url" }] })).has_image());
}

#[test]
fn a_stream_is_told_as_it_is_with_what_it_took() {
    let chunks = [
        r#"{"model":"m-2","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":{"content":[]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"lo"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"light","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
    ];
    let mut decoder = Decoder::raw();
    let mut out = Vec::new();
    for chunk in chunks.iter().chain(&["[DONE]"]) {
        decoder.event("", chunk, &mut out).unwrap();
    }
    decoder.end(&mut out).unwrap();
    let (raw, rest): (Vec<Delta>, Vec<Delta>) = out.into_iter().partition(|delta| matches!(delta, Delta::Raw { .. }));
    let said = [0, 3, 2, 6, 1, 0];
    let told = chunks.into_iter().zip(said).map(|(data, said)| Delta::Raw { data: data.to_owned(), said });
    assert_eq!(raw, told.collect::<Vec<_>>());
    let tokens = Tokens { input: 7, output: 3, ..Tokens::default() };
    assert_eq!(rest, [Delta::Model("m-2".into()), Delta::Usage(tokens), Delta::Finished(Finish::Tool)]);
}

#[test]
fn a_body_is_told_whole_and_a_failure_inside_is_one() {
    let body = json!({ "model": "m", "choices": [{ "message": { "content": "Hi\nyou" }, "finish_reason": "stop" },
        { "message": { "content": "Ho" }, "finish_reason": "stop" }] });
    let mut out = Vec::new();
    Decoder::raw().whole(&body, &mut out).unwrap();
    assert_eq!(out.first(), Some(&Delta::Raw { data: body.to_string(), said: 8 }));
    assert_eq!(out.last(), Some(&Delta::Finished(Finish::Stop)));
    let failure = Decoder::raw().event("", r#"{"error":{"message":"no","code":503}}"#, &mut Vec::new()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    // Broken into lines it would end early.
    let mut out = Vec::new();
    Decoder::raw().event("", "{\"choices\":\n[]}", &mut out).unwrap();
    assert_eq!(out, [Delta::Raw { data: r#"{"choices":[]}"#.into(), said: 0 }]);
}
