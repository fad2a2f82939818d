//! Calls over real sockets to a fake provider, with files in place of devices.

#![expect(clippy::unwrap_used, reason = "tests")]

mod both;
mod budget;
mod cascade;
mod deepgram;
mod deepgram_cascade;
mod ears_and_mouths;
mod elevenlabs;
mod every_voice;
mod expiry;
mod gemini;
mod gpt_live;
mod handover;
mod key;
mod latency;
mod ledger;
mod load;
mod outbox;
mod pictures;
mod recording;

use std::sync::Arc;
use std::time::Duration;

use audio::Card;
use emulator::{Answer, Emulator, FaultKind, GatewayCredentials, Keys, Script, TokenForms, Verdict};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, watch};

use super::{Call, Exchange, Purse, Sound};
use crate::api::{About, Change, Code, Delivery, Event, Holder, Kind, Link, Note, Snapshot, Talk};
use crate::board::Board;
use crate::chat::{Desk, Order};
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::latency::Journal;
use crate::net::{Net, NetOptions};
use crate::outbox::Outbox;
use crate::picture::Studio;
use crate::recording::Recordings;
use crate::text::{self, Shelf};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A call that is driven by hand.
struct Rig {
    call: Call,
    board: Board,
    events: broadcast::Receiver<Event>,
    credentials: Credentials,
    _practice: watch::Sender<String>,
    /// The text pane, and what it tells.
    pane: mpsc::Sender<Order>,
    told: mpsc::Receiver<Change>,
    in_force: watch::Sender<Settings>,
    folder: Arc<tempfile::TempDir>,
}

impl Rig {
    /// `practice` is the practice partner; `speech_ms` of a tone are what the microphone hears.
    fn new(practice: &Emulator, settings: Value, speech_ms: u32) -> Self {
        Self::beside(practice.base_url(), settings, speech_ms)
    }

    /// With the practice partner at this address.
    fn beside(practice: String, settings: Value, speech_ms: u32) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::at(folder, Credentials::without_keychain(|_| None), practice, settings, speech_ms)
    }

    /// With what an earlier run left in this folder, and with these keys.
    fn at(
        folder: Arc<tempfile::TempDir>,
        credentials: Credentials,
        practice: String,
        settings: Value,
        speech_ms: u32,
    ) -> Self {
        let input = folder.path().join("speech.wav");
        std::fs::write(&input, tone(speech_ms)).unwrap();
        let settings = config::merge(&Settings::default(), &settings).unwrap();
        let (url, practice) = watch::channel(practice);
        let net = Net::new(NetOptions::default()).unwrap();
        let shelf = Shelf::new(folder.path().join("sidetone.db"));
        let (text, keyring, _) = text::start(&net, &credentials, shelf, practice.clone(), &settings);
        let in_force = watch::Sender::new(settings.clone());
        let studio = Studio::new(net.clone(), keyring.clone());
        let exports = folder.path().join("exports");
        let (pane, told) = Desk::start(text.clone(), keyring, studio, in_force.subscribe(), exports);
        let purse = Purse::new(pane.clone());
        let exchange = Exchange { net, credentials: credentials.clone(), practice, text, purse };
        let card = Card::Files { input: Some(input), output: Some(folder.path().join("heard.wav")) };
        let journal = Journal::new(folder.path().join("data"));
        let recordings = Recordings::new(folder.path().join("recordings"));
        let sound = Sound::new(Some(card), watch::channel(Default::default()).0);
        let outbox = Outbox::new(folder.path().join("outbox"), credentials.clone(), true);
        let call = Call::new(&settings, exchange, sound, recordings, outbox, journal);
        let (sender, events) = broadcast::channel(4096);
        let about = About { version: String::new(), settings: String::new(), log: String::new() };
        let board = Board::new(sender, call.view(&settings, None), settings, Vec::new(), about);
        Self { call, board, events, credentials, _practice: url, pane, told, in_force, folder }
    }

    fn now(&mut self) -> Snapshot {
        let items = self.call.items();
        self.board.snapshot(items)
    }

    /// Lets the call go on until it is so.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let going_on = async {
            loop {
                let now = self.now();
                if is_so(&now) {
                    return now;
                }
                let happening = self.call.next().await;
                self.call.happen(happening, &mut self.board);
            }
        };
        let outcome = tokio::time::timeout(LIMIT, going_on).await;
        outcome.unwrap_or_else(|_| panic!("not so: {what}\n{:#?}", self.now()))
    }

    async fn until_answered(&mut self, question: usize) -> Snapshot {
        let what = format!("item {question} is answered and all is quiet");
        let is_answered = |now: &Snapshot| delivery(now, question) == Some(Delivery::Answered);
        self.until(&what, |now| is_answered(now) && now.call.talk == Talk::Ready).await
    }

    async fn until_spoken(&mut self) -> Snapshot {
        self.until("something was said", |now| now.items.last().is_some_and(|item| item.duration_ms >= 250)).await
    }

    fn configure(&mut self, patch: Value) {
        let old = self.board.settings().clone();
        self.board.set_settings(config::merge(&old, &patch).unwrap());
        self.in_force.send_replace(self.board.settings().clone());
        self.call.configure(&old, &mut self.board);
    }

    async fn set_key(&self, key: &str) {
        self.credentials.store(Holder::Openai, SecretString::from(key)).await.unwrap();
    }

    fn notes(&mut self) -> Vec<Note> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        events.filter_map(|event| if let Change::Note(note) = event.change { Some(note) } else { None }).collect()
    }
}

fn delivery(now: &Snapshot, index: usize) -> Option<Delivery> {
    now.items.get(index).map(|item| item.delivery)
}

fn problem(now: &Snapshot) -> Option<Code> {
    now.problem.as_ref().map(|problem| problem.code)
}

/// 24 kHz, mono, 16 bit.
fn tone(ms: u32) -> Vec<u8> {
    let samples = ms * 24;
    let bytes = samples * 2;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(24_000_u32.to_le_bytes());
    wav.extend(48_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    let sample = |at: u32| (f64::from(at) * 0.08).sin() * 9_000.0;
    wav.extend((0..samples).flat_map(|at| (sample(at) as i16).to_le_bytes()));
    wav
}

fn openai(emulator: &Emulator) -> Value {
    json!({
        "call": { "provider": "openai", "route": "direct" },
        "providers": { "openai": { "base_url": emulator.base_url() } },
    })
}

fn open() -> Value {
    json!({ "call": { "mode": "open" }, "voice": { "patience": 0.0 } })
}

async fn practice() -> Emulator {
    Emulator::start(Script::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_is_answered_aloud() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.press(&mut rig.board);
    assert!(!rig.now().call.is_armed, "the microphone takes its time");
    rig.until("the microphone hears", |now| now.call.talk == Talk::Listening).await;
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert!(now.call.first_sound_ms.is_some());
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    assert!(partner.record().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_start_opens_no_device() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert!(!now.call.is_armed);
    assert_eq!(now.items[1].kind, Kind::Typed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_opens_the_microphone_of_a_call_that_began_in_writing() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, open(), 600);
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    rig.call.press(&mut rig.board);
    rig.until("the microphone is open", |now| now.call.is_armed && now.call.is_live).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_over_the_answer_silences_it() {
    let long = Answer::Play { pcm: vec![4_000; 24_000 * 20], transcript: "one two three four five".into() };
    let partner = Emulator::start(Script::default().answer(long)).await.unwrap();
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    rig.call.press(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)));
    assert!(now.items[1].heard_ms.unwrap() < 20_000);
    let told =
        |seen: &emulator::Record| seen.count("conversation.item.truncate") + seen.count("conversation.item.delete");
    partner.wait_for(|seen| told(seen) == 1, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_turn_leaves_nothing() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 20_000);
    rig.call.press(&mut rig.board);
    rig.until_spoken().await;
    rig.call.discard(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.items.len(), now.call.talk, now.call.waiting), (0, Talk::Ready, 0));
    rig.call.release(&mut rig.board);
    assert!(rig.now().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_locks_the_turn_and_the_next_press_sends_it() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 20_000);
    rig.call.press(&mut rig.board);
    rig.call.release(&mut rig.board);
    assert!(rig.now().call.is_locked);
    // Later than a double tap.
    rig.until("a second was said", |now| now.items.last().is_some_and(|item| item.duration_ms >= 1_000)).await;
    rig.call.press(&mut rig.board);
    rig.call.release(&mut rig.board);
    assert!(!rig.now().call.is_locked);
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_in_mid_turn_keeps_it_and_resending_has_it_answered() {
    for settings in [json!({}), open()] {
        let partner = practice().await;
        let mut rig = Rig::new(&partner, settings, 20_000);
        rig.call.press(&mut rig.board);
        rig.until_spoken().await;
        rig.call.hang_up(&mut rig.board);
        let now = rig.now();
        assert_eq!((delivery(&now, 0), now.call.waiting), (Some(Delivery::Kept), 1));
        assert_eq!((now.call.link, now.call.talk, now.call.is_armed), (Link::Idle, Talk::Ready, false));
        rig.call.resend(&mut rig.board);
        rig.until_answered(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_credit_is_kept_until_the_key_is_replaced() {
    let known = vec![("sk-poor".to_owned(), Verdict::NoCredit), ("sk-rich".to_owned(), Verdict::Good)];
    let keys = Keys { required: true, known, only_known: true };
    let provider = Emulator::start(Script { keys, ..Script::openai() }).await.unwrap();
    let mut rig = Rig::new(&provider, openai(&provider), 600);
    rig.set_key("sk-poor").await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("the credit is missing", |now| problem(now) == Some(Code::Quota)).await;
    assert_eq!((now.call.talk, delivery(&now, 0)), (Talk::Blocked, Some(Delivery::Kept)));
    assert_eq!(now.call.link, Link::Idle);
    rig.set_key("sk-rich").await;
    rig.call.key_replaced(&mut rig.board);
    assert_eq!(problem(&rig.now()), None);
    rig.call.resend(&mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(now.call.waiting, 0);
}

fn is_at_try(now: &Snapshot, wanted: u32) -> bool {
    matches!(now.call.link, Link::Reconnecting { attempt, of: 6, .. } if attempt == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_tries_again_the_last_problem_is_told() {
    let script = Script::default().fault(emulator::Fault::new(FaultKind::BadGateway).times(2));
    let partner = Emulator::start(script).await.unwrap();
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("it tries again", |now| is_at_try(now, 2)).await;
    let Link::Reconnecting { problem, .. } = now.call.link else { unreachable!() };
    assert_eq!(problem.code, Code::ProviderTrouble);
    assert!(problem.detail.starts_with("HTTP 502"), "{}", problem.detail);
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_over_a_lost_connection() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 2_500);
    rig.call.press(&mut rig.board);
    rig.until("it is spoken on a live connection", |now| {
        now.call.link == Link::Live && now.items.first().is_some_and(|item| item.duration_ms >= 250)
    })
    .await;
    partner.inject(emulator::Command::Cut);
    let now = rig.until("it reconnects", |now| is_at_try(now, 1)).await;
    assert_eq!(now.call.talk, Talk::Listening);
    let now = rig.until_answered(0).await;
    assert!(now.items[0].duration_ms >= 2_400, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_learns_of_the_conversation() {
    let partner = practice().await;
    let other = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    let endpoint = json!({ "base_url": other.base_url() });
    rig.configure(json!({ "call": { "provider": "openai", "route": "endpoint" }, "endpoint": endpoint }));
    rig.call.say("And now?", &mut rig.board);
    rig.until_answered(2).await;
    assert_eq!(other.record().count("conversation.item.create"), 3, "two that were told, one that was asked");
    assert_eq!(partner.record().live(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_only_travels_as_subprotocol_is_told_to_the_user() {
    let mut script = Script { keys: Keys::only("sk-good"), ..Script::openai() };
    script.gateway.credentials = GatewayCredentials::Seed003;
    let gateway = Emulator::start(script).await.unwrap();
    let settings = json!({
        "call": { "provider": "openai", "route": "gateway" },
        "gateway": { "base_url": gateway.gateway_url(), "account_id": "a", "gateway_id": "g" },
    });
    let mut rig = Rig::new(&gateway, settings, 600);
    rig.set_key("sk-good").await;
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    assert!(rig.notes().contains(&Note::InsecureSubprotocol));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_answer_is_told_and_leaves_nothing_spinning() {
    let partner = Emulator::start(Script::default().fault(FaultKind::ResponseServerError)).await.unwrap();
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("it failed", |now| problem(now) == Some(Code::AnswerFailed)).await;
    assert_eq!((delivery(&now, 0), now.call.link), (Some(Delivery::Kept), Link::Live));
    let now = rig.until("nothing is awaited", |now| now.call.talk == Talk::Ready).await;
    assert_eq!((now.call.waiting, now.items[0].problem.is_some()), (1, true));
    rig.call.resend(&mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(problem(&now), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_the_provider_refuses_end_the_try() {
    let partner = practice().await;
    let settings = json!({ "providers": { "openai": { "reasoning_effort": "absurd" } } });
    let mut rig = Rig::new(&partner, settings, 600);
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("it is told", |now| problem(now) == Some(Code::Refused)).await;
    assert_eq!((now.call.talk, delivery(&now, 0)), (Talk::Blocked, Some(Delivery::Kept)));
    assert_eq!(now.call.link, Link::Idle);
    rig.configure(json!({ "providers": { "openai": { "reasoning_effort": "low" } } }));
    rig.call.resend(&mut rig.board);
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_and_mode_can_change_at_once() {
    let partner = practice().await;
    let other = practice().await;
    let mut rig = Rig::new(&partner, open(), 20_000);
    rig.call.press(&mut rig.board);
    rig.until("the microphone is live", |now| now.call.is_live).await;
    let endpoint = json!({ "base_url": other.base_url() });
    rig.configure(json!({
        "call": { "provider": "openai", "route": "endpoint", "mode": "ptt" },
        "endpoint": endpoint,
    }));
    let now = rig.until("the other one is there", |now| now.call.link == Link::Live).await;
    assert!(now.call.is_armed && !now.call.is_live, "nobody holds the key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_server_repeats_is_not_shown() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, openai(&partner), 600);
    rig.set_key("sk-repeated").await;
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    partner.inject(emulator::Command::Event(json!({
        "type": "error",
        "error": { "type": "invalid_request_error", "code": "invalid_api_key", "message": "sk-repeated is wrong" },
    })));
    let now = rig.until("it is told", |now| problem(now) == Some(Code::CredentialRefused)).await;
    assert_eq!(now.problem.unwrap().detail, "[key] is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_detail_does_not_end_the_call_when_its_connection_breaks_later() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    partner.inject(emulator::Command::Event(json!({
        "type": "error",
        "error": { "type": "invalid_request_error", "code": "invalid_value", "message": "no such thing" },
    })));
    rig.until("it is told", |now| problem(now) == Some(Code::Refused)).await;
    partner.inject(emulator::Command::Event(json!({ "type": "rate_limits.updated", "rate_limits": [] })));
    partner.inject(emulator::Command::Cut);
    rig.until("it reconnects", |now| matches!(now.call.link, Link::Reconnecting { .. })).await;
    let now = rig.until("it is back", |now| now.call.link == Link::Live).await;
    assert_eq!(problem(&now), None);
}

/// One row: how the gateway behaves, which token is kept, what the user is told (`None`: an answer).
type Way = (&'static str, emulator::Gateway, Option<&'static str>, Option<Code>);

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_reached_in_each_of_its_forms_or_says_what_is_wrong() {
    let plain = emulator::Gateway::default();
    let with_token = emulator::Gateway { tokens: Some(vec!["cf-good".into()]), ..plain.clone() };
    let bare = emulator::Gateway { forms: TokenForms::Bare, ..with_token.clone() };
    let elsewhere = emulator::Gateway { exists: Some(("a".into(), "other".into())), ..plain.clone() };
    let lossy = emulator::Gateway { credentials: GatewayCredentials::Seed003, ..with_token.clone() };
    let ways: [Way; 7] = [
        ("no token asked for", plain, None, None),
        ("token", with_token.clone(), Some("cf-good"), None),
        ("token without Bearer", bare, Some("cf-good"), None),
        ("lost headers", lossy, Some("cf-good"), None),
        ("wrong token", with_token.clone(), Some("cf-wrong"), Some(Code::GatewayRefused)),
        ("no token", with_token, None, Some(Code::GatewayRefused)),
        ("no such gateway", elsewhere, None, Some(Code::GatewayMissing)),
    ];
    for (name, gateway, token, refusal) in ways {
        let script = Script { keys: Keys::only("sk-good"), gateway, ..Script::openai() };
        let emulator = Emulator::start(script).await.unwrap();
        let settings = json!({
            "call": { "provider": "openai", "route": "gateway" },
            "gateway": { "base_url": emulator.gateway_url(), "account_id": "a", "gateway_id": "g" },
        });
        let mut rig = Rig::new(&emulator, settings, 600);
        rig.set_key("sk-good").await;
        if let Some(token) = token {
            rig.credentials.store(Holder::Gateway, SecretString::from(token)).await.unwrap();
        }
        rig.call.say("Hello", &mut rig.board);
        let is_over = |now: &Snapshot| now.problem.is_some() || delivery(now, 0) == Some(Delivery::Answered);
        let now = rig.until(name, is_over).await;
        assert_eq!(problem(&now), refusal, "{name}: {:?}", now.problem);
        let kept = refusal.map_or(Delivery::Answered, |_| Delivery::Kept);
        assert_eq!(delivery(&now, 0), Some(kept), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_always_breaks_off_is_given_up_and_the_question_kept() {
    let fault = emulator::Fault::new(FaultKind::CutMidAudio).always();
    let partner = Emulator::start(Script::default().fault(fault)).await.unwrap();
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    rig.until("it counts its tries", |now| is_at_try(now, 3)).await;
    let is_kept = |now: &Snapshot| now.items.first().is_some_and(|item| item.problem.is_some());
    let now = rig.until("it is kept with a reason", is_kept).await;
    assert_eq!((delivery(&now, 0), now.call.waiting), (Some(Delivery::Kept), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_the_talk_key_leaves_a_call_stuck() {
    let partner = practice().await;
    for seed in 0_u32..4 {
        let mut rig = Rig::new(&partner, json!({}), 60_000);
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        for _ in 0..60 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (call, board) = (&mut rig.call, &mut rig.board);
            match (state >> 16) % 12 {
                0..3 => call.press(board),
                3..6 => call.release(board),
                6 => call.discard(board),
                7 => call.stop(board),
                8 => call.say("Hello", board),
                9 => drop(call.hang_up(board)),
                10 => partner.inject(emulator::Command::Cut),
                _ => {
                    let mode = if state & 1 == 0 { "open" } else { "ptt" };
                    rig.configure(json!({ "call": { "mode": mode } }));
                }
            }
            // A few things happen in between, however many are ready.
            for _ in 0..state % 7 {
                if let Ok(happening) = tokio::time::timeout(Duration::from_millis(20), rig.call.next()).await {
                    rig.call.happen(happening, &mut rig.board);
                }
            }
        }
        rig.call.hang_up(&mut rig.board);
        let now = rig.now();
        assert_eq!((now.call.talk, now.call.link), (Talk::Ready, Link::Idle), "{seed}");
        let is_open = |item: &crate::api::Item| matches!(item.delivery, Delivery::Recording | Delivery::Arriving);
        assert!(!now.items.iter().any(is_open), "{seed}: {:#?}", now.items);
        rig.configure(json!({ "call": { "mode": "ptt" } }));
        rig.call.resend(&mut rig.board);
        rig.until("nothing waits", |now| now.call.waiting == 0 && now.call.talk == Talk::Ready).await;
    }
    assert!(partner.record().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_moves_to_a_fresh_connection_before_the_provider_ends_the_old_one() {
    let script = Script { session_seconds: 62, ..Script::default() };
    let partner = Emulator::start(script).await.unwrap();
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    // The new connection is open before it takes over.
    let is_renewed = |now: &Snapshot| now.call.link == Link::Live && partner.record().count("session.update") == 2;
    let now = rig.until("it is renewed", is_renewed).await;
    assert_eq!((problem(&now), now.call.waiting), (None, 0));
    assert!(rig.notes().contains(&Note::Renewed));
    partner.wait_for(|seen| seen.count("conversation.item.create") == 3, LIMIT).await.unwrap();
}
