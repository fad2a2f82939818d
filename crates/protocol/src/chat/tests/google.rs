//! Streams and bodies of Google's generateContent.

use super::*;

const WIRE: Wire = Wire::GoogleGenerate;

const EVENTS: [&str; 3] = [
    r#"{"candidates":[{"content":{"parts":[{"text":"Thinking","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":30,"thoughtsTokenCount":20},"modelVersion":"gemini-3.8-flash","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"Hel"},{"text":"lo","thoughtSignature":"abc"}],"role":"model"},"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://example.org","title":"E"}}]}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":2,"thoughtsTokenCount":20,"totalTokenCount":32},"modelVersion":"gemini-3.8-flash"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,"thoughtsTokenCount":20,"toolUsePromptTokenCount":5,"promptTokensDetails":[{"modality":"TEXT","tokenCount":7},{"modality":"AUDIO","tokenCount":3}],"totalTokenCount":38},"modelVersion":"gemini-3.8-flash"}"#,
];

fn expected() -> Told {
    Told {
        text: "Hello".to_owned(),
        reasoning: "Thinking".to_owned(),
        calls: Vec::new(),
        sources: vec![("https://example.org".to_owned(), "E".to_owned())],
        models: vec!["gemini-3.8-flash".to_owned()],
        tokens: Some(Tokens { input: 15, cached: 4, output: 23, reasoning: 20, input_audio: 3, ..Tokens::default() }),
        charged: None,
        finish: Some(Finish::Stop),
    }
}

#[test]
fn a_stream_is_understood() {
    assert_eq!(answer(WIRE, &EVENTS), expected());
}

#[test]
fn a_stream_as_an_array_says_the_same() {
    let (told, read) = whole(WIRE, &format!("[{}]", EVENTS.join(",")));
    read.unwrap();
    assert_eq!(told, expected());
}

#[test]
fn every_reason_to_stop_has_a_meaning() {
    let cases = [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("SAFETY", Finish::Filtered),
        ("RECITATION", Finish::Filtered),
        ("PROHIBITED_CONTENT", Finish::Filtered),
        ("MALFORMED_FUNCTION_CALL", Finish::Tool),
    ];
    for (reason, finish) in cases {
        let event = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
        assert_eq!(answer(WIRE, &[&event]).finish, Some(finish), "{reason}");
    }
    let call =
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]}"#;
    assert_eq!(answer(WIRE, &[call]).finish, Some(Finish::Tool));
}

#[test]
fn a_blocked_prompt_is_refused() {
    let event = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9},"modelVersion":"g"}"#;
    let (told, read) = stream(WIRE, &[event]);
    let failure = read.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Refused, Some("PROHIBITED_CONTENT")));
    assert_eq!(told.tokens.map(|tokens| tokens.input), Some(9));
}

#[test]
fn errors_and_cuts_are_told_apart() {
    let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    assert_eq!(stream(WIRE, &[EVENTS[0], error]).1.unwrap_err().kind, FailureKind::Unavailable);
    assert_eq!(whole(WIRE, &format!("[{error}]")).1.unwrap_err().kind, FailureKind::Unavailable);
    assert_eq!(stream(WIRE, &EVENTS[..2]).1.unwrap_err().kind, FailureKind::Broken);
}
