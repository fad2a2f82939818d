//! Tools: how they are offered, called, and answered.

use serde_json::{Value, json};

use super::writing::{request, text};
use super::*;
use crate::Tool;

fn call(id: &str, arguments: &str, seal: Option<&str>) -> ToolCall {
    ToolCall { id: id.into(), name: "light".into(), arguments: arguments.into(), seal: seal.map(str::to_owned) }
}

fn output(id: &str, output: &str) -> Part {
    Part::Output { id: id.into(), name: "light".into(), output: output.into() }
}

/// A conversation in which two lights were switched, and one of them refused.
fn asked() -> Request {
    let parameters = json!({ "type": "object", "properties": { "on": { "type": "boolean" } } });
    let tool = Tool { name: "light".into(), description: "Switches a light.".into(), parameters };
    let mut calls = text(Speaker::Assistant, "One moment.");
    calls.parts.push(Part::Call(call("c1", r#"{"on":true}"#, None)));
    calls.parts.push(Part::Call(call("c2", "", None)));
    let outputs = Message { role: Speaker::User, parts: vec![output("c1", r#"{"ok":true}"#), output("c2", "broken")] };
    let messages = vec![text(Speaker::User, "Light!"), calls, outputs];
    Request { messages, temperature: None, max_output: None, effort: None, tools: vec![tool], ..request() }
}

fn body(wire: Wire, request: &Request) -> Value {
    write(wire, Dialect::default(), request, false).body
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "on": { "type": "boolean" } } })
}

#[test]
fn chat_completions_have_a_message_for_each_output() {
    let body = body(Wire::OpenaiChat, &asked());
    let function = json!({ "name": "light", "description": "Switches a light.", "parameters": schema() });
    assert_eq!(body["tools"], json!([{ "type": "function", "function": function }]));
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "light", "arguments": arguments } });
    let expected = json!([
        { "role": "user", "content": "Light!" },
        { "role": "assistant", "content": "One moment.", "tool_calls": [call("c1", r#"{"on":true}"#), call("c2", "")] },
        { "role": "tool", "tool_call_id": "c1", "content": r#"{"ok":true}"# },
        { "role": "tool", "tool_call_id": "c2", "content": "broken" },
    ]);
    assert_eq!(body["messages"], expected);
    let mut wordless = asked();
    wordless.messages[1].parts.remove(0);
    assert_eq!(self::body(Wire::OpenaiChat, &wordless)["messages"][1]["content"], Value::Null);
}

#[test]
fn responses_have_items_of_their_own() {
    let body = body(Wire::OpenaiResponses, &asked());
    let tool =
        json!({ "type": "function", "name": "light", "description": "Switches a light.", "parameters": schema() });
    assert_eq!(body["tools"], json!([tool]));
    let expected = json!([
        { "type": "message", "role": "user", "content": "Light!" },
        { "type": "message", "role": "assistant", "content": "One moment." },
        { "type": "function_call", "call_id": "c1", "name": "light", "arguments": r#"{"on":true}"# },
        { "type": "function_call", "call_id": "c2", "name": "light", "arguments": "" },
        { "type": "function_call_output", "call_id": "c1", "output": r#"{"ok":true}"# },
        { "type": "function_call_output", "call_id": "c2", "output": "broken" },
    ]);
    assert_eq!(body["input"], expected);
    let searching = Dialect { web_search: true, ..Dialect::default() };
    let tools = write(Wire::OpenaiResponses, searching, &asked(), false).body["tools"].clone();
    assert_eq!(tools, json!([{ "type": "web_search" }, tool]));
}

#[test]
fn anthropic_messages_have_blocks() {
    let body = body(Wire::AnthropicMessages, &asked());
    let tool = json!({ "name": "light", "description": "Switches a light.", "input_schema": schema() });
    assert_eq!(body["tools"], json!([tool]));
    let expected = json!([
        { "role": "user", "content": "Light!" },
        { "role": "assistant", "content": [
            { "type": "text", "text": "One moment." },
            { "type": "tool_use", "id": "c1", "name": "light", "input": { "on": true } },
            { "type": "tool_use", "id": "c2", "name": "light", "input": {} },
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "c1", "content": r#"{"ok":true}"# },
            { "type": "tool_result", "tool_use_id": "c2", "content": "broken" },
        ] },
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn google_has_parts_and_wants_its_signature_again() {
    let body = body(Wire::GoogleGenerate, &asked());
    let tool = json!({ "name": "light", "description": "Switches a light.", "parameters": schema() });
    assert_eq!(body["tools"], json!([{ "functionDeclarations": [tool] }]));
    let expected = json!([
        { "role": "user", "parts": [{ "text": "Light!" }] },
        { "role": "model", "parts": [
            { "text": "One moment." },
            { "functionCall": { "name": "light", "args": { "on": true } }, "thoughtSignature": "skip_thought_signature_validator" },
            { "functionCall": { "name": "light", "args": {} } },
        ] },
        { "role": "user", "parts": [
            { "functionResponse": { "name": "light", "response": { "ok": true } } },
            { "functionResponse": { "name": "light", "response": { "output": "broken" } } },
        ] },
    ]);
    assert_eq!(body["contents"], expected);
    let mut sealed = asked();
    sealed.messages[1].parts[1] = Part::Call(call("c1", "{}", Some("c2VhbA==")));
    let parts = self::body(Wire::GoogleGenerate, &sealed)["contents"][1]["parts"].clone();
    assert_eq!((&parts[1]["thoughtSignature"], parts[2].get("thoughtSignature")), (&json!("c2VhbA=="), None));
}

#[test]
fn who_offers_nothing_sends_nothing() {
    let plain = Request { tools: Vec::new(), messages: vec![text(Speaker::User, "Hi")], ..asked() };
    for wire in [Wire::OpenaiChat, Wire::OpenaiResponses, Wire::AnthropicMessages, Wire::GoogleGenerate] {
        assert_eq!(body(wire, &plain).get("tools"), None, "{wire:?}");
    }
}

#[test]
fn calls_side_by_side_are_told_in_their_order() {
    let told = answer(
        Wire::OpenaiChat,
        &[
            r#"{"choices":[{"delta":{"content":"One moment."}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"light","arguments":"{\"on\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"light"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"true}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            "[DONE]",
        ],
    );
    assert_eq!(told.calls, [call("c1", r#"{"on":true}"#, None), call("c2", "{}", None)]);
    assert_eq!((told.text.as_str(), told.finish), ("One moment.", Some(Finish::Tool)));
}

#[test]
fn servers_that_do_not_count_are_understood() {
    // Whole calls, all at the same place, with arguments as objects, and an end that says nothing of them.
    let told = answer(
        Wire::OpenaiChat,
        &[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"light","arguments":{"on":true}}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"light","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        ],
    );
    assert_eq!(told.calls, [call("a", r#"{"on":true}"#, None), call("b", "{}", None)]);
    let (told, read) = whole(
        Wire::OpenaiChat,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"light","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
    );
    read.unwrap();
    assert_eq!(told.calls, [call("call_0", "{}", None)], "a name is made up");
}

#[test]
fn where_nothing_is_numbered_each_name_begins_a_call() {
    let told = answer(
        Wire::OpenaiChat,
        &[
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"light","arguments":"{\"on\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"true}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"light","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"light","arguments":"{\"on\":"}},{"function":{"name":"light"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        ],
    );
    let expected = [r#"{"on":true}"#, "{}", r#"{"on":1}"#, "{}"];
    let expected = expected.iter().enumerate().map(|(at, arguments)| call(&format!("call_{at}"), arguments, None));
    assert_eq!(told.calls, expected.collect::<Vec<_>>());
}

#[test]
fn whole_answers_call_too() {
    let cases = [
        (
            Wire::OpenaiResponses,
            r#"{"status":"completed","output":[{"type":"function_call","call_id":"c1","name":"light","arguments":"{\"on\":true}"}]}"#,
        ),
        (
            Wire::AnthropicMessages,
            r#"{"content":[{"type":"text","text":"So."},{"type":"tool_use","id":"c1","name":"light","input":{"on":true}}],"stop_reason":"tool_use"}"#,
        ),
        (
            Wire::GoogleGenerate,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"light","args":{"on":true}}}]},"finishReason":"STOP"}]}"#,
        ),
    ];
    for (wire, body) in cases {
        let (told, read) = whole(wire, body);
        read.unwrap();
        assert_eq!(
            (told.calls, told.finish),
            (vec![call("c1", r#"{"on":true}"#, None)], Some(Finish::Tool)),
            "{wire:?}"
        );
    }
}

#[test]
fn a_signature_is_kept_with_its_call() {
    let told = answer(
        Wire::GoogleGenerate,
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"light","args":{"on":true}},"thoughtSignature":"c2VhbA=="},{"functionCall":{"name":"light"}}]},"finishReason":"STOP"}]}"#,
        ],
    );
    assert_eq!(told.calls, [call("call_0", r#"{"on":true}"#, Some("c2VhbA==")), call("call_1", "{}", None)]);
}

#[test]
fn a_call_that_is_cut_off_is_none() {
    let begun = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"light","arguments":"{\"on\":"}}]}}]}"#;
    let told = answer(Wire::OpenaiChat, &[begun, r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#]);
    assert_eq!((told.calls, told.finish), (Vec::new(), Some(Finish::Length)));
    let (told, read) = stream(Wire::OpenaiChat, &[begun]);
    assert_eq!((told.calls.len(), read.unwrap_err().kind), (0, FailureKind::Broken));
}

#[test]
fn endless_arguments_do_not_fill_the_memory() {
    let mut decoder = Decoder::new(Wire::OpenaiChat);
    let mut out = Vec::new();
    let more = format!(
        r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"light","arguments":"{}"}}}}]}}}}]}}"#,
        "x".repeat(1 << 16)
    );
    for _ in 0..100 {
        decoder.event("", &more, &mut out).unwrap();
    }
    for index in 0..1_000 {
        let call = format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"id":"n{index}","function":{{"name":"light"}}}}]}}}}]}}"#
        );
        decoder.event("", &call, &mut out).unwrap();
    }
    decoder.event("", r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#, &mut out).unwrap();
    decoder.end(&mut out).unwrap();
    let told = Told::new(out);
    assert_eq!(told.calls.len(), 64);
    assert!(told.calls[0].arguments.len() <= 1 << 20);
}
