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

proptest! {
    #[test]
    fn text_is_the_same_however_it_is_split(text in "\\PC{1,40}", cuts in vec(0_usize..40, 0..5)) {
        let letters: Vec<char> = text.chars().collect();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(letters.len())).chain([0, letters.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<String> = cuts.windows(2).map(|cut| letters[cut[0]..cut[1]].iter().collect()).collect();
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
