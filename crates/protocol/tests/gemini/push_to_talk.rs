//! Turns by the talk key: manual activity.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::{Delivery, Event, Input};
use serde_json::json;

use crate::rig::{Rig, config, kind};

#[test]
fn the_setup_asks_for_what_the_user_chose() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    let sent = rig.sent();
    let [setup] = sent.as_slice() else { panic!("one message: {sent:?}") };
    assert_eq!(
        setup["setup"],
        json!({
            "model": "models/gemini-3.8-live",
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": { "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": "Kore" } } },
            },
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "realtimeInputConfig": { "automaticActivityDetection": { "disabled": true } },
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "sessionResumption": {},
            "contextWindowCompression": { "slidingWindow": {} },
        })
    );
}

#[test]
fn nothing_is_sent_before_the_setup_is_complete() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.speak();
    assert_eq!(rig.kinds(), ["setup"]);
    rig.serve(json!({ "setupComplete": { "sessionId": "s" } }));
    assert_eq!(rig.kinds(), ["activityStart", "audio", "activityEnd"]);
}

#[test]
fn a_spoken_turn_is_answered_with_captions_of_both_and_usage() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.input(Input::Audio(&vec![2_000; 4_800]));
    rig.content(json!({ "inputTranscription": { "text": "How " } }));
    rig.input(Input::Release);
    let sent = rig.sent();
    let mut kinds: Vec<String> = sent.iter().map(kind).collect();
    kinds.dedup();
    assert_eq!(kinds, ["activityStart", "audio", "activityEnd"]);
    let samples: usize = sent
        .iter()
        .filter_map(|message| message["realtimeInput"]["audio"]["data"].as_str())
        .map(|data| STANDARD.decode(data).unwrap().len() / 2)
        .sum();
    assert!((3_200..3_400).contains(&samples), "200 ms at 16 kHz: {samples}");

    rig.content(json!({ "inputTranscription": { "text": "are you?" } }));
    assert_eq!(rig.item(0).text, "How are you?");
    rig.sound(1_000, 100);
    rig.content(json!({ "outputTranscription": { "text": "I am " } }));
    rig.sound(1_001, 50);
    rig.content(json!({ "generationComplete": true }));
    rig.content(json!({ "outputTranscription": { "text": "well.", "finished": true } }));
    assert_eq!(rig.item(1).delivery, Delivery::Arriving);
    rig.serve(json!({ "serverContent": { "turnComplete": true }, "usageMetadata": {
        "promptTokenCount": 120, "responseTokenCount": 40, "thoughtsTokenCount": 5, "totalTokenCount": 165,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 20 }, { "modality": "AUDIO", "tokenCount": 100 }],
        "responseTokensDetails": [{ "modality": "AUDIO", "tokenCount": 40 }],
    } }));
    let (question, answer) = (rig.item(0), rig.item(1));
    assert_eq!((question.delivery, question.is_final), (Delivery::Answered, true));
    assert_eq!((answer.delivery, answer.text.as_str()), (Delivery::Complete, "I am well."));
    assert_eq!(rig.played(answer.id), 150 * 24);
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input_text, usage.input_audio, usage.output_text, usage.output_audio), (20, 100, 5, 40));
    assert!(!rig.session.is_busy());
}

#[test]
fn an_answer_is_over_when_it_is_made_however_long_it_is_heard() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.answer("A long story.");
    rig.wait(Duration::from_secs(120));
    assert!(!rig.reconnects());
    let answer = rig.item(1);
    assert_eq!((answer.delivery, answer.usage), (Delivery::Complete, None));
    rig.serve(
        json!({ "serverContent": { "turnComplete": true },
            "usageMetadata": { "promptTokenCount": "10", "responseTokenCount": "7", "totalTokenCount": "17" } }
        )
        .as_object()
        .map(|_| {
            json!({ "serverContent": { "turnComplete": true },
        "usageMetadata": { "promptTokenCount": 10, "responseTokenCount": 7, "totalTokenCount": 17 } })
        })
        .unwrap(),
    );
    assert_eq!(rig.item(1).usage.unwrap().output_audio, 7);
}

#[test]
fn pressing_over_the_answer_drops_the_rest_of_it_and_keeps_what_was_heard() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sound(1_000, 1_000);
    rig.content(json!({ "outputTranscription": { "text": "one two three four" } }));
    let answer = rig.item(1).id;
    rig.sent();
    rig.input(Input::Press);
    assert!(rig.has_flushed());
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    rig.sound(1_001, 100); // late
    rig.input(Input::Audio(&vec![2_000; 4_800]));
    rig.sound(1_002, 100); // later still
    rig.content(json!({ "interrupted": true }));
    rig.turn_complete();
    rig.input(Input::Release);
    assert_eq!(rig.kinds(), ["activityStart", "audio", "activityEnd"]);
    rig.answer("Very well.");
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 4);
    assert_eq!((items[1].delivery, items[1].text.as_str()), (Delivery::Interrupted, "one two"));
    assert_eq!((items[2].delivery, items[3].delivery), (Delivery::Answered, Delivery::Complete));
    assert_eq!(items[3].text, "Very well.");
    assert_eq!(rig.played(answer), 24_000);
    assert!(rig.faults().is_empty());
}

#[test]
fn a_question_asked_before_the_last_one_was_answered_is_answered_with_it() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.input(Input::Press);
    rig.input(Input::Audio(&vec![2_000; 4_800]));
    rig.content(json!({ "interrupted": true }));
    rig.turn_complete();
    rig.input(Input::Release);
    rig.answer("Both.");
    rig.turn_complete();
    let items = rig.items();
    let deliveries: Vec<Delivery> = items.iter().map(|item| item.delivery).collect();
    assert_eq!(deliveries, [Delivery::Answered, Delivery::Answered, Delivery::Complete]);
    assert!(!rig.reconnects() && rig.faults().is_empty());
}

#[test]
fn a_short_tap_is_never_sent_and_a_dropped_turn_needs_a_fresh_connection() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.input(Input::Audio(&[2_000; 1_200]));
    rig.input(Input::Release);
    assert!(rig.sent().is_empty() && rig.items().is_empty());

    rig.input(Input::Press);
    rig.input(Input::Audio(&[2_000; 4_800]));
    rig.input(Input::Discard);
    let wants_renewal = |event: &Event| matches!(event, Event::Expires { within } if within.is_zero());
    assert!(rig.events().iter().any(wants_renewal));
    assert!(!rig.reconnects() && !rig.session.is_busy());
    rig.input(Input::Press);
    rig.input(Input::Audio(&[2_000; 4_800]));
    assert!(rig.reconnects(), "the next turn does not wait");
    rig.sent();
    rig.connect();
    rig.input(Input::Release);
    assert_eq!(rig.kinds(), ["setup", "activityStart", "audio", "activityEnd"]);
}

#[test]
fn stopping_an_answer_is_final() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sound(1_000, 200);
    let answer = rig.item(1).id;
    rig.input(Input::Stop);
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(100) });
    rig.sound(1_001, 100);
    rig.content(json!({ "generationComplete": true }));
    rig.speak();
    rig.sound(1_002, 100);
    rig.content(json!({ "generationComplete": true }));
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 4);
    assert_eq!((items[1].delivery, items[3].delivery), (Delivery::Interrupted, Delivery::Complete));
}

#[test]
fn a_turn_without_an_answer_waits_for_the_user_with_the_reason() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.content(json!({ "turnComplete": true, "turnCompleteReason": "PROHIBITED_INPUT_CONTENT" }));
    rig.wait(Duration::from_secs(4));
    assert_eq!(rig.item(0).delivery, Delivery::Kept);
    let faults = rig.faults();
    assert!(faults[0].message.contains("prohibited input content"), "{faults:?}");
    rig.input(Input::Resend);
    assert_eq!(rig.sent().last().unwrap(), &json!({ "clientContent": { "turnComplete": true } }));
    rig.answer("Here.");
    assert_eq!(rig.items().len(), 2);
}
