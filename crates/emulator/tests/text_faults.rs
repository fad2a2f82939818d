//! Streams and connections that fail after all looked well.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/http.rs"]
mod http;

use std::time::Duration;

use emulator::chat::{Answer, End, Fakes, Fault, FaultKind, Noise, Pace, Record, Script};
use http::{ask, glimpse, headers, post, question, send};
use serde_json::json;

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(20);
/// In the tests here nobody lives to see the end of a slow answer.
const SLOW: Duration = Duration::from_secs(3600);

async fn failing(kind: FaultKind, slow: Duration) -> Fakes {
    let script = Script { pace: Pace { slow, ..Pace::default() }, ..Script::default() };
    Fakes::start(script.answer(Answer::say("one two three four five six seven eight nine")).fault(kind)).await.unwrap()
}

fn words(answer: &http::Answer) -> String {
    answer.joined("/choices/0/delta/content")
}

#[tokio::test]
async fn streams_break_off_after_the_first_words() {
    for (kind, is_complete, end) in [
        (FaultKind::CutMidStream, false, End::Cut),
        (FaultKind::EndMidStream, true, End::Complete),
        (FaultKind::ErrorMidStream, true, End::Complete),
    ] {
        let fakes = failing(kind, SLOW).await;
        let answer = ask(&fakes, "openai", true).await;
        assert_eq!((answer.status, words(&answer).as_str()), (200, "one two three four five six "), "{kind:?}");
        assert_eq!(answer.is_complete, is_complete, "{kind:?}");
        assert!(!answer.text().contains("[DONE]"));
        let record = fakes.wait_for(|record| record.live() == 0, LIMIT).await.unwrap();
        assert_eq!(record.requests[0].end, Some(end), "{kind:?}");
    }
}

#[tokio::test]
async fn errors_in_the_middle_have_each_provider_s_shape() {
    for (provider, pointer, value) in [
        ("openai", "/error/type", json!("overloaded_error")),
        ("groq", "/x_groq/error", json!("The engine is currently overloaded.")),
        ("openrouter", "/choices/0/finish_reason", json!("error")),
        ("openrouter", "/error/code", json!(529)),
        ("anthropic", "/error/type", json!("overloaded_error")),
        ("google-ai-studio", "/error/status", json!("UNAVAILABLE")),
        ("perplexity", "/type", json!("error")),
    ] {
        let fakes = failing(FaultKind::ErrorMidStream, SLOW).await;
        let last = ask(&fakes, provider, true).await.data().pop().unwrap();
        assert_eq!(last.pointer(pointer), Some(&value), "{provider} {last}");
    }
}

#[tokio::test]
async fn an_error_can_be_all_that_comes_with_200() {
    for is_stream in [true, false] {
        let fakes = failing(FaultKind::ErrorInside, SLOW).await;
        let answer = ask(&fakes, "openrouter", is_stream).await;
        let body = if is_stream { answer.data().remove(0) } else { answer.json() };
        assert_eq!((answer.status, body["error"]["code"].clone()), (200, json!(529)));
    }
}

#[tokio::test]
async fn a_missing_done_leaves_the_answer_whole() {
    for provider in ["openai", "anthropic"] {
        let fakes = failing(FaultKind::MissingDone, SLOW).await;
        let answer = ask(&fakes, provider, true).await;
        assert!(answer.is_complete && answer.text().contains("nine"));
        assert!(!answer.text().contains("DONE") && !answer.text().contains("message_stop"));
    }
}

#[tokio::test]
async fn a_connection_can_drop_before_anything_is_said() {
    let fakes = failing(FaultKind::CutBeforeHead, SLOW).await;
    assert_eq!(ask(&fakes, "openai", true).await.status, 0);
    assert_eq!(fakes.record().requests[0].end, Some(End::Cut));
}

#[tokio::test]
async fn stalls_hold_the_connection_until_the_client_goes() {
    for (kind, sent) in [
        (FaultKind::Stall, "one two three four five six "),
        (FaultKind::SlowFirstByte, ""),
        (FaultKind::SlowFirstEvent, ""),
        (FaultKind::Drip, ""),
    ] {
        let fakes = failing(kind, SLOW).await;
        let (url, body) = question(&fakes, "openai", true);
        let answer = if sent.is_empty() {
            let socket = send("POST", &url, &headers("openai"), &body.to_string()).await;
            fakes.wait_for(|record| record.count("openai") == 1, LIMIT).await.unwrap();
            assert_eq!(fakes.record().live(), 1, "{kind:?}");
            drop(socket);
            http::Answer::default()
        } else {
            glimpse(&url, &headers("openai"), &body, |bytes| bytes.windows(5).any(|part| part == b" six ")).await
        };
        assert!(sent.starts_with(&words(&answer)), "{kind:?} {}", answer.text());
        let record = fakes.wait_for(|record| record.live() == 0, LIMIT).await.unwrap();
        assert_eq!(record.requests[0].end, Some(End::ByClient), "{kind:?}");
    }
}

#[tokio::test]
async fn a_drip_comes_byte_by_byte() {
    let fakes = failing(FaultKind::Drip, Duration::from_micros(1)).await;
    let answer = ask(&fakes, "openai", false).await;
    assert!(answer.chunks.iter().all(|chunk| chunk.len() == 1));
    assert!(answer.json()["choices"][0]["message"]["content"].as_str().unwrap().ends_with("nine"));
}

#[tokio::test]
async fn what_never_ends_ends_when_the_client_goes() {
    const ENOUGH: usize = 100_000;
    for kind in [FaultKind::EndlessStream, FaultKind::EndlessLine, FaultKind::EndlessComments] {
        for is_stream in [true, false] {
            let fakes = failing(kind, SLOW).await;
            let (url, body) = question(&fakes, "openai", is_stream);
            let answer = glimpse(&url, &headers("openai"), &body, |bytes| bytes.len() > ENOUGH).await;
            assert!(!answer.is_complete && !answer.body().is_empty(), "{kind:?}");
            let record = fakes.wait_for(|record| record.live() == 0, LIMIT).await.unwrap();
            assert_eq!(record.requests[0].end, Some(End::ByClient), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn endless_lines_have_no_end_of_line() {
    let fakes = failing(FaultKind::EndlessLine, SLOW).await;
    let (url, body) = question(&fakes, "openai", true);
    let answer = glimpse(&url, &headers("openai"), &body, |bytes| bytes.len() > 300_000).await;
    let text = String::from_utf8_lossy(&answer.body()).into_owned();
    assert!(text.rsplit_once('\n').unwrap().1.len() > 100_000);
}

#[tokio::test]
async fn answers_can_be_huge() {
    for (kind, least) in [(FaultKind::HugeAnswer, 20_000_000), (FaultKind::HugeEvent, 4_000_000)] {
        for is_stream in [true, false] {
            let fakes = failing(kind, SLOW).await;
            let answer = ask(&fakes, "openai", is_stream).await;
            assert!(answer.is_complete && answer.body().len() > least, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn malformed_lines_and_events_stand_between_the_good_ones() {
    for (kind, part) in
        [(FaultKind::MalformedLines, "this line has no field"), (FaultKind::MalformedEvents, "data: not json at all")]
    {
        let script = Script { pace: Pace { words: 1, ..Pace::default() }, ..Script::default() };
        let answer = Answer::say("one two three four five six seven eight nine");
        let fakes = Fakes::start(script.answer(answer).fault(kind)).await.unwrap();
        let answer = ask(&fakes, "openai", true).await;
        assert!(answer.text().contains(part), "{}", answer.text());
        assert_eq!(words(&answer), "one two three four five six seven eight nine");
    }
}

#[tokio::test]
async fn pages_and_nothing_come_with_200_too() {
    let portal = ask(&failing(FaultKind::CaptivePortal, SLOW).await, "openai", true).await;
    assert!(portal.status == 200 && portal.text().starts_with("<html>"));
    let nothing = ask(&failing(FaultKind::EmptyBody, SLOW).await, "openai", true).await;
    assert!(nothing.status == 200 && nothing.is_complete && nothing.body().is_empty());
}

#[tokio::test]
async fn a_redirect_leads_to_another_host_that_tells_what_it_got() {
    let fakes = failing(FaultKind::Redirect, SLOW).await;
    let answer = ask(&fakes, "anthropic", true).await;
    let place = answer.header("location").unwrap();
    assert!(answer.status == 307 && place.starts_with("http://localhost:"), "{place}");
    let place = place.replace("localhost", "127.0.0.1");
    post(&place, &headers("anthropic"), &json!({})).await;
    let record = fakes.record();
    assert_eq!((record.elsewhere.len(), record.requests.len()), (1, 1));
    assert_eq!(record.elsewhere[0].credentials.len(), 1, "it tells that the key came with it");
}

#[tokio::test]
async fn a_blocked_prompt_is_told_in_every_format() {
    for (provider, pointer, value) in [
        ("openai", "/choices/0/finish_reason", "content_filter"),
        ("anthropic", "/stop_reason", "refusal"),
        ("google-ai-studio", "/promptFeedback/blockReason", "SAFETY"),
        ("perplexity", "/incomplete_details/reason", "content_filter"),
    ] {
        let fakes = failing(FaultKind::PromptBlocked, SLOW).await;
        let body = ask(&fakes, provider, false).await.json();
        assert_eq!(body.pointer(pointer), Some(&json!(value)), "{provider} {body}");
    }
}

#[tokio::test]
async fn when_the_fakes_go_their_connections_go_too() {
    let fakes = failing(FaultKind::Stall, SLOW).await;
    let (url, body) = question(&fakes, "openai", true);
    let asking = tokio::spawn(async move { post(&url, &headers("openai"), &body).await });
    fakes.wait_for(|record| record.requests.first().is_some_and(|request| request.sent > 0), LIMIT).await.unwrap();
    drop(fakes);
    let answer = tokio::time::timeout(LIMIT, asking).await.unwrap().unwrap();
    assert!(!answer.is_complete);
}

#[tokio::test]
async fn every_fault_of_a_provider_leaves_no_good_answer() {
    // These leave the words as they are.
    let harmless =
        ["no-tools", "missing-done", "malformed-lines", "malformed-events", "huge-answer", "huge-event", "drip"];
    let gateways = |name: &str| ["gateway", "guardrail", "dlp"].iter().any(|start| name.starts_with(start));
    let mut count = 0;
    for name in Fault::names().filter(|name| !harmless.contains(name) && !gateways(name)) {
        let script =
            Script { pace: Pace { slow: SLOW, ..Pace::default() }, noise: Noise::default(), ..Script::default() };
        let script = script.answer(Answer::say("one two three four five six seven eight nine"));
        let fakes = Fakes::start(script.fault(Fault::parse(name).unwrap())).await.unwrap();
        let (url, body) = question(&fakes, "openai", true);
        let headers = headers("openai");
        let asking = glimpse(&url, &headers, &body, |bytes| bytes.len() > 20_000);
        // What never comes to an end is looked at for as long as something comes.
        let is_stuck = |record: &Record| match name {
            "stall" => record.requests.iter().any(|request| request.sent > 300),
            name => name.starts_with("slow") && record.count("openai") == 1,
        };
        let answer = tokio::select! {
            answer = asking => answer,
            record = fakes.wait_for(is_stuck, LIMIT) => {
                record.unwrap();
                http::Answer::default()
            }
        };
        let text = String::from_utf8_lossy(&answer.body()).into_owned();
        assert!(answer.status != 200 || !text.contains("nine"), "{name}: {text}");
        count += 1;
    }
    assert!(count > 25, "{count}");
}
