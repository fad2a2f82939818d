#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Leg;
use crate::elevenlabs::tests::rig::{GARBAGE, MouthRig, Schema, config, in_language, sound};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../../../emulator/schemas/elevenlabs-tts-ws.schema.json")));

fn mouth() -> MouthRig<Multi> {
    MouthRig::new(Multi::new("eleven_flash_v2_5", "VOICE"), &config())
}

fn dialogue() -> MouthRig<Multi> {
    MouthRig::new(Multi::new("eleven_v4_turbo", "VOICE"), &config())
}

/// What was sent, held against the schema.
fn sent(rig: &mut MouthRig<Multi>) -> Vec<Value> {
    let frames = rig.sent();
    for frame in &frames {
        let has = |key: &str| frame.get(key).is_some();
        let kind = if has("voices") || has("inputs") || has("keep_alive") {
            "TextToDialogueWebsocketClientMessageMulti"
        } else if has("close_context") {
            "CloseContext"
        } else if frame["text"] == " " {
            "InitializeConnectionMulti"
        } else if frame["text"] == "" {
            "KeepContextAlive"
        } else {
            "SendTextMulti"
        };
        SCHEMA.check(kind, frame);
    }
    frames
}

fn audio(name: &str, samples: usize) -> Value {
    json!({ "audio": sound(samples), "contextId": name, "isFinal": null, "alignment": null })
}

fn last(name: &str) -> Value {
    json!({ "isFinal": true, "contextId": name })
}

fn heard(context: u64, samples: usize) -> Said {
    Said::Audio { context: Context(context), pcm: vec![1_000; samples] }
}

#[test]
fn an_answer_is_a_context_with_a_flush_for_each_sentence() {
    let mut rig = mouth();
    rig.speak(1, "Hello there. ");
    rig.speak(1, "How are you?");
    rig.finish(1);
    let expected = [
        json!({ "text": " ", "context_id": "c1" }),
        json!({ "text": "Hello there. ", "context_id": "c1", "flush": true }),
        json!({ "text": "How are you? ", "context_id": "c1", "flush": true }),
        json!({ "context_id": "c1", "close_context": true }),
    ];
    assert_eq!(sent(&mut rig), expected);
    rig.serve(&audio("c1", 100));
    rig.serve(&audio("c1", 50));
    rig.serve(&last("c1"));
    rig.serve(&last("c1"));
    assert_eq!(rig.said(), [heard(1, 100), heard(1, 50), Said::Done(Context(1))]);
}

#[test]
fn late_sound_of_a_cancelled_answer_is_dropped() {
    let mut rig = mouth();
    rig.speak(1, "A long story. ");
    rig.serve(&audio("c1", 100));
    rig.cancel(1);
    assert_eq!(sent(&mut rig).last().unwrap()["close_context"], true);
    rig.speak(2, "Yes? ");
    rig.serve(&audio("c1", 100));
    rig.serve(&audio("c2", 70));
    rig.serve(&last("c1"));
    rig.finish(2);
    rig.serve(&last("c2"));
    assert_eq!(rig.said(), [heard(1, 100), heard(2, 70), Said::Done(Context(2))]);
}

#[test]
fn newer_models_speak_dialogues() {
    let mut rig = dialogue();
    rig.speak(1, "Hello. ");
    rig.finish(1);
    let expected = [
        json!({ "voices": ["VOICE"], "context_id": "c1" }),
        json!({ "inputs": [{ "text": "Hello. ", "voice_id": "VOICE", "new_turn": false }], "flush": true, "context_id": "c1" }),
        json!({ "context_id": "c1", "close_context": true }),
    ];
    assert_eq!(sent(&mut rig), expected);
    rig.serve(&json!({ "audio": sound(30), "context_id": "c1" }));
    rig.serve(&json!({ "is_final_audio_for_turn": true, "context_id": "c1" }));
    rig.serve(&json!({ "is_final": true, "context_id": "c1" }));
    assert_eq!(rig.said(), [heard(1, 30), Said::Done(Context(1))]);
}

#[test]
fn no_more_contexts_are_open_than_the_service_takes() {
    let mut rig = mouth();
    for context in 1..=6 {
        rig.speak(context, "One. ");
        if context < 6 {
            rig.cancel(context);
        }
    }
    rig.speak(6, "Two. ");
    rig.finish(6);
    let opened = |frames: &[Value]| frames.iter().filter(|frame| frame["text"] == " ").count();
    assert_eq!(opened(&sent(&mut rig)), 4);
    rig.serve(&last("c2"));
    let frames = sent(&mut rig);
    assert_eq!((frames.len(), &frames[1]["text"]), (3, &json!("One. Two. ")));
    rig.serve(&last("c5"));
    assert_eq!(rig.said(), [Said::Done(Context(6))]);
}

#[test]
fn contexts_that_the_service_never_closes_make_room_in_time() {
    let mut rig = mouth();
    for context in 1..=4 {
        rig.speak(context, "One. ");
        rig.cancel(context);
    }
    rig.speak(9, "At last. ");
    sent(&mut rig);
    rig.wait(GONE);
    assert_eq!(sent(&mut rig)[1]["text"], "At last. ");
}

#[test]
fn contexts_and_the_socket_are_kept_alive() {
    let mut rig = mouth();
    rig.wait(Duration::from_secs(21));
    let keeper = [json!({ "text": " ", "context_id": "keeper" }), json!({ "text": "", "context_id": "keeper" })];
    assert_eq!(sent(&mut rig), [&keeper[..], &keeper[1..]].concat());
    rig.speak(1, "Let me see. ");
    sent(&mut rig);
    rig.wait(QUIET);
    assert_eq!(sent(&mut rig), [json!({ "text": "", "context_id": "c1" }), keeper[1].clone()]);
    let mut rig = dialogue();
    rig.wait(QUIET);
    assert_eq!(sent(&mut rig)[1], json!({ "keep_alive": true, "context_id": "keeper" }));
}

#[test]
fn an_answer_without_words_is_done_at_once() {
    let mut rig = mouth();
    rig.finish(3);
    assert_eq!((rig.said(), sent(&mut rig)), (vec![Said::Done(Context(3))], Vec::new()));
}

#[test]
fn a_context_that_the_service_closed_early_is_opened_again() {
    let mut rig = mouth();
    rig.speak(1, "One. ");
    rig.serve(&last("c1"));
    rig.speak(1, "Two. ");
    rig.finish(1);
    assert_eq!(sent(&mut rig)[3], json!({ "text": "Two. ", "context_id": "c2", "flush": true }));
    rig.serve(&last("c2"));
    assert_eq!(rig.said(), [Said::Done(Context(1))]);
}

#[test]
fn errors_concern_an_answer_or_all() {
    let mut rig = mouth();
    rig.speak(1, "One. ");
    rig.serve(
        &json!({ "message": "No such voice.", "error": "voice_id_does_not_exist", "code": 1008, "contextId": "c1" }),
    );
    rig.speak(2, "Two. ");
    rig.cancel(2);
    rig.serve(&json!({ "message": "Gone.", "error": "context", "code": 1008, "contextId": "c2" }));
    let said = rig.said();
    let [Said::Failed { context: Some(Context(1)), complaint }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(complaint.clone().into_fault().cause, crate::Cause::Refused);
    rig.serve(&json!({ "message": "You have no credits left.", "error": "quota_exceeded", "code": 1008 }));
    let said = rig.said();
    let [Said::Failed { context: None, complaint }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(complaint.clone().into_fault().cause, crate::Cause::Quota);
}

#[test]
fn speed_is_told_to_new_contexts_within_the_services_limits() {
    let mut rig = mouth();
    rig.mouth.configure(&Config { speed: Some(1.5), ..config() }, rig.now);
    rig.speak(1, "Quick. ");
    let speed = sent(&mut rig)[0]["voice_settings"]["speed"].as_f64().unwrap();
    assert!((speed - 1.2).abs() < 1e-6);
}

#[test]
fn the_address_depends_on_the_model() {
    let flash = place("eleven_flash_v2_5", "VOICE", &in_language("de-DE"));
    assert_eq!((flash.leg, flash.path.as_str()), (Leg::Mouth, "v1/text-to-speech/VOICE/multi-stream-input"));
    assert!(flash.query.contains(&("language_code", "de".to_owned())));
    assert!(flash.query.contains(&("output_format", "pcm_24000".to_owned())));
    let older = place("eleven_multilingual_v2", "VOICE", &in_language("de"));
    assert!(older.query.iter().all(|(name, _)| *name != "language_code"));
    let newer = place("eleven_v4_turbo", "VOICE", &config());
    assert_eq!(newer.path, "v1/text-to-dialogue/multi-stream-input");
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_the_mouth(steps in proptest::collection::vec((0..8_usize, 0..10_usize), 0..80)) {
        let mut rig = mouth();
        for (step, which) in steps {
            let context = which as u64;
            match step {
                0 => rig.speak(context, "Words. "),
                1 => rig.finish(context),
                2 => rig.cancel(context),
                3 => rig.frame(GARBAGE[which]),
                4 => rig.serve(&audio(&format!("c{which}"), which)),
                5 => rig.serve(&last(&format!("c{which}"))),
                6 => rig.wait(Duration::from_secs(which as u64)),
                _ => rig.serve(&json!({ "error": "x", "message": "y", "contextId": format!("c{which}") })),
            }
        }
        sent(&mut rig);
        let open = rig.mouth.answers.values().filter(|answer| answer.stage != Stage::Waiting).count();
        prop_assert!(open <= MOST);
    }
}
