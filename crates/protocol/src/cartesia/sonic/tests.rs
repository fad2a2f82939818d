#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::elevenlabs::tests::rig::{GARBAGE, MouthRig, Schema, config, in_language, sound};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../../../emulator/schemas/cartesia-tts-ws.schema.json")));

fn mouth() -> MouthRig<Sonic> {
    MouthRig::new(Sonic::new("sonic-3.5", "VOICE"), &config())
}

/// What was sent, held against the schema: transcripts by context, `…` behind those that go on.
fn sent(rig: &mut MouthRig<Sonic>) -> String {
    let mut words = Vec::new();
    for frame in rig.sent() {
        let context = frame["context_id"].as_str().unwrap();
        if frame.get("cancel").is_some() {
            SCHEMA.check("CancelContextRequest", &frame);
            words.push(format!("{context} cancelled"));
            continue;
        }
        SCHEMA.check("GenerationRequest", &frame);
        assert_eq!((&frame["model_id"], &frame["voice"]["id"]), (&json!("sonic-3.5"), &json!("VOICE")));
        assert_eq!(
            (&frame["output_format"]["sample_rate"], &frame["max_buffer_delay_ms"]),
            (&json!(24_000), &json!(0))
        );
        let goes_on = if frame["continue"] == true { "…" } else { "" };
        words.push(format!("{context} {:?}{goes_on}", frame["transcript"].as_str().unwrap()));
    }
    words.join(", ")
}

fn chunk(name: &str, samples: usize) -> Value {
    json!({ "type": "chunk", "context_id": name, "data": sound(samples), "done": false, "status_code": 206, "step_time": 1.0 })
}

fn done(name: &str) -> Value {
    json!({ "type": "done", "context_id": name, "done": true, "status_code": 200 })
}

fn heard(context: u64, samples: usize) -> Said {
    Said::Audio { context: Context(context), pcm: vec![1_000; samples] }
}

#[test]
fn an_answer_is_a_context_that_goes_on_until_it_is_finished() {
    let mut rig = mouth();
    rig.speak(1, "Hello there. ");
    rig.speak(1, "How are you?");
    rig.finish(1);
    assert_eq!(sent(&mut rig), r#"answer-1 "Hello there. "…, answer-1 "How are you?"…, answer-1 """#);
    rig.serve(&chunk("answer-1", 90));
    rig.serve(&json!({ "type": "timestamps", "context_id": "answer-1", "done": false, "status_code": 206 }));
    rig.serve(
        &json!({ "type": "flush_done", "context_id": "answer-1", "done": false, "flush_done": true, "flush_id": 1 }),
    );
    rig.serve(&done("answer-1"));
    rig.serve(&done("answer-1"));
    assert_eq!(rig.said(), [heard(1, 90), Said::Done(Context(1))]);
}

#[test]
fn late_sound_of_a_cancelled_answer_is_dropped() {
    let mut rig = mouth();
    rig.speak(1, "A long story. ");
    rig.serve(&chunk("answer-1", 10));
    rig.cancel(1);
    rig.cancel(1);
    rig.speak(2, "Yes? ");
    assert_eq!(sent(&mut rig), r#"answer-1 "A long story. "…, answer-1 cancelled, answer-2 "Yes? "…"#);
    rig.serve(&chunk("answer-1", 10));
    rig.serve(&done("answer-1"));
    rig.serve(&chunk("answer-2", 20));
    assert_eq!(rig.said(), [heard(1, 10), heard(2, 20)]);
}

#[test]
fn a_context_that_ran_out_of_text_is_followed_by_another_one() {
    let mut rig = mouth();
    rig.speak(1, "Let me see. ");
    rig.serve(&done("answer-1"));
    assert_eq!(rig.said(), []);
    rig.speak(1, "Here it is. ");
    rig.finish(1);
    assert_eq!(sent(&mut rig), r#"answer-1 "Let me see. "…, answer-2 "Here it is. "…, answer-2 """#);
    rig.serve(&done("answer-2"));
    assert_eq!(rig.said(), [Said::Done(Context(1))]);
    rig.speak(2, "One. ");
    rig.serve(&done("answer-3"));
    rig.finish(2);
    assert_eq!(rig.said(), [Said::Done(Context(2))], "all of it was said");
}

#[test]
fn an_answer_without_words_is_done_at_once() {
    let mut rig = mouth();
    rig.finish(3);
    assert_eq!((rig.said(), sent(&mut rig)), (vec![Said::Done(Context(3))], String::new()));
}

#[test]
fn settings_stay_the_same_within_a_context() {
    let mut rig = mouth();
    rig.speak(1, "One. ");
    rig.mouth.configure(&Config { speed: Some(2.0), ..in_language("de-DE") }, rig.now);
    rig.speak(1, "Two. ");
    rig.speak(2, "Three. ");
    let frames = rig.sent();
    assert!(frames[..2].iter().all(|frame| frame.get("language").is_none()));
    assert_eq!((&frames[2]["language"], &frames[2]["generation_config"]["speed"]), (&json!("de"), &json!(1.5)));
    SCHEMA.check("GenerationRequest", &frames[2]);
}

#[test]
fn errors_concern_an_answer_or_all() {
    let error = |context: Option<&str>, status: u16| {
        let mut frame = json!({ "type": "error", "done": true, "title": "No", "message": "no", "status_code": status });
        if let Some(context) = context {
            frame["context_id"] = json!(context);
        }
        frame
    };
    let mut rig = mouth();
    rig.serve(&error(None, 400));
    rig.speak(1, "One. ");
    rig.cancel(1);
    rig.serve(&error(Some("answer-1"), 400));
    assert_eq!(rig.said(), [], "nobody waits for anything");
    rig.speak(2, "Two. ");
    rig.serve(&error(Some("answer-2"), 404));
    let said = rig.said();
    let [Said::Failed { context: Some(Context(2)), complaint }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(complaint.clone().into_fault().cause, crate::Cause::Refused);
    rig.speak(3, "Three. ");
    rig.serve(&error(None, 402));
    let said = rig.said();
    let [Said::Failed { context: None, complaint }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(complaint.clone().into_fault().cause, crate::Cause::Quota);
}

#[test]
fn a_socket_that_is_not_used_is_kept() {
    let mut rig = mouth();
    rig.wait(Duration::from_secs(250));
    assert_eq!(sent(&mut rig), "nothing cancelled, nothing cancelled");
    let place = place("2026-08-14");
    assert_eq!((place.leg, place.path.as_str()), (Leg::Mouth, "tts/websocket"));
    assert_eq!(place.query, [("cartesia_version", "2026-08-14".to_owned())]);
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
                4 => rig.serve(&chunk(&format!("answer-{which}"), which)),
                5 => rig.serve(&done(&format!("answer-{which}"))),
                6 => rig.wait(Duration::from_secs(which as u64)),
                _ => rig.serve(&json!({ "type": "error", "context_id": format!("answer-{which}") })),
            }
        }
        sent(&mut rig);
    }
}
