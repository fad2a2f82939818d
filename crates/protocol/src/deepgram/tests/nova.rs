use proptest::prelude::*;

use super::*;
use crate::cascade::Site;
use crate::deepgram::nova::{Nova, listen_place};

fn rig(config: &Config) -> EarRig<Nova> {
    let mut rig = EarRig::new(Nova::default(), "ListenV1", config);
    let (sent, heard) = rig.drain();
    assert_eq!((sent.silence_ms, heard), (100, vec![Heard::Ready]));
    rig
}

/// Results about the sound from `start` to `end`, s.
fn results(text: &str, (start, end): (f64, f64), flags: &str) -> Value {
    json!({
        "type": "Results", "channel_index": [0, 1], "start": start, "duration": end - start,
        "is_final": flags.contains("final"), "speech_final": flags.contains("over"),
        "from_finalize": flags.contains("asked"),
        "channel": { "alternatives": [{ "transcript": text, "confidence": 0.9, "words": [] }] },
        "metadata": { "request_id": "r", "model_info": {}, "model_uuid": "u" },
    })
}

fn words(text: &str) -> Heard {
    Heard::Words(text.into())
}

fn ended(text: &str) -> Heard {
    Heard::Ended(text.into())
}

#[test]
fn an_open_microphone_is_cut_into_turns_at_pauses() {
    let mut rig = rig(&open(0.5));
    rig.say(3_000);
    rig.sent();
    assert_eq!(rig.serve(&results("", (0.0, 0.5), "")), []);
    assert_eq!(rig.serve(&results("what", (0.0, 1.0), "")), [Heard::Started, words("what")]);
    assert_eq!(rig.serve(&results("What is", (0.0, 1.2), "final")), [words("What is")]);
    assert_eq!(rig.serve(&results("it", (1.2, 1.6), "")), [words("What is it")]);
    let last = results("it?", (1.2, 2.0), "final over");
    assert_eq!(rig.serve(&last), [words("What is it?"), ended("What is it?")]);
    assert_eq!(rig.serve(&last), [], "once");
    let utterance_end = json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1 });
    assert_eq!(rig.serve(&utterance_end), [], "over already");
    assert_eq!(rig.serve(&results("Next", (2.0, 3.0), "final")), [Heard::Started, words("Next")]);
    assert_eq!(rig.serve(&utterance_end), [ended("Next")]);
}

#[test]
fn the_key_ends_the_turn_whatever_the_pauses() {
    let mut rig = rig(&push_to_talk());
    rig.ear.clear(rig.now);
    rig.sent();
    rig.say(2_040);
    assert_eq!(rig.serve(&results("One.", (0.0, 1.0), "final over")), [words("One.")]);
    assert_eq!(rig.serve(&results("two", (1.0, 1.5), "")), [words("One. two")]);
    rig.ear.end_turn(rig.now);
    let (sent, heard) = rig.drain();
    assert_eq!((sent.kinds(), sent.microphone_ms, heard), (vec!["Finalize"], 40, vec![]));
    let last = results("Two.", (1.0, 2.15), "final asked");
    assert_eq!(rig.serve(&last), [words("One. Two."), ended("One. Two.")]);
    assert_eq!(rig.serve(&last), [], "once");
}

#[test]
fn a_press_that_brings_no_words_ends_all_the_same() {
    let mut rig = rig(&push_to_talk());
    rig.say(400);
    rig.ear.end_turn(rig.now);
    rig.drain();
    rig.wait(Duration::from_secs(3));
    assert_eq!(rig.heard(), [ended("")]);
    assert_eq!(rig.serve(&results("late", (0.0, 0.5), "final asked")), []);
    rig.say(400);
    assert_eq!(rig.serve(&results("new", (0.5, 0.8), "")), [words("new")]);
}

#[test]
fn a_discarded_press_is_no_part_of_the_next() {
    let mut rig = rig(&push_to_talk());
    rig.say(800);
    rig.serve(&results("never mind", (0.0, 0.5), ""));
    rig.ear.clear(rig.now);
    assert_eq!(rig.sent().kinds(), ["Finalize"]);
    rig.say(800);
    assert_eq!(rig.serve(&results("Never mind.", (0.0, 0.9), "final asked")), []);
    assert_eq!(rig.serve(&results("Yes.", (0.9, 1.5), "final")), [words("Yes.")]);
}

#[test]
fn signs_of_life_are_text_frames_every_four_seconds() {
    let mut rig = rig(&push_to_talk());
    rig.wait(Duration::from_secs(21));
    let sent = rig.sent();
    assert_eq!((sent.kinds(), sent.silence_ms), (vec!["KeepAlive"; 5], 0));
}

#[test]
fn words_do_not_hang_when_the_microphone_stops() {
    let mut rig = rig(&open(0.5));
    rig.say(500);
    rig.serve(&results("and then", (0.0, 0.5), ""));
    rig.sent();
    rig.wait(Duration::from_secs(2));
    let (sent, heard) = rig.drain();
    assert_eq!((sent.kinds(), heard), (vec!["Finalize"], vec![]));
    assert_eq!(rig.serve(&results("And then", (0.0, 0.5), "final asked")), [words("And then"), ended("And then")]);
}

#[test]
fn new_patience_takes_a_new_connection() {
    let mut rig = rig(&open(0.0));
    rig.ear.configure(&open(0.0), rig.now);
    assert!(rig.sent().frames.is_empty());
    rig.ear.configure(&open(1.0), rig.now);
    assert_eq!(rig.sent().kinds(), ["CloseStream"]);
    let pause = |config: &Config| {
        let place = listen_place("nova-3", Site::Deepgram, config);
        assert_eq!((place.path.as_str(), &place.query[0]), ("v1/listen", &("model", "nova-3".to_owned())));
        place.query.into_iter().find(|(name, _)| *name == "endpointing").unwrap().1
    };
    assert_eq!((pause(&open(0.0)), pause(&open(1.0))), ("300".into(), "1200".into()));
}

#[test]
fn trouble_is_told_and_garbage_is_nothing() {
    let mut rig = rig(&open(0.5));
    for text in garbage() {
        rig.ear.receive(Received::Text(&text), rig.now);
    }
    rig.ear.receive(Received::Text(r#"{"type":"Results","channel":{"alternatives":{}},"is_final":"yes"}"#), rig.now);
    assert_eq!(rig.heard(), []);
    let heard = rig.serve(&json!({ "type": "Error", "variant": "INVALID_AUTH", "description": "no" }));
    let [Heard::Failed(complaint)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(complaint.kind.as_deref(), Some("authentication_error"));
}

proptest! {
    #[test]
    fn any_order_of_events_leaves_every_turn_with_one_end(
        steps in prop::collection::vec((0..7_usize, 0..8_u8, 0..9_u8, "[a-c]{0,3}"), 0..60),
        is_open in any::<bool>(),
    ) {
        let mut rig = rig(&if is_open { open(0.5) } else { push_to_talk() });
        let mut is_started = false;
        for (what, flags, at, text) in steps {
            let flags = [(1, "final "), (2, "over "), (4, "asked ")].map(|(bit, name)| if flags & bit > 0 { name } else { "" });
            match what {
                0 if !is_open => rig.ear.end_turn(rig.now),
                1 if !is_open => rig.ear.clear(rig.now),
                2 => rig.wait(Duration::from_secs(5)),
                3 => rig.say(100),
                4 => rig.ear.receive(Received::Text(r#"{"type":"UtteranceEnd"}"#), rig.now),
                _ => {
                    let frame = results(&text, (0.0, f64::from(at) / 4.0), &flags.concat());
                    rig.ear.receive(Received::Text(&frame.to_string()), rig.now);
                }
            }
            for heard in rig.heard() {
                if heard == Heard::Started {
                    prop_assert!(is_open && !std::mem::replace(&mut is_started, true));
                } else if is_open && matches!(heard, Heard::Ended(_)) {
                    prop_assert!(std::mem::take(&mut is_started));
                }
            }
        }
    }
}
