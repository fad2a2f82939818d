use proptest::prelude::*;

use super::*;
use crate::cascade::Site;
use crate::deepgram::flux::{Flux, listen_place};

fn rig(config: &Config) -> EarRig<Flux> {
    at(Site::Deepgram, config)
}

fn at(site: Site, config: &Config) -> EarRig<Flux> {
    let mut rig = EarRig::new(Flux::new(site), "ListenV2", config);
    assert_eq!(rig.heard(), [], "not ready before it says so");
    let connected = json!({ "type": "Connected", "request_id": "r", "sequence_id": 0 });
    assert_eq!(rig.serve(&connected), [Heard::Ready]);
    assert_eq!(rig.serve(&connected), [], "once");
    rig
}

fn info(event: &str, turn: u64, text: &str) -> Value {
    json!({
        "type": "TurnInfo", "request_id": "r", "sequence_id": 1, "event": event, "turn_index": turn,
        "audio_window_start": 0.0, "audio_window_end": 0.5, "transcript": text, "words": [],
        "end_of_turn_confidence": 0.5,
    })
}

fn words(text: &str) -> Heard {
    Heard::Words(text.into())
}

fn ended(text: &str) -> Heard {
    Heard::Ended(text.into())
}

#[test]
fn an_open_microphone_is_listened_to_turn_by_turn() {
    let mut rig = rig(&open(0.5));
    rig.say(200);
    let sent = rig.sent();
    assert_eq!((sent.microphone_ms, sent.silence_ms), (160, 0), "in frames of 80 ms");
    assert_eq!(rig.serve(&info("Update", 0, "")), [], "silence is nothing");
    assert_eq!(rig.serve(&info("StartOfTurn", 0, "")), [Heard::Started]);
    assert_eq!(rig.serve(&info("Update", 0, "what")), [words("what")]);
    assert_eq!(rig.serve(&info("Update", 0, "what")), [], "nothing new");
    assert_eq!(rig.serve(&info("EagerEndOfTurn", 0, "what is")), [words("what is"), Heard::EagerEnd("what is".into())]);
    assert_eq!(rig.serve(&info("TurnResumed", 0, "what is it")), [words("what is it"), Heard::Resumed]);
    assert_eq!(rig.serve(&info("EndOfTurn", 0, "What is it?")), [words("What is it?"), ended("What is it?")]);
    assert_eq!(rig.serve(&info("EndOfTurn", 0, "What is it?")), [], "once");
    assert_eq!(rig.serve(&info("Update", 0, "late")), []);
    assert_eq!(rig.serve(&info("Update", 1, "and")), [Heard::Started, words("and")], "a start that got lost");
}

#[test]
fn frames_without_a_type_are_told_by_their_event() {
    let mut rig = EarRig::new(Flux::new(Site::Workers), "ListenV2", &open(0.5));
    let mut frame = info("StartOfTurn", 0, "");
    frame.as_object_mut().unwrap().remove("type");
    assert_eq!(rig.serve(&frame), [Heard::Ready, Heard::Started]);
}

#[test]
fn the_key_ends_the_turn() {
    let mut rig = rig(&push_to_talk());
    rig.ear.clear(rig.now);
    rig.say(500);
    rig.serve(&info("StartOfTurn", 0, ""));
    assert_eq!(rig.serve(&info("Update", 0, "hello there")), [words("hello there")]);
    rig.sent();
    rig.ear.end_turn(rig.now);
    let sent = rig.sent();
    assert_eq!((sent.kinds(), sent.silence_ms), (vec!["ForceEndTurn"], 200), "words are not cut");
    let heard = rig.serve(&info("EndOfTurn", 0, "Hello there."));
    assert_eq!(heard, [words("Hello there."), ended("Hello there.")]);
    rig.wait(Duration::from_secs(10));
    assert_eq!(rig.heard(), [], "once");
}

#[test]
fn a_turn_that_was_noticed_late_is_ended_again() {
    let mut rig = rig(&push_to_talk());
    rig.say(400);
    rig.ear.end_turn(rig.now);
    rig.sent();
    rig.serve(&info("StartOfTurn", 0, "hi"));
    rig.wait(Duration::from_millis(800));
    assert_eq!(rig.sent().kinds(), ["ForceEndTurn"]);
    assert_eq!(rig.serve(&info("EndOfTurn", 0, "hi")), [ended("hi")]);
}

#[test]
fn a_silent_press_ends_without_words_and_what_comes_later_is_late() {
    let mut rig = rig(&push_to_talk());
    rig.say(400);
    rig.ear.end_turn(rig.now);
    rig.heard();
    rig.wait(Duration::from_secs(4));
    assert_eq!(rig.heard(), [ended("")]);
    rig.serve(&info("StartOfTurn", 0, "late"));
    rig.ear.clear(rig.now);
    assert_eq!(rig.sent().kinds(), ["ForceEndTurn"], "the old turn shall not become the new one");
    rig.say(400);
    rig.serve(&info("EndOfTurn", 0, "late"));
    assert_eq!(rig.serve(&info("Update", 1, "new")), [words("new")]);
}

#[test]
fn turns_of_one_press_are_joined_where_the_ear_ends_them_by_itself() {
    let mut rig = at(Site::Workers, &push_to_talk());
    rig.say(400);
    rig.serve(&info("StartOfTurn", 0, ""));
    assert_eq!(rig.serve(&info("EndOfTurn", 0, "one")), [words("one")]);
    rig.serve(&info("StartOfTurn", 1, ""));
    assert_eq!(rig.serve(&info("Update", 1, "two")), [words("one two")]);
    rig.sent();
    rig.ear.end_turn(rig.now);
    let sent = rig.sent();
    assert!(sent.frames.is_empty() && sent.silence_ms >= 500, "it knows silence only: {sent:?}");
    assert_eq!(rig.serve(&info("EndOfTurn", 1, "two")), [ended("one two")]);
}

#[test]
fn all_that_was_said_before_the_key_was_let_go_may_have_ended_already() {
    let mut rig = at(Site::Workers, &push_to_talk());
    rig.say(400);
    rig.serve(&info("StartOfTurn", 0, ""));
    rig.serve(&info("EndOfTurn", 0, "one"));
    rig.ear.end_turn(rig.now);
    rig.drain();
    assert_eq!(rig.serve(&info("Update", 1, "")), [], "it has not heard all yet");
    let mut later = info("Update", 1, "");
    later["audio_window_end"] = json!(2.0);
    assert_eq!(rig.serve(&later), [ended("one")]);
}

#[test]
fn silence_stands_in_for_a_microphone_that_stopped() {
    let mut rig = rig(&open(0.5));
    rig.say(160);
    rig.serve(&info("StartOfTurn", 0, ""));
    rig.sent();
    rig.wait(Duration::from_secs(2));
    let sent = rig.sent();
    assert!((1_250..=2_000).contains(&sent.silence_ms), "{sent:?}");
    rig.serve(&info("EndOfTurn", 0, "x"));
    rig.wait(Duration::from_secs(30));
    let sent = rig.sent();
    assert!((600..=900).contains(&sent.silence_ms), "a little, so that the line stays open: {sent:?}");
    assert!(sent.frames.is_empty(), "there is no KeepAlive");
}

#[test]
fn patience_is_told_while_it_listens_one_change_at_a_time() {
    let mut rig = rig(&open(0.0));
    rig.ear.configure(&open(0.0), rig.now);
    assert!(rig.sent().frames.is_empty(), "nothing new");
    rig.ear.configure(&open(1.0), rig.now);
    rig.ear.configure(&open(0.5), rig.now);
    rig.ear.configure(&push_to_talk(), rig.now);
    let sent = rig.sent();
    assert_eq!(sent.kinds(), ["Configure"]);
    assert_eq!(
        sent.frames[0]["thresholds"],
        json!({ "eot_threshold": 0.9, "eager_eot_threshold": 0.7, "eot_timeout_ms": 8_000 })
    );
    let success =
        json!({ "type": "ConfigureSuccess", "request_id": "r", "sequence_id": 3, "thresholds": {}, "keyterms": [] });
    rig.ear.receive(Received::Text(&success.to_string()), rig.now);
    assert_eq!(rig.sent().frames[0]["thresholds"], json!({ "eot_threshold": 1.0, "eot_timeout_ms": 30_000 }));
    rig.ear.receive(Received::Text(&json!({ "type": "ConfigureFailure" }).to_string()), rig.now);
    assert_eq!(rig.sent().kinds(), ["CloseStream"], "another connection is opened with them");
}

#[test]
fn on_workers_ai_new_patience_takes_a_new_connection() {
    let mut rig = at(Site::Workers, &open(0.0));
    rig.ear.configure(&open(1.0), rig.now);
    assert_eq!(rig.sent().kinds(), ["CloseStream"]);
}

#[test]
fn the_place_has_all_that_is_needed() {
    let query = |place: crate::Place| {
        place.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let place = listen_place(" flux-general-en ", Site::Deepgram, &push_to_talk());
    assert_eq!(place.path, "v2/listen");
    assert_eq!(
        query(place),
        "model=flux-general-en&encoding=linear16&sample_rate=24000&eot_threshold=1&eot_timeout_ms=30000"
    );
    let place = listen_place("flux-general-multi", Site::Deepgram, &open(0.0));
    assert_eq!(
        query(place),
        "model=flux-general-multi&encoding=linear16&sample_rate=24000&eot_threshold=0.6&eot_timeout_ms=2000\
         &eager_eot_threshold=0.4&language_hint=en"
    );
    let place = listen_place("@cf/deepgram/flux", Site::Workers, &push_to_talk());
    assert_eq!(place.path, "@cf/deepgram/flux");
    assert_eq!(query(place), "encoding=linear16&sample_rate=24000&eot_threshold=0.9&eot_timeout_ms=500");
}

#[test]
fn trouble_is_told() {
    let mut rig = EarRig::new(Flux::new(Site::Deepgram), "ListenV2", &open(0.5));
    rig.wait(Duration::from_secs(9));
    assert!(matches!(rig.heard().as_slice(), [Heard::Failed(_)]), "it never connected");
    let error = json!({ "type": "Error", "sequence_id": 1, "code": "INTERNAL_SERVER_ERROR", "description": "broke" });
    let heard = rig.serve(&error);
    let [Heard::Failed(complaint)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((complaint.message.as_str(), complaint.kind.as_deref()), ("broke", None));
}

#[test]
fn garbage_is_nothing() {
    let mut rig = rig(&open(0.5));
    for text in garbage() {
        rig.ear.receive(Received::Text(&text), rig.now);
    }
    rig.ear.receive(Received::Binary(&[1, 2, 3]), rig.now);
    assert_eq!(rig.heard(), []);
}

proptest! {
    #[test]
    fn any_order_of_events_leaves_every_turn_with_one_end(
        steps in prop::collection::vec((0..9_usize, 0..4_u64, "[a-c]{0,3}"), 0..60),
        is_open in any::<bool>(),
    ) {
        let mut rig = rig(&if is_open { open(0.5) } else { push_to_talk() });
        let mut balance = 0_i32;
        for (what, turn, text) in steps {
            match what {
                0 if !is_open => rig.ear.end_turn(rig.now),
                1 if !is_open => rig.ear.clear(rig.now),
                2 => rig.wait(Duration::from_secs(5)),
                0..=3 => rig.say(100),
                what => {
                    let events = ["StartOfTurn", "Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn"];
                    rig.ear.receive(Received::Text(&info(events[what - 4], turn, &text).to_string()), rig.now);
                }
            }
            for heard in rig.heard() {
                if is_open {
                    balance += i32::from(heard == Heard::Started) - i32::from(matches!(heard, Heard::Ended(_)));
                    prop_assert!((0..=1).contains(&balance));
                }
            }
        }
    }
}
