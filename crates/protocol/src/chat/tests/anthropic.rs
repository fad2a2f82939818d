//! Streams and bodies of Anthropic's messages.

use super::*;

const WIRE: Wire = Wire::AnthropicMessages;

#[test]
fn a_stream_is_understood() {
    let told = answer(
        WIRE,
        &[
            r#"message_start|{"type":"message_start","message":{"id":"msg","model":"claude-sonnet-5-5","content":[],"stop_reason":null,"usage":{"input_tokens":20,"cache_creation_input_tokens":100,"cache_read_input_tokens":3000,"output_tokens":1}}}"#,
            r#"content_block_start|{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"ping|{"type":"ping"}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
            r#"content_block_stop|{"type":"content_block_stop","index":0}"#,
            r#"content_block_start|{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello "}}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://example.org","title":"E","cited_text":"…"}}}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"there"}}"#,
            r#"content_block_delta|{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"message_delta|{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":null,"output_tokens":42}}"#,
            r#"message_stop|{"type":"message_stop"}"#,
        ],
    );
    let expected = Told {
        text: "Hello there".to_owned(),
        reasoning: "Hm.".to_owned(),
        calls: Vec::new(),
        sources: vec![("https://example.org".to_owned(), "E".to_owned())],
        models: vec!["claude-sonnet-5-5".to_owned()],
        tokens: Some(Tokens { input: 3120, cached: 3000, cache_written: 100, output: 42, ..Tokens::default() }),
        charged: None,
        finish: Some(Finish::Stop),
    };
    assert_eq!(told, expected);
}

#[test]
fn usage_at_the_end_replaces_what_was_said_at_the_start() {
    let told = answer(
        WIRE,
        &[
            r#"{"type":"message_start","message":{"usage":{"input_tokens":20,"cache_read_input_tokens":5,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"input_tokens":30,"cache_read_input_tokens":6,"output_tokens":8}}"#,
        ],
    );
    assert_eq!(told.tokens, Some(Tokens { input: 36, cached: 6, output: 8, ..Tokens::default() }));
}

#[test]
fn every_reason_to_stop_has_a_meaning() {
    let cases = [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("pause_turn", Finish::Length),
        ("tool_use", Finish::Tool),
        ("refusal", Finish::Filtered),
        ("something_new", Finish::Stop),
    ];
    for (reason, finish) in cases {
        let event = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        assert_eq!(answer(WIRE, &[&event, r#"{"type":"message_stop"}"#]).finish, Some(finish), "{reason}");
    }
}

#[test]
fn a_stream_without_its_end_is_broken() {
    let event = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#;
    let (told, read) = stream(WIRE, &[event]);
    assert_eq!((told.text.as_str(), read.unwrap_err().kind), ("Hi", FailureKind::Broken));
}

#[test]
fn an_error_after_200_is_a_failure() {
    let event =
        r#"error|{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req"}"#;
    let failure = stream(WIRE, &[event]).1.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Unavailable, Some("overloaded_error")));
    assert_eq!(failure.message, "Overloaded");
}

#[test]
fn a_whole_body_is_understood() {
    let (told, read) = whole(
        WIRE,
        r#"{"type":"message","model":"claude-haiku-5-5","content":[{"type":"thinking","thinking":"Hm"},{"type":"text","text":"Hi","citations":[{"url":"https://example.org","title":"E"}]},{"type":"tool_use","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":2}}"#,
    );
    read.unwrap();
    assert_eq!((told.text.as_str(), told.reasoning.as_str()), ("Hi", "Hm"));
    assert_eq!((told.sources.len(), told.finish), (1, Some(Finish::Tool)));
}
