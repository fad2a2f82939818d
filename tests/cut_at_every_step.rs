//! The server's connection breaks at every step of a call: what was said is answered or listed, never lost.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use audio::Card;
use emulator::{Emulator, Fault, FaultKind, Script};
use engine::api::{Command, Delivery, Event, Item, Kind, Link, Role, Snapshot, Talk};
use engine::{Engine, Handle, Options, Paths};
use serde_json::json;
use tests::Sound;
use tokio::sync::{broadcast, watch};

const CUTS: &[FaultKind] = &[
    FaultKind::CutBeforeCreated,
    FaultKind::CutAfterCreated,
    FaultKind::CutAfterUpdate,
    FaultKind::CutAfterUpdated,
    FaultKind::CutMidAppend,
    FaultKind::CutAfterCommit,
    FaultKind::CutAfterCommitted,
    FaultKind::CutAfterItem,
    FaultKind::CutAfterCreate,
    FaultKind::CutAfterResponseCreated,
    FaultKind::CutMidAudio,
    FaultKind::CutBeforeDone,
    FaultKind::CutAfterDone,
    FaultKind::BadGateway,
    FaultKind::Close1013,
    FaultKind::ServerError,
    FaultKind::SessionExpired,
];

/// Longest wait for anything: several tries with growing pauses are among it.
const LIMIT: Duration = Duration::from_secs(40);

fn paths(root: &Path) -> Paths {
    let place = |name: &str| -> PathBuf { root.join(name) };
    Paths { config: place("config"), data: place("data"), cache: place("cache"), log: place("log") }
}

struct Rig {
    server: Emulator,
    engine: Handle,
    events: broadcast::Receiver<Event>,
    _root: tempfile::TempDir,
    _practice: watch::Sender<String>,
}

impl Rig {
    /// With nine tenths of a second of speech for the talk key.
    async fn new(script: Script) -> Self {
        Self::hearing(script, "ptt", &Sound::fixture("question.wav").part(0.0, 0.9)).await
    }

    async fn hearing(script: Script, mode: &str, speech: &Sound) -> Self {
        let server = Emulator::start(script).await.unwrap();
        let root = tempfile::tempdir().unwrap();
        let words = root.path().join("words.wav");
        speech.write(&words);
        let (practice, receiver) = watch::channel(String::new());
        let overrides = json!({
            "call": { "provider": "openai", "route": "endpoint", "mode": mode },
            "endpoint": { "base_url": server.base_url() },
        });
        let card = Card::Files { input: Some(words), output: None };
        let options = Options { practice: receiver, card: Some(card), overrides: Some(overrides) };
        let engine = Engine::start(paths(root.path()), options).unwrap();
        let events = engine.subscribe();
        Self { server, engine, events, _root: root, _practice: practice }
    }

    /// Waits until the state satisfies `is_it`.
    async fn until(&mut self, what: &str, is_it: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut last = self.engine.snapshot().await.unwrap();
        let waiting = async {
            while !is_it(&last) {
                // A gap in the events does no harm: the whole state is looked at.
                let _ = self.events.recv().await;
                last = self.engine.snapshot().await.unwrap();
            }
        };
        if tokio::time::timeout(LIMIT, waiting).await.is_err() {
            panic!("{what} did not happen: {:#?}\n{:?} {:?}", last.items, last.call, last.problem);
        }
        last
    }
}

fn users(snapshot: &Snapshot) -> Vec<&Item> {
    snapshot.items.iter().filter(|item| item.role == Role::User).collect()
}

/// Everything the user said or wrote has come to its end.
fn is_settled(snapshot: &Snapshot) -> bool {
    let is_over = |item: &&Item| matches!(item.delivery, Delivery::Answered | Delivery::Kept | Delivery::Failed);
    let is_quiet = matches!(snapshot.call.link, Link::Live | Link::Idle) && snapshot.call.talk == Talk::Ready;
    !users(snapshot).is_empty() && users(snapshot).iter().all(is_over) && (is_quiet || snapshot.problem.is_some())
}

/// Says something for 0.9 s, with the connection cut on the way.
async fn a_spoken_turn(fault: Fault) -> Snapshot {
    let mut rig = Rig::new(Script::default().fault(fault)).await;
    rig.engine.send(Command::Press).await.unwrap();
    rig.until("0.9 s of speech", |now| users(now).iter().any(|item| item.duration_ms >= 900)).await;
    rig.engine.send(Command::Release).await.unwrap();
    let end = rig.until(&format!("the end of a turn under {:?}", fault.kind), is_settled).await;
    let record = rig.server.record();
    assert!(record.violations.is_empty(), "{:?}: {:?}", fault.kind, record.violations);
    assert_eq!(record.early_appends, 0, "{:?}: audio before session.updated", fault.kind);
    rig.engine.stop(Duration::from_secs(5)).await;
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_survives_one_cut_at_any_step() {
    let mut turns = tokio::task::JoinSet::new();
    for kind in CUTS {
        turns.spawn(async move { (*kind, a_spoken_turn(Fault::new(*kind)).await) });
    }
    while let Some(turn) = turns.join_next().await {
        let (kind, end) = turn.unwrap();
        let spoken = users(&end);
        assert_eq!(spoken.len(), 1, "{kind:?}: said once, listed once: {:#?}", end.items);
        assert_eq!(spoken[0].kind, Kind::Spoken);
        assert_eq!(spoken[0].delivery, Delivery::Answered, "{kind:?}: {:#?} {:?}", end.items, end.problem);
        let heard = end.items.iter().filter(|item| item.role == Role::Assistant && item.delivery == Delivery::Complete);
        assert!(heard.count() >= 1, "{kind:?}: no whole answer: {:#?}", end.items);
    }
}

/// Speaks into an open microphone, with the connection cut on the way.
async fn an_open_call(fault: Fault) -> Snapshot {
    let script = Script::default().fault(fault);
    let mut rig = Rig::hearing(script, "open", &Sound::fixture("question.wav")).await;
    rig.engine.send(Command::Call).await.unwrap();
    let is_over = |now: &Snapshot| now.call.is_input_over && is_settled(now);
    let end = rig.until(&format!("the end of an open call under {:?}", fault.kind), is_over).await;
    let record = rig.server.record();
    assert!(record.violations.is_empty(), "{:?}: {:?}", fault.kind, record.violations);
    rig.engine.stop(Duration::from_secs(5)).await;
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_into_an_open_microphone_survives_one_cut_at_any_step() {
    let mut calls = tokio::task::JoinSet::new();
    for kind in CUTS {
        calls.spawn(async move { (*kind, an_open_call(Fault::new(*kind)).await) });
    }
    while let Some(call) = calls.join_next().await {
        let (kind, end) = call.unwrap();
        for said in users(&end) {
            let is_kept = matches!(said.delivery, Delivery::Answered | Delivery::Kept);
            assert!(is_kept && said.kind == Kind::Spoken, "{kind:?}: {:#?} {:?}", end.items, end.problem);
        }
        let heard: u32 = users(&end).iter().map(|said| said.duration_ms).sum();
        assert!(heard >= 1_000, "{kind:?}: only {heard} ms of what was said: {:#?}", end.items);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_messages_survive_one_cut_at_any_step() {
    let mut turns = tokio::task::JoinSet::new();
    for kind in CUTS {
        turns.spawn(async move {
            let mut rig = Rig::new(Script::default().fault(*kind)).await;
            rig.engine.send(Command::Say { text: "first words".into() }).await.unwrap();
            rig.engine.send(Command::Say { text: "second words".into() }).await.unwrap();
            let is_over = |now: &Snapshot| users(now).len() == 2 && is_settled(now);
            let end = rig.until(&format!("the end of two messages under {kind:?}"), is_over).await;
            rig.engine.stop(Duration::from_secs(5)).await;
            (*kind, end)
        });
    }
    while let Some(turn) = turns.join_next().await {
        let (kind, end) = turn.unwrap();
        let texts: Vec<_> = users(&end).into_iter().map(|item| item.text.clone()).collect();
        assert_eq!(texts, ["first words", "second words"], "{kind:?}: in their order, each once");
        assert!(users(&end).iter().all(|item| item.delivery == Delivery::Answered), "{kind:?}: {:#?}", end.items);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_kept_and_goes_out_when_asked() {
    let mut rig = Rig::new(Script::default().fault(Fault::new(FaultKind::CutAfterCreated).times(7))).await;
    rig.engine.send(Command::Say { text: "patience".into() }).await.unwrap();
    let given_up = rig.until("giving up", |now| now.problem.is_some() && now.call.link == Link::Idle).await;
    let kept = users(&given_up);
    assert_eq!((kept.len(), kept[0].delivery), (1, Delivery::Kept), "{:#?}", given_up.items);
    assert_eq!(given_up.call.waiting, 1);
    rig.engine.send(Command::Resend).await.unwrap();
    let end = rig.until("the answer", |now| users(now).iter().all(|item| item.delivery == Delivery::Answered)).await;
    assert_eq!(users(&end).len(), 1);
    rig.engine.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_is_told_with_its_count() {
    let mut rig = Rig::new(Script::default().fault(Fault::new(FaultKind::CutAfterUpdated).times(2))).await;
    rig.engine.send(Command::Say { text: "hello".into() }).await.unwrap();
    let is_counting = |now: &Snapshot| matches!(now.call.link, Link::Reconnecting { attempt: 1.., of: 6, .. });
    rig.until("reconnecting", is_counting).await;
    rig.until("the answer", |now| users(now).iter().any(|item| item.delivery == Delivery::Answered)).await;
    rig.engine.stop(Duration::from_secs(5)).await;
}
