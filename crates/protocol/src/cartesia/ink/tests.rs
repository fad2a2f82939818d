#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::elevenlabs::tests::rig::{EarRig, GARBAGE, Schema, config, in_language, open};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../../../emulator/schemas/cartesia-stt-ws.schema.json")));

/// What was sent: ms of sound, `*` behind what is not the microphone's, and words.
fn sent(rig: &mut EarRig<Ink>) -> String {
    let mut words: Vec<String> = Vec::new();
    for (message, is_audio) in rig.sent() {
        words.push(match message {
            Message::Binary(bytes) => format!("{}{}", bytes.len() / 48, if is_audio { "" } else { "*" }),
            Message::Text(text) if text.starts_with('{') => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                SCHEMA.check("STTAutoFinalizeConfigCommand", &frame);
                frame["turn"].to_string()
            }
            Message::Text(text) => text,
        });
    }
    words.join(" ")
}

fn by_key() -> EarRig<Ink> {
    let mut rig = EarRig::new(Ink::new(), &config());
    assert_eq!(rig.heard(), [Heard::Ready]);
    rig
}

fn by_turns() -> EarRig<Ink> {
    let mut rig = EarRig::new(Ink::new(), &open(0.5));
    assert_eq!(sent(&mut rig), r#"{"eager_end_threshold":0.4,"end_threshold":0.2,"end_timeout_ms":5600}"#);
    rig.serve(&json!({ "type": "connected", "request_id": "r" }));
    assert_eq!(rig.heard(), [Heard::Ready]);
    rig
}

fn transcript(text: &str, is_final: bool) -> Value {
    json!({ "type": "transcript", "text": text, "is_final": is_final, "request_id": "r" })
}

fn flushed() -> Value {
    json!({ "type": "flush_done", "request_id": "r" })
}

fn turn(kind: &str, words: &str) -> Value {
    json!({ "type": format!("turn.{kind}"), "transcript": words, "request_id": "r" })
}

fn words(text: &str) -> Heard {
    Heard::Words(text.to_owned())
}

fn ended(text: &str) -> Heard {
    Heard::Ended(text.to_owned())
}

#[test]
fn a_turn_of_the_key_is_finalized_with_a_bare_word() {
    let mut rig = by_key();
    rig.hear(240);
    rig.serve(&transcript("What", false));
    rig.serve(&transcript("What is", true));
    rig.end_turn();
    assert_eq!(sent(&mut rig), "100 100 40 finalize");
    rig.serve(&transcript(" it", false));
    rig.serve(&transcript(" it?", true));
    rig.serve(&flushed());
    rig.serve(&flushed());
    let said = [words("What"), words("What is"), words("What is it"), words("What is it?"), ended("What is it?")];
    assert_eq!(rig.heard(), said);
}

#[test]
fn what_was_cleared_is_not_in_the_next_turn() {
    let mut rig = by_key();
    rig.hear(200);
    rig.clear();
    rig.hear(200);
    rig.end_turn();
    assert_eq!(sent(&mut rig), "100 100 finalize 100 100 finalize");
    rig.serve(&transcript("Forget this.", true));
    rig.serve(&flushed());
    rig.serve(&transcript(" Keep this.", true));
    rig.serve(&flushed());
    assert_eq!(rig.heard(), [words("Keep this."), ended("Keep this.")]);
    rig.end_turn();
    assert_eq!(rig.heard(), [ended("")], "nothing was said");
}

#[test]
fn words_that_never_come_do_not_hold_the_turn_up() {
    let mut rig = by_key();
    rig.hear(200);
    rig.serve(&transcript("Half", true));
    rig.end_turn();
    rig.wait(Duration::from_secs(7));
    assert_eq!(rig.heard(), [words("Half"), ended("Half")]);
}

#[test]
fn turns_are_the_services_with_an_open_microphone() {
    let mut rig = by_turns();
    rig.hear(200);
    for frame in [turn("start", ""), turn("update", "How"), turn("update", "How"), turn("eager_end", "How are")] {
        rig.serve(&frame);
    }
    for frame in [turn("resume", ""), turn("resume", ""), turn("update", "How are you"), turn("end", "How are you?")] {
        rig.serve(&frame);
    }
    rig.serve(&turn("end", "How are you?"));
    let expected = [
        Heard::Started,
        words("How"),
        Heard::EagerEnd("How are".to_owned()),
        Heard::Resumed,
        words("How are you"),
        ended("How are you?"),
    ];
    assert_eq!(rig.heard(), expected);
    assert_eq!(sent(&mut rig), "100 100");
}

#[test]
fn a_turn_gets_silence_when_the_microphone_stops() {
    let mut rig = by_turns();
    rig.hear(200);
    rig.serve(&turn("start", ""));
    sent(&mut rig);
    rig.wait(Duration::from_millis(900));
    assert_eq!(sent(&mut rig), "100* 100* 100* 100* 100*");
    rig.hear(100);
    rig.wait(Duration::from_millis(450));
    assert_eq!(sent(&mut rig), "100");
    rig.serve(&turn("end", "Yes"));
    rig.wait(Duration::from_secs(30));
    assert_eq!(sent(&mut rig), "", "between turns only now and then");
    rig.wait(Duration::from_secs(31));
    assert_eq!(sent(&mut rig), "100*");
}

#[test]
fn a_turn_can_be_ended_or_forgotten_from_here() {
    let mut rig = by_turns();
    rig.serve(&turn("update", "Go on"));
    rig.end_turn();
    rig.serve(&turn("update", "Go on please"));
    rig.serve(&turn("end", "Go on please."));
    assert_eq!(rig.heard(), [Heard::Started, words("Go on"), ended("Go on")]);
    rig.serve(&turn("update", "Never"));
    rig.clear();
    rig.serve(&turn("end", "Never mind."));
    rig.serve(&turn("start", ""));
    assert_eq!(rig.heard(), [Heard::Started, words("Never"), Heard::Started]);
}

#[test]
fn patience_changes_within_the_connection() {
    let mut rig = by_turns();
    for (patience, expected) in [
        (0.0, r#"{"eager_end_threshold":0.4,"end_threshold":0.3,"end_timeout_ms":3000}"#),
        (1.0, r#"{"eager_end_threshold":0.4,"end_threshold":0.1,"end_timeout_ms":8200}"#),
    ] {
        rig.ear.configure(&open(patience), rig.now);
        rig.clear();
        assert_eq!(sent(&mut rig), expected);
    }
}

#[test]
fn a_greeting_that_does_not_come_is_not_waited_for() {
    let mut rig = EarRig::new(Ink::new(), &open(0.5));
    rig.wait(Duration::from_secs(3));
    assert_eq!(rig.heard(), [Heard::Ready]);
}

#[test]
fn errors_end_the_connection_with_their_cause() {
    for (status, cause) in [(401, crate::Cause::Credential), (402, crate::Cause::Quota)] {
        for mut rig in [by_key(), by_turns()] {
            rig.serve(&json!({ "type": "error", "title": "No", "message": "no", "status_code": status }));
            let [Heard::Failed(complaint)] = &rig.heard()[..] else { panic!("no failure") };
            assert_eq!(complaint.clone().into_fault().cause, cause);
        }
    }
}

#[test]
fn the_address_depends_on_who_ends_turns() {
    let query =
        |place: &Place| place.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let key = place("ink-2", "2026-08-14", &in_language("en-GB"));
    let expected = "cartesia_version=2026-08-14&model=ink-2&encoding=pcm_s16le&sample_rate=24000&language=en";
    assert_eq!((key.path.as_str(), query(&key).as_str()), ("stt/websocket", expected));
    let turns = place("ink-2", "2026-08-14", &open(0.5));
    assert_eq!(turns.path, "stt/turns/websocket");
    assert!(!query(&turns).contains("language"));
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_the_ear(steps in proptest::collection::vec((0..9_usize, 0..10_usize), 0..60), is_open: bool) {
        let mut rig = EarRig::new(Ink::new(), &if is_open { open(0.3) } else { config() });
        for (step, which) in steps {
            match step {
                0 => rig.hear(which * 60),
                1 => rig.end_turn(),
                2 => rig.clear(),
                3 => rig.frame(GARBAGE[which]),
                4 => rig.serve(&transcript("words", which > 4)),
                5 => rig.serve(&flushed()),
                6 => rig.wait(Duration::from_millis(which as u64 * 200)),
                _ => rig.serve(&turn(["start", "update", "eager_end", "resume", "end"][which % 5], "words")),
            }
        }
        sent(&mut rig);
        rig.wait(Duration::from_secs(8));
        prop_assert!(rig.heard().iter().filter(|heard| **heard == Heard::Ready).count() <= 1);
    }
}
