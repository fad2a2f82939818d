//! What holds for every stream, sensible or not.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const WIRES: [Wire; 4] = [Wire::OpenaiChat, Wire::OpenaiResponses, Wire::AnthropicMessages, Wire::GoogleGenerate];

/// A complete stream that says these pieces of text.
fn written(wire: Wire, pieces: &[String]) -> Vec<(&'static str, String)> {
    let says = |piece: &String| match wire {
        Wire::OpenaiChat => ("", json!({ "choices": [{ "index": 0, "delta": { "content": piece } }] })),
        Wire::OpenaiResponses => {
            ("response.output_text.delta", json!({ "type": "response.output_text.delta", "delta": piece }))
        }
        Wire::AnthropicMessages => (
            "content_block_delta",
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": piece } }),
        ),
        Wire::GoogleGenerate => ("", json!({ "candidates": [{ "content": { "parts": [{ "text": piece }] } }] })),
    };
    let end = match wire {
        Wire::OpenaiChat => ("", json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] })),
        Wire::OpenaiResponses => {
            let content = json!([{ "type": "output_text", "text": pieces.concat() }]);
            let response = json!({ "status": "completed", "output": [{ "type": "message", "content": content }] });
            ("response.completed", json!({ "type": "response.completed", "response": response }))
        }
        Wire::AnthropicMessages => {
            ("message_delta", json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } }))
        }
        Wire::GoogleGenerate => ("", json!({ "candidates": [{ "finishReason": "STOP" }] })),
    };
    pieces.iter().map(says).chain([end]).map(|(name, data)| (name, data.to_string())).collect()
}

/// JSON out of the words that the decoders look for.
fn nonsense() -> impl Strategy<Value = Value> {
    const KEYS: &[&str] = &[
        "choices",
        "delta",
        "message",
        "content",
        "finish_reason",
        "usage",
        "error",
        "errors",
        "type",
        "text",
        "code",
        "response",
        "output",
        "status",
        "item",
        "candidates",
        "parts",
        "promptFeedback",
        "blockReason",
        "details",
        "metadata",
        "raw",
        "detail",
        "internalCode",
        "cost",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "input_tokens",
        "cache_read_input_tokens",
        "thoughtsTokenCount",
        "tool_calls",
        "annotations",
        "citations",
        "x_groq",
        "retryDelay",
        "stop_reason",
        "finishReason",
        "usageMetadata",
        "thinking",
        "content_block",
        "function",
        "arguments",
        "index",
        "id",
        "name",
        "functionCall",
        "args",
        "thoughtSignature",
        "input",
        "partial_json",
        "call_id",
    ];
    const WORDS: &[&str] = &[
        "",
        "error",
        "stop",
        "STOP",
        "completed",
        "failed",
        "message_start",
        "message_delta",
        "content_block_delta",
        "content_block_start",
        "message_stop",
        "text_delta",
        "text",
        "message",
        "response.completed",
        "thinking",
        "response.failed",
        "search_results",
        "tool_use",
        "input_json_delta",
        "function_call",
        "response.output_item.done",
        "https://example.org",
        "99999999999h",
        "ä",
        "{\"raw\":\"{}\"}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let pair = (proptest::sample::select(KEYS), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(pair, 0..6).prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// Reads events whatever they hold, as far as they can be read, and checks what came out.
fn read(wire: Wire, events: &[(&str, String)]) -> (Told, Result<(), Failure>) {
    let mut decoder = Decoder::new(wire);
    let mut out = Vec::new();
    let read = events.iter().try_for_each(|(name, data)| decoder.event(name, data, &mut out));
    let read = read.and_then(|()| decoder.end(&mut out));
    for delta in &out {
        if let Delta::Usage(tokens) = delta {
            assert!(tokens.cached + tokens.cache_written <= tokens.input && tokens.reasoning <= tokens.output);
        }
    }
    let told = Told::new(out);
    assert_eq!(told.finish.is_some(), read.is_ok());
    assert!(told.calls.is_empty() || told.finish == Some(Finish::Tool));
    assert!(told.calls.iter().all(|call| ![&call.id, &call.name, &call.arguments].iter().any(|word| word.is_empty())));
    (told, read)
}

#[test]
fn after_a_failure_nothing_more_is_read() {
    for wire in WIRES {
        let mut decoder = Decoder::new(wire);
        let mut out = Vec::new();
        let failure = decoder.event("", r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#, &mut out);
        assert_eq!(failure.unwrap_err().kind, FailureKind::Unavailable);
        for (name, data) in written(wire, &["late".to_owned()]) {
            decoder.event(name, &data, &mut out).unwrap();
        }
        assert_eq!(decoder.end(&mut out).unwrap_err().kind, FailureKind::Broken);
        assert_eq!(out, []);
    }
}

/// A complete stream that calls `light` with these pieces of arguments.
fn called(wire: Wire, pieces: &[String]) -> Vec<(&'static str, String)> {
    let event = |kind: &'static str, rest: Value| {
        let mut event = rest;
        event["type"] = json!(kind);
        (kind, event)
    };
    let whole = pieces.concat();
    let events: Vec<(&'static str, Value)> = match wire {
        Wire::OpenaiChat => {
            let begin = json!([{ "index": 0, "id": "c1", "type": "function", "function": { "name": "light", "arguments": "" } }]);
            let more = |piece: &String| json!([{ "index": 0, "function": { "arguments": piece } }]);
            let chunk = |calls: Value| ("", json!({ "choices": [{ "delta": { "tool_calls": calls } }] }));
            let end = ("", json!({ "choices": [{ "delta": {}, "finish_reason": "tool_calls" }] }));
            [chunk(begin)].into_iter().chain(pieces.iter().map(|piece| chunk(more(piece)))).chain([end]).collect()
        }
        Wire::OpenaiResponses => {
            let item = |arguments: &str| json!({ "type": "function_call", "id": "fc1", "call_id": "c1", "name": "light", "arguments": arguments });
            let more = |piece: &String| {
                event("response.function_call_arguments.delta", json!({ "item_id": "fc1", "delta": piece }))
            };
            let response = json!({ "status": "completed", "output": [item(&whole)] });
            let begin = event("response.output_item.added", json!({ "item": item("") }));
            let ends = [
                event("response.output_item.done", json!({ "item": item(&whole) })),
                event("response.completed", json!({ "response": response })),
            ];
            [begin].into_iter().chain(pieces.iter().map(more)).chain(ends).collect()
        }
        Wire::AnthropicMessages => {
            let block = json!({ "type": "tool_use", "id": "c1", "name": "light", "input": {} });
            let more = |piece: &String| {
                event(
                    "content_block_delta",
                    json!({ "index": 1, "delta": { "type": "input_json_delta", "partial_json": piece } }),
                )
            };
            let begin = event("content_block_start", json!({ "index": 1, "content_block": block }));
            let end = event("message_delta", json!({ "delta": { "stop_reason": "tool_use" } }));
            [begin].into_iter().chain(pieces.iter().map(more)).chain([end]).collect()
        }
        // Never in pieces.
        Wire::GoogleGenerate => {
            let args: Value = serde_json::from_str(&whole).unwrap();
            let call = json!({ "functionCall": { "id": "c1", "name": "light", "args": args } });
            vec![("", json!({ "candidates": [{ "content": { "parts": [call] }, "finishReason": "STOP" }] }))]
        }
    };
    events.into_iter().map(|(name, data)| (name, data.to_string())).collect()
}

/// A text in pieces, some of them empty.
fn split(text: &str, mut cuts: Vec<usize>) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    cuts.extend([0, letters.len()]);
    cuts.iter_mut().for_each(|cut| *cut = (*cut).min(letters.len()));
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| letters[cut[0]..cut[1]].iter().collect()).collect()
}

proptest! {
    #[test]
    fn a_call_is_the_same_however_it_is_split(word in "[a-zä]{1,9}", cuts in vec(0_usize..30, 0..5)) {
        let arguments = json!({ "word": word }).to_string();
        let pieces = split(&arguments, cuts);
        for wire in WIRES {
            let (told, end) = read(wire, &called(wire, &pieces));
            let call = ToolCall { id: "c1".into(), name: "light".into(), arguments: arguments.clone(), seal: None };
            prop_assert_eq!((told.calls, told.finish, end), (vec![call], Some(Finish::Tool), Ok(())), "{:?}", wire);
        }
    }

    #[test]
    fn text_is_the_same_however_it_is_split(text in "\\PC{1,40}", cuts in vec(0_usize..40, 0..5)) {
        let pieces = split(&text, cuts);
        for wire in WIRES {
            let (told, end) = read(wire, &written(wire, &pieces));
            prop_assert_eq!(&told.text, &text);
            prop_assert_eq!(end, Ok(()));
        }
    }

    #[test]
    fn a_stream_that_is_cut_keeps_what_came_and_says_that_it_is_broken(pieces in vec("[a-zä]{1,5}", 1..6), cut in 0_usize..6) {
        let cut = cut.min(pieces.len());
        for wire in WIRES {
            let (told, end) = read(wire, &written(wire, &pieces)[..cut]);
            prop_assert_eq!(told.text, pieces[..cut].concat());
            prop_assert_eq!(end.unwrap_err().kind, FailureKind::Broken);
        }
    }

    #[test]
    fn an_event_that_is_cut_is_skipped(pieces in vec("[a-zä]{1,5}", 2..6), place in any::<prop::sample::Index>(), end in any::<prop::sample::Index>()) {
        let place = place.index(pieces.len());
        for wire in WIRES {
            let mut events = written(wire, &pieces);
            let data = &events[place].1;
            // Never the whole.
            let end = data.floor_char_boundary(end.index(data.len()));
            events[place].1.truncate(end);
            let told = read(wire, &events).0;
            let expected: String = pieces.iter().enumerate().filter(|(index, _)| *index != place).map(|(_, piece)| piece.as_str()).collect();
            prop_assert_eq!(told.text, expected);
        }
    }

    #[test]
    fn no_json_is_too_strange(events in vec((proptest::sample::select(&["", "error", "message_stop"][..]), nonsense()), 0..5)) {
        let events: Vec<_> = events.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        for wire in WIRES {
            let _ = read(wire, &events);
            for (_, body) in &events {
                let mut out = Vec::new();
                let whole = Decoder::new(wire).whole(&serde_json::from_str(body).unwrap(), &mut out);
                prop_assert_eq!(Told::new(out).finish.is_some(), whole.is_ok());
            }
        }
    }

    #[test]
    fn no_error_is_too_strange(status in 0_u16..700, body in nonsense(), name in "\\PC{0,20}", value in "\\PC{0,20}") {
        let names = ["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", &name];
        let headers: Vec<_> = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
        let failure = refusal(status, &headers, body.to_string().as_bytes());
        prop_assert!(!failure.message.is_empty() && failure.message.chars().count() <= 500);
        rate_limit(&headers);
    }

    #[test]
    fn no_bytes_are_too_strange(body in vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        refusal(500, &[], &body);
        refusal(500, &[], text.as_bytes());
        for wire in WIRES {
            let _ = read(wire, &[("", text.clone()), ("error", text.clone())]);
        }
    }
}
