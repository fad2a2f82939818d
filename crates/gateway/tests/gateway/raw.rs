//! Requests that another program wrote, with tools and the like: every stage is theirs too.

use std::time::Duration;

use bytes::Bytes;
use gateway::{
    Ask, Budget, CacheState, Circuit, Limits, Nanodollars, Override, Piece, Price, Progress, Rate, Settings,
};
use protocol::chat::{Delta, FailureKind, Finish, Raw};
use serde_json::{Value, json};

use crate::rig::{Outcome, Reply, Rig, Step, ask, target};

const FIRST: (&str, &str) = ("groq", "openai/gpt-oss-120b");
const SECOND: (&str, &str) = ("openai", "gpt-6.1-sol");
const OTHER: (&str, &str) = ("anthropic", "claude-sonnet-5-5");

const BEGIN: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const CALL: &str = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"light","arguments":"{}"}}]}}]}"#;
const END: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;

fn with_tools(targets: &[(&str, &str)]) -> Ask {
    let body = json!({ "model": "alias", "stream": true, "messages": [{ "role": "user", "content": "Light!" }],
        "tools": [{ "type": "function", "function": { "name": "light", "parameters": { "type": "object" } } }] });
    let mut ask = ask(targets);
    ask.request.messages.clear();
    ask.request.raw = Some(Raw { body, beyond: "tools".into() });
    ask
}

fn events(chunks: &[&str]) -> Reply {
    let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    Reply::steps(vec![Step::Bytes(Bytes::from(text))])
}

fn called() -> Reply {
    events(&[BEGIN, CALL, END, USAGE, "[DONE]"])
}

fn raw(outcome: &Outcome) -> Vec<&str> {
    let pieces = outcome.pieces.iter().filter_map(|piece| match piece {
        Piece::Delta(Delta::Raw { data, .. }) => Some(data.as_str()),
        Piece::Delta(Delta::Text(_) | Delta::Call(_)) => Some("told twice"),
        _ => None,
    });
    pieces.collect()
}

#[tokio::test(start_paused = true)]
async fn it_falls_back_before_the_first_token_and_is_written_down() {
    let rig = Rig::new(Settings::default());
    // The first one begins, says nothing, and fails: nothing of it may be seen.
    rig.script([
        Reply::error(503),
        events(&[BEGIN, r#"{"error":{"message":"overloaded","code":503}}"#]),
        Reply::error(402),
        called(),
    ]);
    let outcome = rig.ask(with_tools(&[FIRST, SECOND])).await;
    assert_eq!(outcome.fell_back(), [(SECOND.0.to_owned(), FailureKind::Quota)]);
    assert_eq!(raw(&outcome), [BEGIN, CALL, END, USAGE]);
    let seen = rig.server.seen.lock().unwrap().clone();
    let models: Vec<Value> =
        seen.iter().map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["model"].clone()).collect();
    assert_eq!(models, [FIRST.1, FIRST.1, FIRST.1, SECOND.1], "three tries, then the next");
    assert!(seen[0].url.contains("api.groq.com") && seen[3].url.contains("api.openai.com"), "{seen:?}");
    let row = rig.last_row();
    assert_eq!((row.target, row.attempts, row.finish), (target(SECOND.0, SECOND.1), 4, Some(Finish::Tool)));
    assert_eq!((row.tokens.input, row.tokens.output, row.is_estimate), (10, 5, false));
    assert!(row.cost.is_some_and(|cost| cost > Nanodollars::ZERO));
}

#[tokio::test(start_paused = true)]
async fn after_the_first_piece_of_a_tool_nobody_else_is_asked() {
    let rig = Rig::new(Settings::default());
    let text = format!("data: {BEGIN}\n\ndata: {CALL}\n\n");
    rig.script([Reply::steps(vec![Step::Bytes(Bytes::from(text)), Step::Break]), called()]);
    let outcome = rig.ask(with_tools(&[FIRST, SECOND])).await;
    assert_eq!((raw(&outcome), outcome.kind()), (vec![BEGIN, CALL], Some(FailureKind::Broken)));
    assert_eq!(rig.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_no_words_for_it_is_left_out_with_a_reason() {
    let rig = Rig::new(Settings::default());
    rig.script([called()]);
    let outcome = rig.ask(with_tools(&[OTHER, SECOND])).await;
    let why = outcome.pieces.iter().find_map(|piece| match piece {
        Piece::Progress(Progress::FellBack { from, why, .. }) => Some((from.provider.as_str(), why.message.as_str())),
        _ => None,
    });
    assert_eq!(why, Some((OTHER.0, "Anthropic does not understand tools in a chat request.")));
    assert_eq!((rig.sent(), outcome.receipt.target), (1, target(SECOND.0, SECOND.1)));
    let refused = rig.ask(with_tools(&[OTHER])).await.failure.unwrap();
    assert_eq!((refused.kind, rig.sent()), (FailureKind::Invalid, 1));
    assert!(refused.message.contains("tools"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_only_when_asked_and_its_whole_body_is_the_key() {
    let rig = Rig::new(Settings::default());
    rig.script([called()]);
    let kept = || Ask { cache: Some(true), ..with_tools(&[FIRST]) };
    for _ in 0..2 {
        assert_eq!(rig.ask(with_tools(&[FIRST])).await.receipt.cache, CacheState::Off);
    }
    let first = rig.ask(kept()).await;
    let second = rig.ask(kept()).await;
    assert_eq!((first.receipt.cache, second.receipt.cache), (CacheState::Miss, CacheState::Hit));
    assert_eq!((raw(&second), second.receipt.cost), (raw(&first), Some(Nanodollars::ZERO)));
    let mut other = kept();
    other.request.raw.as_mut().unwrap().body["seed"] = json!(7);
    assert_eq!(rig.ask(other).await.receipt.cache, CacheState::Miss);
    assert_eq!(rig.sent(), 4);
}

#[tokio::test(start_paused = true)]
async fn limits_and_the_breaker_hold_it_too() {
    let rate = Rate { requests: 60, window: Duration::from_secs(60), burst: 1 };
    let limits = Limits { profile: rate, ..Limits::default() };
    let rig = Rig::new(Settings { limits, ..Settings::default() });
    rig.script([called()]);
    rig.ask(with_tools(&[FIRST])).await;
    assert_eq!(rig.ask(with_tools(&[FIRST])).await.waits(), 1);

    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(503)]);
    for _ in 0..4 {
        rig.ask(with_tools(&[FIRST])).await;
    }
    let health = rig.gateway.health();
    assert!(health.iter().any(|one| one.circuit != Circuit::Closed), "{health:?}");
}

#[tokio::test(start_paused = true)]
async fn a_budget_shortens_each_of_its_answers() {
    // 100 tokens out cost a cent.
    let price = Price::dollars(0.0, None, 100.0);
    let budget = Budget { day: Some(Nanodollars::from_dollars(0.06)), ..Budget::default() };
    let prices = vec![Override { target: target(FIRST.0, FIRST.1), price }];
    let rig = Rig::new(Settings { budget, prices, ..Settings::default() });
    rig.script([called()]);
    let mut two = with_tools(&[FIRST]);
    two.request.raw.as_mut().unwrap().body["n"] = json!(2);
    let outcome = rig.ask(two).await;
    assert!(outcome.receipt.is_capped);
    let sent: Value = serde_json::from_slice(&rig.server.seen.lock().unwrap()[0].body).unwrap();
    let limit = sent["max_completion_tokens"].as_u64().or_else(|| sent["max_tokens"].as_u64());
    assert_eq!((limit, sent["n"].as_u64()), (Some(300), Some(2)), "two of 300 at most");
}
