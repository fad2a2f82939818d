//! Trying again, falling back, and leaving alone who fails.

use std::time::Duration;

use bytes::Bytes;
use gateway::{Circuit, Order, Outcome, Piece, Policy, Progress, Settings};
use protocol::chat::FailureKind;

use crate::rig::{Reply, Rig, Step, ask, openai_hello, target};

const FIRST: (&str, &str) = ("groq", "openai/gpt-oss-120b");
const SECOND: (&str, &str) = ("openai", "gpt-6.1-sol");

fn half() -> Bytes {
    Bytes::from_static(
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hal\"},\"finish_reason\":null}]}\n\n",
    )
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_at_the_same_target() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(503), Reply::Unreachable, openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
    assert_eq!((outcome.text.as_str(), outcome.receipt.attempts), ("Hello", 3));
    assert_eq!(outcome.receipt.target, target(FIRST.0, FIRST.1));
    assert_eq!(outcome.waits(), 2, "the waits are told");
    assert_eq!(rig.last_row().attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_before_another_try_says_which_it_is_and_what_became_of_the_last_one() {
    let rig = Rig::new(Settings::default());
    let limited = Reply::error(429).with("retry-after", "2");
    rig.script([Reply::error(503), limited, openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST])).await;
    let retries = outcome.pieces.iter().filter_map(|piece| match piece {
        Piece::Progress(Progress::Waiting { retry: Some(retry), .. }) => {
            Some((retry.attempt, retry.attempts, retry.why))
        }
        _ => None,
    });
    let expected = [(2, 3, FailureKind::Unavailable), (3, 3, FailureKind::RateLimited)];
    assert_eq!(retries.collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_trying_again_does_not_mend_goes_to_the_next_at_once() {
    for (status, kind) in [(401, FailureKind::Credential), (402, FailureKind::Quota), (404, FailureKind::Model)] {
        let rig = Rig::new(Settings::default());
        let body = serde_json::json!({ "error": { "message": "Not for this model.", "type": "error" } });
        rig.script([Reply::json(status, &body), openai_hello()]);
        let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
        assert_eq!(outcome.fell_back(), [(SECOND.0.to_owned(), kind)], "{status}");
        assert_eq!((outcome.text.as_str(), rig.sent()), ("Hello", 2));
        assert_eq!(outcome.receipt.target, target(SECOND.0, SECOND.1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_and_a_wrong_request_are_not_carried_elsewhere() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(400), openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
    assert_eq!((outcome.kind(), rig.sent()), (Some(FailureKind::Invalid), 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_provider_is_passed_over_when_another_is_ready_and_waited_for_when_none_is() {
    let rig = Rig::new(Settings::default());
    let full = Reply::error(429).with("retry-after", "20");
    rig.script([full.clone(), openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
    assert_eq!(outcome.fell_back(), [(SECOND.0.to_owned(), FailureKind::RateLimited)]);
    assert_eq!(rig.sent(), 2);

    // It said twenty seconds: the next request does not even try.
    let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
    assert_eq!(outcome.fell_back(), [(SECOND.0.to_owned(), FailureKind::RateLimited)]);
    assert_eq!((rig.sent(), outcome.receipt.attempts), (3, 1));

    let before = tokio::time::Instant::now();
    let outcome = rig.ask(ask(&[FIRST])).await;
    assert_eq!((outcome.text.as_str(), outcome.waits()), ("Hello", 1));
    let waited = before.elapsed().as_secs();
    assert!((19..=21).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn after_the_first_token_nobody_else_is_asked_and_what_came_stands() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::steps(vec![Step::Bytes(half()), Step::Break]), openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST, SECOND])).await;
    assert_eq!((outcome.text.as_str(), outcome.kind(), rig.sent()), ("Hal", Some(FailureKind::Broken), 1));
    let row = rig.last_row();
    assert_eq!((row.outcome, row.failure), (Outcome::Failed, Some(FailureKind::Broken)));
    assert!(row.is_estimate && row.tokens.output > 0 && row.cost.unwrap().0 > 0, "what came is paid for: {row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_before_its_first_token_is_tried_again() {
    let rig = Rig::new(Settings::default());
    let usage = Bytes::from_static(b"data: {\"model\":\"m\",\"choices\":[]}\n\n");
    rig.script([Reply::steps(vec![Step::Bytes(usage), Step::Break]), openai_hello()]);
    let outcome = rig.ask(ask(&[FIRST])).await;
    assert_eq!((outcome.text.as_str(), outcome.receipt.attempts), ("Hello", 2));
    assert_eq!(outcome.receipt.tokens.input, 10, "of the answer that came, not of the broken one");
}

#[tokio::test(start_paused = true)]
async fn who_keeps_failing_is_left_alone_until_one_probe_succeeds() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(500)]);
    for _ in 0..2 {
        rig.ask(ask(&[FIRST])).await;
    }
    assert_eq!(rig.sent(), 5, "three tries, then two: the fifth failure opened it");
    let outcome = rig.ask(ask(&[FIRST])).await;
    assert_eq!((outcome.kind(), rig.sent()), (Some(FailureKind::Unavailable), 5));
    assert!(outcome.failure.unwrap().retry_after.unwrap() <= Duration::from_secs(10));
    assert!(matches!(rig.gateway.health()[0].circuit, Circuit::Open { .. }));
    let row = rig.last_row();
    assert_eq!((row.outcome, row.attempts), (Outcome::Failed, 0), "that has a row too");

    // Others are asked meanwhile.
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(ask(&[FIRST, SECOND])).await.receipt.target, target(SECOND.0, SECOND.1));

    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(rig.ask(ask(&[FIRST])).await.text, "Hello");
    let health = rig.gateway.health();
    let groq = health.iter().find(|health| health.provider.as_str() == FIRST.0).unwrap();
    assert_eq!((groq.circuit, groq.tries, groq.failures), (Circuit::Closed, 6, 5));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_probe_does_not_keep_the_provider_shut() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(500)]);
    for _ in 0..2 {
        rig.ask(ask(&[FIRST])).await;
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    rig.script([Reply::Silent]);
    let mut pieces = rig.gateway.ask(ask(&[FIRST]));
    assert!(matches!(pieces.recv().await, Some(Piece::Progress(Progress::Trying { attempt: 1, .. }))));
    drop(pieces);
    while rig.open_connections() > 0 {
        tokio::task::yield_now().await;
    }
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(ask(&[FIRST])).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn a_local_server_that_is_not_running_is_told_at_once_and_found_once_it_runs() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::Unreachable]);
    for _ in 0..10 {
        let outcome = rig.ask(ask(&[("ollama", "llama")])).await;
        assert_eq!((outcome.kind(), outcome.waits()), (Some(FailureKind::Unreachable), 0));
    }
    assert_eq!(rig.sent(), 10);
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(ask(&[("ollama", "llama")])).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn policies_choose_who_is_asked_first() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    let order =
        |policy| Order::Policy(policy, vec![target("openai", "gpt-6-astra"), target("groq", "openai/gpt-oss-20b")]);
    let mut cheap = ask(&[]);
    cheap.order = order(Policy::Cheapest);
    assert_eq!(rig.ask(cheap.clone()).await.receipt.target.provider.as_str(), "groq");
    assert!(rig.gateway.estimate(&cheap).unwrap() < rig.gateway.estimate(&ask(&[("openai", "gpt-6-astra")])).unwrap());

    // groq fails now and then; openai has not yet.
    rig.script([Reply::error(500), openai_hello()]);
    rig.ask(ask(&[("groq", "openai/gpt-oss-20b")])).await;
    let mut reliable = ask(&[]);
    reliable.order = order(Policy::MostReliable);
    assert_eq!(rig.ask(reliable).await.receipt.target.provider.as_str(), "openai");

    // openai takes its time.
    let slow = Step::Pause(Duration::from_secs(5));
    let Reply::Body(status, headers, mut steps) = openai_hello() else { panic!() };
    steps.insert(0, slow);
    rig.script([Reply::Body(status, headers, steps)]);
    rig.ask(ask(&[("openai", "gpt-6-astra")])).await;
    rig.script([openai_hello()]);
    let mut fast = ask(&[]);
    fast.order = order(Policy::Fastest);
    assert_eq!(rig.ask(fast).await.receipt.target.provider.as_str(), "groq");
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_refused_before_anything_is_sent() {
    let rig = Rig::new(Settings::default());
    type Spoil<'a> = &'a dyn Fn(&mut gateway::Ask);
    let cases: [(Spoil<'_>, FailureKind); 6] = [
        (&|ask| ask.order = Order::Chain(Vec::new()), FailureKind::Model),
        (&|ask| ask.order = Order::Chain(vec![target("nobody", "m")]), FailureKind::Model),
        (&|ask| ask.order = Order::Chain(vec![target("openai", "../x?y")]), FailureKind::Model),
        (&|ask| ask.request.messages.clear(), FailureKind::Invalid),
        (&|ask| ask.request.temperature = Some(f32::NAN), FailureKind::Invalid),
        (&|ask| ask.request.max_output = Some(0), FailureKind::Invalid),
    ];
    for (index, (spoil, kind)) in cases.into_iter().enumerate() {
        let mut spoilt = ask(&[SECOND]);
        spoil(&mut spoilt);
        assert_eq!(rig.ask(spoilt).await.kind(), Some(kind), "{index}");
    }
    assert_eq!((rig.sent(), rig.book.rows.lock().unwrap().len()), (0, 6), "each has a row");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_so_is_tried_again_or_left() {
    for (status, word, sent) in [(500, "false", 1), (400, "true", 3), (409, "", 3), (500, "", 3), (400, "", 1)] {
        let rig = Rig::new(Settings::default());
        rig.script([Reply::error(status).with("x-should-retry", word)]);
        assert!(rig.ask(ask(&[FIRST])).await.failure.is_some());
        assert_eq!(rig.sent(), sent, "{status} {word}");
    }
}
