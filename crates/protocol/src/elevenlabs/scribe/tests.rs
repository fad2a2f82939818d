#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::elevenlabs::tests::rig::{EarRig, GARBAGE, Schema, config, in_language, open};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../../../emulator/schemas/elevenlabs-scribe-realtime.schema.json")));

fn ear(config: &Config) -> EarRig<Scribe> {
    let mut rig = EarRig::new(Scribe::new(), config);
    assert_eq!(rig.heard(), []);
    rig.serve(&json!({ "message_type": "session_started", "session_id": "s", "config": {} }));
    assert_eq!(rig.heard(), [Heard::Ready]);
    assert!(rig.sent().is_empty());
    rig
}

/// What was sent, held against the schema: ms of sound, `*` behind what is not the microphone's, and commits.
fn sent(rig: &mut EarRig<Scribe>) -> String {
    let mut words: Vec<String> = Vec::new();
    for (message, is_audio) in rig.sent() {
        let Message::Text(text) = message else { panic!("a binary frame") };
        let frame: Value = serde_json::from_str(&text).unwrap();
        SCHEMA.check("InputAudioChunkPayload", &frame);
        let bytes = STANDARD.decode(frame["audio_base_64"].as_str().unwrap()).unwrap().len();
        assert_eq!(frame["sample_rate"], 24_000);
        let mark = if is_audio { "" } else { "*" };
        words.push(if frame["commit"] == true { "commit".to_owned() } else { format!("{}{mark}", bytes / 48) });
    }
    words.join(" ")
}

fn partial(text: &str) -> Value {
    json!({ "message_type": "partial_transcript", "text": text })
}

fn committed(text: &str) -> Value {
    json!({ "message_type": "committed_transcript", "text": text })
}

fn stamped(text: &str) -> Value {
    json!({ "message_type": "committed_transcript_with_timestamps", "text": text, "words": [] })
}

fn words(text: &str) -> Heard {
    Heard::Words(text.to_owned())
}

fn ended(text: &str) -> Heard {
    Heard::Ended(text.to_owned())
}

#[test]
fn a_turn_of_the_key_is_committed_when_it_ends() {
    let mut rig = ear(&config());
    rig.hear(250);
    assert_eq!(sent(&mut rig), "100 100");
    rig.hear(200);
    rig.serve(&partial("What is"));
    rig.end_turn();
    assert_eq!(sent(&mut rig), "100 100 40 commit");
    rig.serve(&partial("What is it"));
    rig.serve(&committed("What is it?"));
    rig.serve(&stamped("What is it?"));
    rig.serve(&committed("What is it?"));
    assert_eq!(rig.heard(), [words("What is"), words("What is it"), ended("What is it?")]);
}

#[test]
fn a_short_turn_is_filled_with_silence() {
    let mut rig = ear(&config());
    rig.hear(120);
    rig.end_turn();
    assert_eq!(sent(&mut rig), "100 20 280* commit");
    rig.serve(&committed("No."));
    assert_eq!(rig.heard(), [ended("No.")]);
}

#[test]
fn a_turn_without_sound_has_no_words() {
    let mut rig = ear(&config());
    rig.end_turn();
    assert_eq!((rig.heard(), sent(&mut rig)), (vec![ended("")], String::new()));
}

#[test]
fn what_was_cleared_is_not_in_the_next_turn() {
    let mut rig = ear(&config());
    rig.clear();
    assert_eq!(sent(&mut rig), "", "there is nothing to forget");
    rig.hear(500);
    rig.serve(&partial("Forget"));
    rig.clear();
    rig.hear(600);
    rig.serve(&partial("Forget this"));
    rig.end_turn();
    assert_eq!(sent(&mut rig), "100 100 100 100 100 commit 100 100 100 100 100 100 commit");
    rig.serve(&committed("Forget this."));
    rig.serve(&partial("Keep"));
    rig.serve(&committed("Keep this."));
    assert_eq!(rig.heard(), [words("Forget"), words("Keep"), ended("Keep this.")]);
}

#[test]
fn two_turns_one_after_the_other_get_their_own_words() {
    let mut rig = ear(&config());
    for _ in 0..2 {
        rig.hear(500);
        rig.end_turn();
    }
    rig.serve(&committed("One."));
    rig.serve(&committed("Two."));
    assert_eq!(rig.heard(), [ended("One."), ended("Two.")]);
}

#[test]
fn segments_that_the_service_commits_itself_stay_in_the_turn() {
    let mut rig = ear(&config());
    rig.hear(1_000);
    rig.serve(&committed("A long"));
    rig.hear(1_000);
    rig.serve(&partial("story"));
    rig.end_turn();
    rig.serve(&committed("story."));
    assert_eq!(rig.heard(), [words("A long story"), ended("A long story.")]);
}

#[test]
fn an_open_microphone_goes_by_the_services_silence() {
    let mut rig = ear(&open(0.5));
    rig.hear(500);
    rig.serve(&partial(""));
    assert_eq!(rig.heard(), []);
    rig.serve(&partial("How"));
    rig.serve(&partial("How are you"));
    rig.serve(&committed("How are you?"));
    rig.serve(&stamped("How are you?"));
    rig.serve(&committed("How are you?"));
    let once = [Heard::Started, words("How"), words("How are you"), ended("How are you?")];
    assert_eq!(rig.heard(), once, "the second time nothing new had been heard");
    rig.hear(500);
    rig.serve(&committed("Yes."));
    rig.hear(500);
    rig.serve(&committed(""));
    assert_eq!(rig.heard(), [Heard::Started, ended("Yes.")]);
    assert!(!sent(&mut rig).contains("commit"));
}

#[test]
fn an_open_microphone_forgets_what_is_being_said() {
    let mut rig = ear(&open(0.5));
    rig.hear(500);
    rig.serve(&partial("Never"));
    rig.clear();
    rig.serve(&partial("Never mind"));
    rig.serve(&committed("Never mind."));
    rig.hear(500);
    rig.serve(&partial("Go"));
    rig.end_turn();
    assert!(sent(&mut rig).ends_with("commit"));
    rig.serve(&committed("Go on."));
    assert_eq!(rig.heard(), [Heard::Started, words("Never"), Heard::Started, words("Go"), ended("Go on.")]);
}

#[test]
fn the_service_hears_something_all_the_time() {
    let mut rig = ear(&config());
    rig.wait(Duration::from_secs(12));
    assert_eq!(sent(&mut rig), "0* 0*");
    rig.hear(400);
    sent(&mut rig);
    rig.wait(Duration::from_millis(4_900));
    assert_eq!(sent(&mut rig), "");
}

#[test]
fn words_that_never_come_do_not_hold_the_turn_up() {
    let mut rig = ear(&config());
    rig.hear(500);
    rig.serve(&partial("Half of"));
    rig.end_turn();
    rig.wait(Duration::from_secs(7));
    assert_eq!(rig.heard(), [words("Half of"), ended("Half of")]);
    rig.serve(&committed("Half of it."));
    assert_eq!(rig.heard(), [], "too late");
}

/// A turn whose words do not come in time, and one behind it that is being spoken.
fn turn_behind_a_late_one() -> EarRig<Scribe> {
    let mut rig = ear(&config());
    rig.hear(500);
    rig.end_turn();
    rig.wait(Duration::from_secs(7));
    assert_eq!(rig.heard(), [ended("")]);
    rig.hear(500);
    rig
}

#[test]
fn words_that_come_too_late_do_not_join_the_next_turn() {
    let mut rig = turn_behind_a_late_one();
    rig.serve(&committed("Of old."));
    rig.end_turn();
    rig.serve(&committed("New."));
    assert_eq!(rig.heard(), [ended("New.")], "while the next turn is spoken");
    let mut rig = turn_behind_a_late_one();
    rig.end_turn();
    rig.serve(&committed("Of old."));
    rig.serve(&partial("Ne"));
    rig.serve(&committed("New."));
    assert_eq!(rig.heard(), [words("Ne"), ended("New.")], "while the next turn waits for its words");
    rig.hear(500);
    rig.end_turn();
    rig.serve(&committed("Newer."));
    assert_eq!(rig.heard(), [ended("Newer.")]);
}

#[test]
fn a_turn_behind_one_that_never_got_words_keeps_its_own() {
    let mut rig = turn_behind_a_late_one();
    rig.end_turn();
    rig.serve(&committed("New."));
    assert_eq!(rig.heard(), [], "they may be the late ones");
    rig.wait(Duration::from_secs(7));
    assert_eq!(rig.heard(), [ended("New.")]);
    rig.hear(500);
    rig.end_turn();
    rig.serve(&committed("Newer."));
    assert_eq!(rig.heard(), [ended("Newer.")], "and nothing is owed any more");
    let mut rig = turn_behind_a_late_one();
    rig.wait(Duration::from_secs(21));
    rig.end_turn();
    rig.serve(&committed("New."));
    assert_eq!(rig.heard(), [ended("New.")], "so late no words come");
}

#[test]
fn errors_end_the_connection_with_their_cause() {
    for (kind, cause) in [("auth_error", crate::Cause::Credential), ("quota_exceeded", crate::Cause::Quota)] {
        let mut rig = ear(&config());
        rig.serve(&json!({ "message_type": kind, "error": "No." }));
        let [Heard::Failed(complaint)] = &rig.heard()[..] else { panic!("{kind}: no failure") };
        assert_eq!(complaint.clone().into_fault().cause, cause);
    }
}

#[test]
fn the_address_says_how_turns_end() {
    let place = place("scribe_v2_realtime", &in_language("ru-RU"));
    assert_eq!((place.leg, place.path.as_str()), (Leg::Ears, "v1/speech-to-text/realtime"));
    let query =
        |place: &Place| place.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let expected = "model_id=scribe_v2_realtime&audio_format=pcm_24000&commit_strategy=manual&language_code=ru";
    assert_eq!(query(&place), expected);
    let silence = |patience| {
        let place = super::place("m", &open(patience));
        place.query.into_iter().find(|(name, _)| *name == "vad_silence_threshold_secs").unwrap().1
    };
    assert_eq!([silence(0.0), silence(0.5), silence(1.0), silence(f32::NAN)], ["0.40", "1.00", "1.60", "1.00"]);
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_the_ear(steps in proptest::collection::vec((0..9_usize, 0..10_usize), 0..60), is_open: bool) {
        let mut rig = EarRig::new(Scribe::new(), &if is_open { open(0.3) } else { config() });
        for (step, which) in steps {
            match step {
                0 => rig.hear(which * 60),
                1 => rig.end_turn(),
                2 => rig.clear(),
                3 => rig.frame(GARBAGE[which]),
                4 => rig.serve(&partial(if which > 4 { "words" } else { "" })),
                5 => rig.serve(&committed(if which > 4 { "words" } else { "" })),
                6 => rig.serve(&stamped("words")),
                7 => rig.wait(Duration::from_secs(which as u64)),
                _ => rig.serve(&json!({ "message_type": "session_started" })),
            }
        }
        sent(&mut rig);
        rig.wait(Duration::from_secs(20));
        let heard = rig.heard();
        prop_assert!(heard.iter().filter(|heard| **heard == Heard::Ready).count() <= 1);
    }
}
