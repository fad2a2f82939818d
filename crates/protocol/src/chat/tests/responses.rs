//! Streams and bodies of the Responses form.

use super::*;

const WIRE: Wire = Wire::OpenaiResponses;

#[test]
fn openai_is_understood() {
    let told = answer(
        WIRE,
        &[
            r#"{"type":"response.created","response":{"id":"r","model":"gpt-6-luna","status":"in_progress","output":[],"error":null,"usage":null}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.reasoning_summary_part.added","summary_index":0}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"First."}"#,
            r#"{"type":"response.reasoning_summary_part.added","summary_index":1}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"Second."}"#,
            r#"{"type":"response.output_text.delta","delta":"Hel","logprobs":[]}"#,
            r#"{"type":"response.output_text.delta","delta":"lo"}"#,
            r#"{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation","url":"https://example.org","title":"E"}}"#,
            r#"{"type":"response.output_text.done","text":"Hello"}"#,
            r#"{"type":"response.completed","response":{"model":"gpt-6-luna","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","url":"https://example.org","title":"E"}]}]}],"usage":{"input_tokens":75,"input_tokens_details":{"cached_tokens":64},"output_tokens":120,"output_tokens_details":{"reasoning_tokens":100},"total_tokens":195}}}"#,
            r#"{"type":"response.output_text.delta","delta":"late"}"#,
        ],
    );
    let expected = Told {
        text: "Hello".to_owned(),
        reasoning: "First.\n\nSecond.".to_owned(),
        calls: Vec::new(),
        sources: vec![("https://example.org".to_owned(), "E".to_owned())],
        models: vec!["gpt-6-luna".to_owned()],
        tokens: Some(Tokens { input: 75, cached: 64, output: 120, reasoning: 100, ..Tokens::default() }),
        charged: None,
        finish: Some(Finish::Stop),
    };
    assert_eq!(told, expected);
}

#[test]
fn perplexity_is_understood() {
    let told = answer(
        WIRE,
        &[
            r#"{"type":"response.created","response":{"model":"perplexity/sonar","status":"in_progress","output":null}}"#,
            r#"{"type":"response.reasoning.started","thought":null}"#,
            r#"{"type":"response.reasoning.search_queries","queries":["x"]}"#,
            r#"{"type":"response.reasoning.search_results","results":[{"id":1,"title":"One","url":"https://one.example","date":null},{"id":2,"title":null,"url":"https://two.example"}]}"#,
            r#"{"type":"response.output_item.done","item":{"type":"search_results","results":[{"title":"One","url":"https://one.example"},{"title":"Three","url":"https://three.example"}]}}"#,
            r#"{"type":"response.output_text.delta","delta":"It is so [1]."}"#,
            r#"{"type":"response.completed","response":{"status":"completed","output":[],"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15,"cost":{"currency":"USD","input_cost":0.001,"total_cost":0.00525}}}}"#,
        ],
    );
    let titles: Vec<_> = told.sources.iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!(titles, ["One", "", "Three"]);
    assert_eq!((told.text.as_str(), told.charged), ("It is so [1].", Some(5_250_000)));
}

#[test]
fn events_are_known_by_their_names_too() {
    let mut decoder = Decoder::new(WIRE);
    let mut out = Vec::new();
    decoder.event("response.output_text.delta", r#"{"delta":"Hi"}"#, &mut out).unwrap();
    assert_eq!(out, [Delta::Text("Hi".to_owned())]);
}

#[test]
fn text_that_comes_only_at_the_end_is_not_lost() {
    let body = r#"{"status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]},{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]}"#;
    let event = format!(r#"{{"type":"response.completed","response":{body}}}"#);
    for told in [answer(WIRE, &[&event]), whole(WIRE, body).0] {
        assert_eq!((told.text.as_str(), told.reasoning.as_str(), told.finish), ("Hi", "Hm", Some(Finish::Stop)));
    }
}

#[test]
fn an_end_says_why() {
    let cases = [
        (
            r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#,
            Finish::Length,
        ),
        (
            r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}}"#,
            Finish::Filtered,
        ),
        (
            r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"function_call","name":"f"}]}}"#,
            Finish::Tool,
        ),
        (
            r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}}"#,
            Finish::Filtered,
        ),
    ];
    for (event, finish) in cases {
        assert_eq!(answer(WIRE, &[event]).finish, Some(finish), "{event}");
    }
}

#[test]
fn a_failure_is_told_with_its_kind() {
    let cases = [
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"Please try again in 1.5s."}}}"#,
            FailureKind::RateLimited,
        ),
        (
            r#"{"type":"response.failed","error":{"message":"The model failed","type":"server_error"}}"#,
            FailureKind::Unavailable,
        ),
        (r#"{"type":"response.failed","response":{"status":"failed","error":null}}"#, FailureKind::Unavailable),
        (
            r#"{"type":"error","code":"context_length_exceeded","message":"Too long","param":"input","sequence_number":3}"#,
            FailureKind::TooLong,
        ),
        (r#"{"type":"response.output_text.delta","delta":"and then"}"#, FailureKind::Broken),
    ];
    for (event, kind) in cases {
        let failure = stream(WIRE, &[event]).1.unwrap_err();
        assert_eq!(failure.kind, kind, "{event}");
        assert!(!failure.message.is_empty());
    }
    let failure = stream(WIRE, &[cases[0].0]).1.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_millis(1500)));
}
