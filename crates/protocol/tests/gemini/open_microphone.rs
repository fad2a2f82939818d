//! The open microphone: the provider's own detector.

use std::time::Duration;

use protocol::{Delivery, Detector, Event, Input, TurnTaking};
use serde_json::{Value, json};

use crate::rig::{Rig, config, kind, open};

fn spoke(rig: &Rig) -> usize {
    rig.events().iter().filter(|event| matches!(event, Event::SpeechStarted)).count()
}

#[test]
fn patience_becomes_silence_and_sensitivity() {
    for (detector, patience, expected) in [
        (Detector::Silence, 0.0, json!({ "silenceDurationMs": 300 })),
        (Detector::Silence, 1.0, json!({ "silenceDurationMs": 1_200 })),
        (Detector::Meaning, 0.0, json!({ "silenceDurationMs": 300, "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH" })),
        (
            Detector::Meaning,
            1.0,
            json!({ "silenceDurationMs": 1_200, "endOfSpeechSensitivity": "END_SENSITIVITY_LOW" }),
        ),
    ] {
        let mut rig = Rig::new(protocol::Config { turn_taking: TurnTaking::Open { detector, patience }, ..config() });
        rig.input(Input::Opened);
        assert_eq!(rig.sent()[0]["setup"]["realtimeInputConfig"]["automaticActivityDetection"], expected);
    }
}

#[test]
fn speech_is_answered_without_being_asked_for() {
    let mut rig = Rig::ready(open());
    rig.hear(3, 200);
    rig.hear(3_000, 600);
    rig.content(json!({ "inputTranscription": { "text": "Hello there" } }));
    assert_eq!((spoke(&rig), rig.item(0).text.as_str()), (1, "Hello there"));
    rig.hear(3, 400);
    rig.answer("Hi!");
    rig.content(json!({ "inputTranscription": { "text": ", you." } }));
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 2);
    assert_eq!((items[0].delivery, items[0].text.as_str()), (Delivery::Answered, "Hello there, you."));
    assert_eq!((items[1].delivery, items[1].text.as_str()), (Delivery::Complete, "Hi!"));
    assert!(items[0].duration >= Duration::from_millis(900), "{:?}", items[0].duration);
    assert_eq!(rig.kinds(), ["audio"]);
}

#[test]
fn an_answer_to_speech_that_nothing_was_told_of_has_its_question() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.hear(3, 400);
    rig.answer("Hi!");
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 2);
    assert_eq!((items[0].delivery, items[1].delivery), (Delivery::Answered, Delivery::Complete));
    assert!(!rig.session.is_busy());
}

#[test]
fn speaking_over_the_answer_silences_it() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.content(json!({ "inputTranscription": { "text": "Tell me a story" } }));
    rig.sound(1_000, 1_000);
    rig.content(json!({ "outputTranscription": { "text": "one two three four" } }));
    let answer = rig.item(1).id;
    rig.hear(3_000, 300);
    rig.content(json!({ "interrupted": true }));
    assert!(rig.has_flushed());
    assert_eq!(spoke(&rig), 2);
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    rig.turn_complete();
    rig.content(json!({ "inputTranscription": { "text": "Stop, what time is it?" } }));
    rig.hear(3, 400);
    rig.answer("Noon.");
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 4, "{items:#?}");
    assert_eq!((items[1].delivery, items[1].text.as_str()), (Delivery::Interrupted, "one two"));
    assert_eq!(items[2].text, "Stop, what time is it?");
    assert_eq!(items[3].delivery, Delivery::Complete);
}

#[test]
fn a_barge_in_heard_here_drops_what_the_provider_still_says() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.sound(1_000, 500);
    let answer = rig.item(1).id;
    rig.hear(3_000, 100);
    rig.input(Input::BargeIn);
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(200) });
    rig.sound(1_001, 500);
    rig.hear(3_000, 200);
    rig.content(json!({ "interrupted": true }));
    rig.turn_complete();
    rig.hear(3, 400);
    rig.sound(1_002, 100);
    rig.content(json!({ "generationComplete": true }));
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 4);
    assert_eq!(rig.played(answer), 12_000);
    assert_eq!((items[2].delivery, items[3].delivery), (Delivery::Answered, Delivery::Complete));
}

#[test]
fn speaking_while_a_finished_answer_is_still_heard_silences_it() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.answer("A long story.");
    rig.wait(Duration::from_secs(3));
    assert_eq!(rig.item(1).delivery, Delivery::Complete);
    rig.hear(3_000, 300);
    rig.content(json!({ "interrupted": true }));
    assert!(rig.has_flushed());
    rig.turn_complete();
    assert_eq!(rig.items().len(), 3);
}

#[test]
fn a_turn_that_the_model_passes_over_is_asked_for() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.content(json!({ "inputTranscription": { "text": "Hm." } }));
    rig.hear(3, 1_400);
    assert_eq!(rig.item(0).delivery, Delivery::Sent);
    rig.sent();
    for _ in 0..6 {
        rig.now += Duration::from_secs(1);
        rig.hear(3, 20);
        rig.wait(Duration::ZERO);
    }
    let asked: Vec<Value> = rig.sent().into_iter().filter(|message| kind(message) == "clientContent").collect();
    assert_eq!(asked, [json!({ "clientContent": { "turnComplete": true } })]);
    rig.answer("Yes?");
    rig.turn_complete();
    assert_eq!((rig.items().len(), rig.item(0).delivery), (2, Delivery::Answered));
}

#[test]
fn a_microphone_that_falls_silent_is_told_of() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.wait(Duration::from_millis(900));
    assert_eq!(rig.kinds(), ["audio"]);
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.kinds(), ["audio", "audioStreamEnd"]);
    rig.wait(Duration::from_secs(5));
    assert!(rig.sent().is_empty());
    rig.hear(3_000, 100);
    assert_eq!(rig.kinds(), ["audio"]);
}

#[test]
fn no_pause_ends_the_turn_while_the_floor_is_held() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    rig.hear(3_000, 500);
    rig.sent();
    rig.hear(3, 3_000);
    let while_silent = rig.sent().len();
    assert!(while_silent <= 11, "only the margin of 200 ms: {while_silent}");
    rig.wait(Duration::from_secs(3));
    assert!(rig.sent().is_empty(), "the stream is not at its end");
    rig.hear(3_000, 500);
    rig.input(Input::HoldFloor(false));
    rig.hear(3, 500);
    assert!(rig.sent().len() >= 45);
    rig.answer("Long thought.");
    rig.turn_complete();
    assert_eq!(rig.items().len(), 2);
}

#[test]
fn newer_signals_of_the_detector_are_used_where_they_come() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 300);
    rig.serve(json!({ "voiceActivity": { "type": "ACTIVITY_START", "audioOffset": "0.1s" } }));
    assert_eq!(spoke(&rig), 1);
    rig.hear(3, 400);
    rig.serve(json!({ "voiceActivity": { "type": "ACTIVITY_END", "audioOffset": "0.5s" } }));
    assert!(rig.events().iter().any(|event| matches!(event, Event::SpeechStopped)));
    rig.answer("Yes.");
    rig.turn_complete();
    assert_eq!(rig.items().len(), 2);
}
