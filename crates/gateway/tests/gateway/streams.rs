//! Streams that misbehave, and streams that are stopped.

use std::time::Duration;

use bytes::Bytes;
use gateway::{Outcome, Piece, Settings};
use protocol::chat::{Delta, FailureKind};

use crate::rig::{Reply, Rig, Step, ask, openai_hello};

const TARGET: (&str, &str) = ("openai", "gpt-6.1-sol");

fn chunk(text: &str) -> String {
    let text = serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
    format!("data: {text}\n\n")
}

fn bytes(text: impl Into<Vec<u8>>) -> Step {
    Step::Bytes(Bytes::from(text.into()))
}

const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

async fn answer(steps: Vec<Step>) -> crate::rig::Outcome {
    let mut settings = Settings::default();
    settings.patience.attempts = 1;
    let rig = Rig::new(settings);
    rig.script([Reply::steps(steps)]);
    let outcome = rig.ask(ask(&[TARGET])).await;
    assert_eq!(rig.open_connections(), 0);
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_malformed_line_costs_nothing_but_itself() {
    let nonsense = "what is this\n\ndata\n\nfoo: bar\n\n\u{fffd}: x\n\n";
    let text = format!("{}{nonsense}{}", chunk("one "), chunk("two"));
    let mut raw = text.into_bytes();
    raw.extend_from_slice(b"data: \xff\xfe\n\n");
    raw.extend_from_slice(chunk(" three").as_bytes());
    raw.extend_from_slice(END.as_bytes());
    let outcome = answer(vec![bytes(raw)]).await;
    assert_eq!((outcome.text.as_str(), outcome.failure), ("one two three", None));
}

#[tokio::test(start_paused = true)]
async fn a_stream_cut_at_every_byte_reads_the_same() {
    let whole = format!("{}{}{END}", chunk("zażółć "), chunk("gęślą").replace('\n', "\r\n"));
    let steps = whole.bytes().map(|byte| bytes([byte])).collect();
    assert_eq!(answer(steps).await.text, "zażółć gęślą");
}

#[tokio::test(start_paused = true)]
async fn a_last_event_without_its_blank_line_counts() {
    let end = END.trim_end().replace("\n\ndata: [DONE]", "");
    let outcome = answer(vec![bytes(chunk("all")), bytes(end)]).await;
    assert_eq!((outcome.text.as_str(), outcome.failure), ("all", None));
}

#[tokio::test(start_paused = true)]
async fn too_long_a_line_is_too_much() {
    let outcome = answer(vec![bytes(chunk("x")), bytes(format!("data: {}", "x".repeat(1 << 20)))]).await;
    assert_eq!((outcome.text.as_str(), outcome.kind()), ("x", Some(FailureKind::Broken)));
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_ends_at_twenty_megabytes() {
    let comment = bytes(format!(": {}\n", "x".repeat(1 << 19)));
    let outcome = answer(std::iter::repeat_n(comment, 50).collect()).await;
    let failure = outcome.failure.unwrap();
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("20 MB"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn silence_before_and_within_an_answer_has_an_end() {
    let mut settings = Settings::default();
    settings.patience.attempts = 1;
    let rig = Rig::new(settings);
    rig.script([Reply::Silent]);
    let before = tokio::time::Instant::now();
    assert_eq!(rig.ask(ask(&[TARGET])).await.kind(), Some(FailureKind::TimedOut));
    assert_eq!(before.elapsed().as_secs(), 60);
    assert_eq!(rig.open_connections(), 0);

    let outcome = answer(vec![bytes(chunk("and then")), Step::Pause(Duration::from_secs(3600))]).await;
    assert_eq!((outcome.text.as_str(), outcome.kind()), ("and then", Some(FailureKind::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_does_not_go_on_for_ever() {
    let drip = [bytes(": .\n"), Step::Pause(Duration::from_secs(59))];
    let before = tokio::time::Instant::now();
    let outcome = answer(drip.into_iter().cycle().take(10_000).collect()).await;
    assert_eq!((outcome.kind(), before.elapsed().as_secs()), (Some(FailureKind::TimedOut), 1800));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_one_is_broken() {
    let html = Reply::Body(200, vec![("content-type", "text/html".to_owned())], vec![bytes("<html>Sign in</html>")]);
    let json = Reply::Body(200, vec![("content-type", "application/json".to_owned())], vec![bytes("{")]);
    for reply in [html, json, Reply::stream(""), Reply::stream(chunk("cut"))] {
        let mut settings = Settings::default();
        settings.patience.attempts = 1;
        let rig = Rig::new(settings);
        rig.script([reply]);
        assert_eq!(rig.ask(ask(&[TARGET])).await.kind(), Some(FailureKind::Broken));
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_closes_the_connection_and_says_so_in_the_ledger() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::steps(vec![bytes(chunk("a long story")), Step::Pause(Duration::from_secs(30)), bytes(END)])]);
    let mut pieces = rig.gateway.ask(ask(&[TARGET]));
    while !matches!(pieces.recv().await, Some(Piece::Delta(Delta::Text(_)))) {}
    assert_eq!(rig.open_connections(), 1);
    drop(pieces);
    while rig.open_connections() > 0 || rig.book.rows.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let row = rig.last_row();
    assert_eq!((row.outcome, row.failure), (Outcome::Cancelled, Some(FailureKind::Cancelled)));
    assert!(row.is_estimate && row.tokens.output == 4 && row.cost.unwrap().0 > 0, "{row:?}");
    assert_eq!(rig.gateway.health()[0].failures, 0, "the provider has not failed");
}

#[tokio::test(start_paused = true)]
async fn who_stops_by_closing_still_gets_the_receipt() {
    for cache in [None, Some(true)] {
        let rig = Rig::new(Settings::default());
        let steps = vec![bytes(chunk("a long story")), Step::Pause(Duration::from_secs(30)), bytes(END)];
        rig.script([Reply::steps(steps)]);
        let mut pieces = rig.gateway.ask(gateway::Ask { cache, ..ask(&[TARGET]) });
        while !matches!(pieces.recv().await, Some(Piece::Delta(Delta::Text(_)))) {}
        pieces.close();
        let outcome = crate::rig::collect(pieces).await;
        assert_eq!(outcome.kind(), Some(FailureKind::Cancelled), "{cache:?}");
        assert_eq!((outcome.receipt.tokens.output, outcome.receipt.cost), (4, rig.last_row().cost));
        assert_eq!((rig.open_connections(), rig.last_row().outcome), (0, Outcome::Cancelled));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_loses_nothing() {
    let rig = Rig::new(Settings::default());
    let mut steps: Vec<_> = (0..500).map(|index| bytes(chunk(&format!("{index} ")))).collect();
    steps.push(bytes(END));
    rig.script([Reply::steps(steps)]);
    let pieces = rig.gateway.ask(ask(&[TARGET]));
    tokio::time::sleep(Duration::from_secs(300)).await;
    let outcome = crate::rig::collect(pieces).await;
    assert_eq!((outcome.text.split_whitespace().count(), outcome.failure), (500, None));
}

#[tokio::test(start_paused = true)]
async fn times_are_told_one_by_one() {
    let rig = Rig::new(Settings::default());
    let steps = vec![
        Step::Pause(Duration::from_millis(200)),
        bytes(chunk("x")),
        Step::Pause(Duration::from_millis(300)),
        bytes(END),
    ];
    rig.script([Reply::steps(steps)]);
    let times = rig.ask(ask(&[TARGET])).await.receipt.times;
    assert_eq!((times.queue_ms, times.connect_ms), (0, 0));
    assert!((200..=202).contains(&times.first_ms) && (500..=504).contains(&times.total_ms), "{times:?}");
    rig.script([openai_hello()]);
    rig.ask(ask(&[TARGET])).await;
    assert!(rig.gateway.health()[0].first.p99 >= 200);
}
