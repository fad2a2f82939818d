//! Answers that are kept, and equal requests at the same time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway::{CacheState, CloudGateway, Nanodollars, Outcome, Piece, Progress, Settings};
use protocol::chat::{Delta, FailureKind};

use crate::rig::{Disk, Reply, Rig, Ring, Step, ask, collect, header, openai_hello};

const TARGET: (&str, &str) = ("openai", "gpt-6.1-sol");

fn cached() -> gateway::Ask {
    let mut ask = ask(&[TARGET]);
    ask.request.temperature = Some(0.0);
    ask
}

fn slowly() -> Reply {
    let Reply::Body(status, headers, mut steps) = openai_hello() else { panic!() };
    steps.insert(0, Step::Pause(Duration::from_secs(1)));
    Reply::Body(status, headers, steps)
}

#[tokio::test(start_paused = true)]
async fn the_same_request_is_answered_from_memory_for_nothing() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    let first = rig.ask(cached()).await;
    assert_eq!(first.receipt.cache, CacheState::Miss);
    let second = rig.ask(cached()).await;
    assert_eq!((second.receipt.cache, second.text.as_str(), rig.sent()), (CacheState::Hit, "Hello", 1));
    assert_eq!((second.receipt.cost, second.receipt.attempts), (Some(Nanodollars::ZERO), 0));
    assert_eq!(second.receipt.list_cost, first.receipt.cost, "what it saved");
    assert_eq!((second.receipt.target, second.receipt.finish), (first.receipt.target, first.receipt.finish));
    assert_eq!((rig.last_row().cache, rig.last_row().cost), (CacheState::Hit, Some(Nanodollars::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn any_difference_makes_another_request() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    rig.ask(cached()).await;
    let changes: [&dyn Fn(&mut gateway::Ask); 7] = [
        // As long as the first: a key made of lengths would not tell them apart.
        &|ask| ask.request.messages[0].parts = vec![protocol::chat::Part::Text { text: "Say hullo.".to_owned() }],
        &|ask| ask.request.max_output = Some(100),
        &|ask| ask.request.effort = Some(protocol::chat::Effort::Low),
        &|ask| ask.order = gateway::Order::Chain(vec![crate::rig::target("openai", "gpt-6-luna")]),
        &|ask| ask.order = gateway::Order::Chain(vec![crate::rig::target("groq", "gpt-6.1-sol")]),
        &|ask| ask.profile = "work".to_owned(),
        &|ask| ask.options.cache_ttl = Some(60),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = cached();
        change(&mut other);
        assert_eq!(rig.ask(other).await.receipt.cache, CacheState::Miss, "{index}");
        assert_eq!(rig.sent(), index + 2);
    }
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Hit);
}

#[tokio::test(start_paused = true)]
async fn a_request_with_tools_is_never_kept() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    let parameters = serde_json::json!({ "type": "object" });
    let tool = protocol::Tool { name: "light".into(), description: "Switches the light.".into(), parameters };
    for round in 1..=2 {
        let mut ask = cached();
        ask.request.tools = vec![tool.clone()];
        assert_eq!((rig.ask(ask).await.receipt.cache, rig.sent()), (CacheState::Off, round));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_meant_to_vary_is_kept_only_when_asked() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    for (temperature, cache, state) in [
        (None, None, CacheState::Off),
        (Some(0.7), None, CacheState::Off),
        (Some(0.7), Some(true), CacheState::Miss),
        (Some(0.0), Some(false), CacheState::Off),
    ] {
        let mut ask = ask(&[TARGET]);
        (ask.request.temperature, ask.cache) = (temperature, cache);
        assert_eq!(rig.ask(ask).await.receipt.cache, state, "{temperature:?} {cache:?}");
    }
    rig.settings.send_modify(|settings| Arc::make_mut(settings).cache.is_on = false);
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Off);
}

#[tokio::test(start_paused = true)]
async fn kept_answers_grow_old() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    rig.ask(cached()).await;
    tokio::time::advance(Duration::from_secs(3599)).await;
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Hit);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Miss);
}

#[tokio::test(start_paused = true)]
async fn broken_and_cut_answers_are_not_kept() {
    let rig = Rig::new(Settings::default());
    let text = |finish: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"x\"}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let broken = Reply::steps(vec![Step::Bytes(Bytes::from(text("null"))), Step::Break]);
    rig.script([broken, Reply::stream(text("\"length\"")), openai_hello()]);
    assert_eq!(rig.ask(cached()).await.kind(), Some(FailureKind::Broken));
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Miss);
    assert_eq!(rig.ask(cached()).await.text, "Hello");
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Hit);
}

#[tokio::test(start_paused = true)]
async fn the_disk_keeps_answers_over_a_restart() {
    let disk = Arc::new(Disk::default());
    let ring = || Ring { has_keys: true, has_token: true, vertex: String::new(), lacking: &[] };
    let first = Rig::with(Settings::default(), ring(), Some(disk.clone()));
    first.script([openai_hello()]);
    first.ask(cached()).await;
    let second = Rig::with(Settings::default(), ring(), Some(disk.clone()));
    let outcome = second.ask(cached()).await;
    assert_eq!((outcome.receipt.cache, outcome.text.as_str(), second.sent()), (CacheState::Hit, "Hello", 0));
    // What cannot be read is asked for anew.
    disk.files.lock().unwrap().values_mut().for_each(|(file, _)| file.truncate(9));
    let third = Rig::with(Settings::default(), ring(), Some(disk));
    third.script([openai_hello()]);
    assert_eq!(third.ask(cached()).await.receipt.cache, CacheState::Miss);
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_the_disk_grows_no_younger() {
    let disk = Arc::new(Disk::default());
    let ring = || Ring { has_keys: true, has_token: true, vertex: String::new(), lacking: &[] };
    let first = Rig::with(Settings::default(), ring(), Some(disk.clone()));
    first.script([openai_hello()]);
    first.ask(cached()).await;
    tokio::time::advance(Duration::from_secs(3599)).await;
    let second = Rig::with(Settings::default(), ring(), Some(disk));
    second.script([openai_hello()]);
    assert_eq!(second.ask(cached()).await.receipt.cache, CacheState::Hit);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(second.ask(cached()).await.receipt.cache, CacheState::Miss);
}

#[tokio::test(start_paused = true)]
async fn equal_requests_at_the_same_time_are_sent_once_and_all_get_the_stream() {
    let rig = Rig::new(Settings::default());
    rig.script([slowly()]);
    let all: Vec<_> = (0..5).map(|_| rig.gateway.ask(cached())).collect();
    let outcomes = futures_util::future::join_all(all.into_iter().map(collect)).await;
    assert_eq!(rig.sent(), 1);
    let count = |state| outcomes.iter().filter(|outcome| outcome.receipt.cache == state).count();
    assert_eq!((count(CacheState::Miss), count(CacheState::Coalesced)), (1, 4));
    for outcome in &outcomes {
        assert_eq!((outcome.text.as_str(), &outcome.failure), ("Hello", &None));
        let deltas = |piece: &&Piece| matches!(piece, Piece::Delta(Delta::Text(_)));
        assert_eq!(outcome.pieces.iter().filter(deltas).count(), 2, "as a stream");
    }
    let rows = rig.book.rows.lock().unwrap();
    let paid = rows.iter().filter(|row| row.cost.unwrap().0 > 0).count();
    assert_eq!((rows.len(), paid), (5, 1), "five rows, paid once");
}

#[tokio::test(start_paused = true)]
async fn who_answers_is_told_once_and_first() {
    let rig = Rig::new(Settings::default());
    rig.script([slowly()]);
    let both = futures_util::future::join(rig.ask(cached()), rig.ask(cached())).await;
    let kept = rig.ask(cached()).await;
    for (outcome, from) in [(both.0, CacheState::Miss), (both.1, CacheState::Coalesced), (kept, CacheState::Hit)] {
        let mut told =
            outcome.pieces.iter().skip_while(|piece| matches!(piece, Piece::Progress(Progress::Trying { .. })));
        let first = Piece::Progress(Progress::Answers { target: crate::rig::target(TARGET.0, TARGET.1), cache: from });
        assert_eq!(told.next(), Some(&first));
        assert!(!told.any(|piece| matches!(piece, Piece::Progress(Progress::Answers { .. }))), "{from:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_take_the_answer_from_the_others_and_the_last_one_stops_it() {
    let rig = Rig::new(Settings::default());
    rig.script([slowly()]);
    let mut first = rig.gateway.ask(cached());
    assert!(matches!(first.recv().await, Some(Piece::Progress(Progress::Trying { .. }))));
    let second = rig.gateway.ask(cached());
    // The second is aboard once it has got what the first got.
    let second = tokio::spawn(async move {
        let mut second = second;
        let piece = second.recv().await;
        assert!(matches!(piece, Some(Piece::Progress(Progress::Trying { .. }))));
        second
    });
    let second = second.await.unwrap();
    drop(first);
    assert_eq!(collect(second).await.text, "Hello");
    assert_eq!(rig.sent(), 1);

    let mut other = cached();
    other.profile = "other".to_owned();
    let mut pieces = rig.gateway.ask(other.clone());
    assert!(matches!(pieces.recv().await, Some(Piece::Progress(Progress::Trying { .. }))));
    drop(pieces);
    while rig.open_connections() > 0 || rig.last_row().outcome != Outcome::Cancelled {
        tokio::task::yield_now().await;
    }
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(other).await.receipt.cache, CacheState::Miss, "nobody joins what was stopped");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_and_not_kept() {
    let rig = Rig::new(Settings::default());
    rig.script([Reply::error(401), openai_hello()]);
    let both = futures_util::future::join(rig.ask(cached()), rig.ask(cached())).await;
    assert_eq!((both.0.kind(), both.1.kind()), (Some(FailureKind::Credential), Some(FailureKind::Credential)));
    assert_eq!(rig.ask(cached()).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_anew_passes_the_caches_by_and_takes_the_place_of_what_is_kept() {
    let cloud = CloudGateway { base_url: "https://gateway.test".to_owned(), ..CloudGateway::default() };
    let rig = Rig::new(Settings { way: gateway::Way::Gateway, gateway: Some(cloud), ..Settings::default() });
    let event = r#"{"choices":[{"index":0,"delta":{"content":"Hi again"},"finish_reason":"stop"}]}"#;
    rig.script([openai_hello(), Reply::stream(format!("data: {event}\n\ndata: [DONE]\n\n"))]);
    rig.ask(cached()).await;
    let anew = collect(rig.gateway.ask_anew(cached())).await;
    assert_eq!((anew.text.as_str(), anew.receipt.cache), ("Hi again", CacheState::Miss));
    let skipped = header(rig.server.seen.lock().unwrap().last().unwrap(), "cf-aig-skip-cache");
    assert_eq!(skipped.as_deref(), Some("true"), "the gateway's too");
    let kept = rig.ask(cached()).await;
    assert_eq!((kept.text.as_str(), kept.receipt.cache), ("Hi again", CacheState::Hit));
}

#[tokio::test(start_paused = true)]
async fn a_new_size_counts_at_once_and_takes_the_answers_along() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    rig.ask(cached()).await;
    let sized = |bytes| {
        let mut settings = Settings::default();
        settings.cache.bytes = bytes;
        settings.into()
    };
    rig.settings.send_replace(sized(8 << 20));
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Hit);
    rig.settings.send_replace(sized(0));
    assert_eq!(rig.ask(cached()).await.receipt.cache, CacheState::Miss);
    assert_eq!(rig.sent(), 2);
}
