//! Streams and bodies of chat completions.

use super::*;

const WIRE: Wire = Wire::OpenaiChat;

/// One stream and what it tells.
struct Recording {
    of: &'static str,
    events: &'static [&'static str],
    told: Told,
}

#[test]
fn every_provider_is_understood() {
    for Recording { of, events, told } in recordings() {
        assert_eq!(answer(WIRE, events), told, "{of}");
    }
}

fn recordings() -> Vec<Recording> {
    vec![
        Recording {
            of: "OpenAI",
            events: &[
                r#"{"id":"c","object":"chat.completion.chunk","model":"gpt-5.4-mini-2026-03-01","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null,"obfuscation":"aX9"}"#,
                r#"{"model":"gpt-5.4-mini-2026-03-01","choices":[{"index":0,"delta":{"content":"Good "},"finish_reason":null}],"usage":null}"#,
                r#"{"model":"gpt-5.4-mini-2026-03-01","choices":[{"index":0,"delta":{"content":"day"},"finish_reason":null}],"usage":null}"#,
                r#"{"model":"gpt-5.4-mini-2026-03-01","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
                r#"{"model":"gpt-5.4-mini-2026-03-01","choices":[],"usage":{"prompt_tokens":1200,"completion_tokens":30,"total_tokens":1230,"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":3},"completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":0}}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "Good day".to_owned(),
                models: vec!["gpt-5.4-mini-2026-03-01".to_owned()],
                tokens: Some(Tokens {
                    input: 1200,
                    cached: 1024,
                    output: 30,
                    reasoning: 20,
                    input_audio: 3,
                    ..Tokens::default()
                }),
                finish: Some(Finish::Stop),
                ..Told::default()
            },
        },
        Recording {
            of: "DeepSeek",
            events: &[
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Let me "},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"see."},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"4","reasoning_content":null},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":12,"total_tokens":112,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,"completion_tokens_details":{"reasoning_tokens":10}}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "4".to_owned(),
                reasoning: "Let me see.".to_owned(),
                calls: Vec::new(),
                tokens: Some(Tokens { input: 100, cached: 64, output: 12, reasoning: 10, ..Tokens::default() }),
                finish: Some(Finish::Stop),
                ..Told::default()
            },
        },
        Recording {
            of: "Groq",
            events: &[
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}],"x_groq":{"id":"req_1"}}"#,
                r#"{"choices":[{"index":0,"delta":{"reasoning":"Hm.","channel":"analysis"},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"Yes"},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.1,"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "Yes".to_owned(),
                reasoning: "Hm.".to_owned(),
                calls: Vec::new(),
                tokens: Some(Tokens { input: 7, output: 3, ..Tokens::default() }),
                finish: Some(Finish::Length),
                ..Told::default()
            },
        },
        Recording {
            of: "OpenRouter",
            events: &[
                r#"{"provider":"Novita","model":"qwen/qwen3.8-27b","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"So","reasoning_details":[{"type":"reasoning.text","text":"So"}]},"finish_reason":null}]}"#,
                r#"{"model":"qwen/qwen3.8-27b","choices":[{"index":0,"delta":{"content":"Hi","annotations":[{"type":"url_citation","url_citation":{"url":"https://example.org/a","title":"A","start_index":0}}]},"finish_reason":null}]}"#,
                r#"{"model":"qwen/qwen3.8-27b","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop","native_finish_reason":"eos"}]}"#,
                r#"{"model":"qwen/qwen3.8-27b","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"cost":0.00001234,"cost_details":{"upstream_inference_cost":null},"prompt_tokens_details":{"cached_tokens":0}}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "Hi".to_owned(),
                reasoning: "So".to_owned(),
                calls: Vec::new(),
                sources: vec![("https://example.org/a".to_owned(), "A".to_owned())],
                models: vec!["qwen/qwen3.8-27b".to_owned()],
                tokens: Some(Tokens { input: 10, output: 2, ..Tokens::default() }),
                charged: Some(12_340),
                finish: Some(Finish::Stop),
            },
        },
        Recording {
            of: "Mistral",
            events: &[
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"Think"}]}]},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Bon"},{"type":"text","text":"jour"}]},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"model_length"}],"usage":{"prompt_tokens":5,"total_tokens":9,"completion_tokens":4}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "Bonjour!".to_owned(),
                reasoning: "Think".to_owned(),
                calls: Vec::new(),
                tokens: Some(Tokens { input: 5, output: 4, ..Tokens::default() }),
                finish: Some(Finish::Length),
                ..Told::default()
            },
        },
        Recording {
            of: "xAI, whose completion tokens leave the reasoning out",
            events: &[
                r#"{"model":"grok-4.7","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Well"}}]}"#,
                r#"{"model":"grok-4.7","choices":[{"index":0,"delta":{"content":"Ok"}}]}"#,
                r#"{"model":"grok-4.7","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"model":"grok-4.7","choices":[],"usage":{"prompt_tokens":50,"completion_tokens":9,"total_tokens":359,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":300},"cost_in_usd_ticks":37756000},"citations":["https://x.ai/","https://x.ai/","javascript:alert(1)"]}"#,
                "[DONE]",
            ],
            told: Told {
                text: "Ok".to_owned(),
                reasoning: "Well".to_owned(),
                calls: Vec::new(),
                sources: vec![("https://x.ai/".to_owned(), String::new())],
                models: vec!["grok-4.7".to_owned()],
                tokens: Some(Tokens { input: 50, cached: 40, output: 309, reasoning: 300, ..Tokens::default() }),
                charged: Some(3_775_600),
                finish: Some(Finish::Stop),
            },
        },
        Recording {
            of: "Google's chat form, usage on every chunk, thoughts only in the total",
            events: &[
                r#"{"choices":[{"delta":{"content":"A"},"index":0}],"usage":{"prompt_tokens":8,"completion_tokens":1,"total_tokens":29}}"#,
                r#"{"choices":[{"delta":{"content":"B"},"finish_reason":"stop","index":0}],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":30}}"#,
                "[DONE]",
            ],
            told: Told {
                text: "AB".to_owned(),
                tokens: Some(Tokens { input: 8, output: 22, reasoning: 20, ..Tokens::default() }),
                finish: Some(Finish::Stop),
                ..Told::default()
            },
        },
        Recording {
            of: "a small server without an end mark, and with sources",
            events: &[
                r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"citations":["https://a.example/"],"search_results":[{"title":"First","url":"https://a.example/","date":"2026-01-01"}],"timings":{}}"#,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            ],
            told: Told {
                text: "Hi".to_owned(),
                sources: vec![("https://a.example/".to_owned(), "First".to_owned())],
                finish: Some(Finish::Stop),
                ..Told::default()
            },
        },
    ]
}

#[test]
fn a_tool_call_is_noted_however_it_is_told() {
    let pieces = [
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}}]},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ];
    assert_eq!(answer(WIRE, &pieces).finish, Some(Finish::Tool));
    let unsaid = [r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}}]},"finish_reason":"stop"}]}"#];
    assert_eq!(answer(WIRE, &unsaid).finish, Some(Finish::Tool));
}

#[test]
fn a_stream_without_a_reason_to_end_is_complete_only_with_its_end_mark() {
    let chunk = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    assert_eq!(answer(WIRE, &[chunk, "[DONE]"]).finish, Some(Finish::Stop));
    for events in [&[chunk][..], &["[DONE]"], &[]] {
        let (told, read) = stream(WIRE, events);
        assert_eq!(read.unwrap_err().kind, FailureKind::Broken);
        assert_eq!(told.finish, None);
    }
}

#[test]
fn nonsense_between_the_chunks_is_skipped() {
    let events = [
        r#"{"choices":[{"delta":{"content":"Hi"}}]}"#,
        "{",
        "",
        "null",
        "17",
        r#"{"choices":null}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":{"delta":1}}"#,
        r#"{"choices":[{"delta":{"content":{"a":1},"tool_calls":null},"finish_reason":"stop"}]}"#,
        "[DONE]",
        r#"{"choices":[{"delta":{"content":"late"}}]}"#,
    ];
    assert_eq!(answer(WIRE, &events).text, "Hi");
}

#[test]
fn an_error_in_the_stream_is_a_failure_and_keeps_what_came() {
    let cases = [
        (
            r#"{"error":{"code":502,"message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            FailureKind::Unavailable,
        ),
        (
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"code":429,"message":"Slow down"}}]}"#,
            FailureKind::RateLimited,
        ),
        (r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#, FailureKind::Unavailable),
        (
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#,
            FailureKind::Unavailable,
        ),
        (
            r#"{"error":{"message":"That model is overloaded","type":"server_error","code":null}}"#,
            FailureKind::Unavailable,
        ),
        (r#"{"x_groq":{"id":"req","error":"over capacity"},"choices":[]}"#, FailureKind::Unavailable),
        (r#"{"error":"something"}"#, FailureKind::Unavailable),
        (
            r#"[{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}]"#,
            FailureKind::RateLimited,
        ),
        ("error|{\"message\":\"no\",\"type\":\"invalid_request_error\"}", FailureKind::Invalid),
        ("error|upstream is overloaded", FailureKind::Unavailable),
    ];
    for (event, kind) in cases {
        let (told, read) = stream(WIRE, &[r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, event]);
        assert_eq!(read.unwrap_err().kind, kind, "{event}");
        assert_eq!((told.text.as_str(), told.finish), ("Hi", None), "{event}");
    }
}

#[test]
fn a_whole_body_says_the_same_as_a_stream() {
    let (told, read) = whole(
        WIRE,
        r#"{"object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning":"Hm","refusal":null},"finish_reason":"content_filter"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#,
    );
    read.unwrap();
    assert_eq!((told.text.as_str(), told.reasoning.as_str()), ("Hi", "Hm"));
    assert_eq!((told.finish, told.tokens.map(|tokens| tokens.input)), (Some(Finish::Filtered), Some(2)));

    let (told, read) =
        whole(WIRE, r#"{"choices":[{"message":{"content":null,"refusal":"I can't."},"finish_reason":"stop"}]}"#);
    read.unwrap();
    assert_eq!((told.text.as_str(), told.finish), ("I can't.", Some(Finish::Filtered)));

    for (body, kind) in [
        (r#"{"error":{"message":"No such model","code":"model_not_found"}}"#, FailureKind::Model),
        (r#"{"hello":1}"#, FailureKind::Broken),
        ("[]", FailureKind::Broken),
    ] {
        assert_eq!(whole(WIRE, body).1.unwrap_err().kind, kind, "{body}");
    }
}
