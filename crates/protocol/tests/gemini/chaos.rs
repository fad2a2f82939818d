//! Whatever the provider sends, in whatever order, nothing panics and the conversation goes on.

use std::time::Duration;

use proptest::prelude::*;
use protocol::{Delivery, Input, Output};
use serde_json::{Value, json};

use crate::rig::{Rig, config, open, sound, with_search};

fn messages() -> Vec<Value> {
    vec![
        json!({ "setupComplete": {} }),
        json!({ "serverContent": { "modelTurn": { "parts": [{ "inlineData": sound(1_000, 100) }] } } }),
        json!({ "serverContent": { "modelTurn": { "parts": [{ "text": "words" }] } } }),
        json!({ "serverContent": { "inputTranscription": { "text": "heard " } } }),
        json!({ "serverContent": { "outputTranscription": { "text": "said " } } }),
        json!({ "serverContent": { "interrupted": true } }),
        json!({ "serverContent": { "generationComplete": true } }),
        json!({ "serverContent": { "turnComplete": true } }),
        json!({ "serverContent": { "turnComplete": true, "interactionStatus": "IN_PROGRESS" } }),
        json!({ "toolCall": { "functionCalls": [{ "id": "c", "name": "f", "args": {} }] } }),
        json!({ "toolCall": { "functionCalls": [{ "id": "d", "name": "look_up", "args": {} }] } }),
        json!({ "toolCallCancellation": { "ids": ["c"] } }),
        json!({ "usageMetadata": { "promptTokenCount": 1, "responseTokenCount": u64::MAX } }),
        json!({ "goAway": { "timeLeft": "1e300s" } }),
        json!({ "sessionResumptionUpdate": { "newHandle": "h", "resumable": true } }),
        json!({ "voiceActivity": { "type": "ACTIVITY_START" } }),
        json!({ "voiceActivity": { "type": "ACTIVITY_END" } }),
        json!({ "serverContent": { "modelTurn": { "parts": [{ "inlineData": { "data": "!", "mimeType": 7 } }, 3] } } }),
        json!({ "serverContent": [1], "toolCall": "x", "goAway": {}, "usageMetadata": null, "news": {} }),
        json!([1, 2]),
        json!({ "error": { "code": 500, "message": "oops" } }),
    ]
}

fn act(rig: &mut Rig, step: u8) {
    match step {
        0 => rig.input(Input::Press),
        1 => rig.input(Input::Audio(&[2_000; 2_400])),
        2 => rig.input(Input::Release),
        3 => rig.input(Input::Discard),
        4 => rig.input(Input::BargeIn),
        5 => rig.input(Input::Stop),
        6 => rig.input(Input::Say { text: "typed", aloud: true }),
        7 => rig.wait(Duration::from_secs(3)),
        8 => rig.input(Input::HoldFloor(true)),
        9 => rig.input(Input::HoldFloor(false)),
        10 => rig.close(None, ""),
        11 => rig.input(Input::Opened),
        12 => {
            let call = |output: &Output| if let Output::CallTool { item, .. } = output { Some(*item) } else { None };
            if let Some(item) = rig.outputs.iter().rev().find_map(call) {
                rig.input(Input::ToolResult { item, output: "found" });
            }
        }
        _ => rig.input(Input::Resend),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_is_survived(is_open in any::<bool>(), steps in prop::collection::vec(0_u8..35, 1..80)) {
        let messages = messages();
        let mut rig = Rig::ready(with_search(if is_open { open() } else { config() }));
        for step in steps {
            match messages.get(usize::from(step)) {
                Some(message) => rig.frame(message.to_string().as_bytes()),
                None => act(&mut rig, step - 21),
            }
        }
        // After a fresh start a turn is answered as ever.
        rig.close(None, "");
        rig.connect();
        rig.wait(Duration::from_secs(3));
        rig.input(Input::Configure(&config()));
        rig.close(None, "");
        rig.connect();
        rig.input(Input::Release);
        rig.speak();
        let question = rig.items().pop().unwrap().id;
        for _ in 0..16 {
            rig.answer("At last.");
            rig.turn_complete();
        }
        let items = rig.items();
        let question = items.iter().find(|item| item.id == question).unwrap();
        prop_assert_eq!(question.delivery, Delivery::Answered);
        prop_assert!(items.iter().any(|item| item.text == "At last." && item.delivery == Delivery::Complete));
    }
}

#[test]
fn garbage_between_and_repeated_frames_do_no_harm() {
    let mut rig = Rig::ready(config());
    rig.speak();
    let frames = [
        json!({ "serverContent": { "inputTranscription": { "text": "A question with many words" } } }),
        json!({ "serverContent": { "modelTurn": { "parts": [{ "inlineData": sound(1_000, 100) }] } } }),
        json!({ "serverContent": { "outputTranscription": { "text": "An answer with many words" } } }),
        json!({ "serverContent": { "generationComplete": true } }),
        json!({ "serverContent": { "turnComplete": true }, "usageMetadata": { "promptTokenCount": 9 } }),
    ];
    for frame in frames {
        for garbage in [&b"{\"serverContent\":"[..], b"[]", &[0xFF, 0, 0x7B], b"{\"news\":{\"x\":1}}"] {
            rig.frame(garbage);
        }
        let huge = json!({ "news": "x".repeat(1 << 20) }).to_string();
        rig.frame(huge.as_bytes());
        let bytes = frame.to_string();
        rig.frame(bytes.as_bytes());
        rig.frame(bytes.as_bytes());
    }
    let items = rig.items();
    assert_eq!(
        (items[0].text.as_str(), items[1].text.as_str()),
        ("A question with many words", "An answer with many words")
    );
    assert_eq!(rig.played(items[1].id), 2_400);
    assert_eq!(items.len(), 2);
    assert!(rig.faults().is_empty());
}
