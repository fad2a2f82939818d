//! Typed messages and tools.

use std::time::Duration;

use protocol::{Config, Delivery, Input, Kind, Output, Wire, gemini};
use serde_json::json;

use crate::rig::{Rig, config, open, setup};

#[test]
fn a_typed_message_is_answered_in_writing_or_aloud() {
    let mut rig = Rig::ready(config());
    for (aloud, kind, samples) in [(false, Kind::Typed, 0), (true, Kind::Spoken, 2_400)] {
        rig.input(Input::Say { text: "Hello?", aloud });
        assert_eq!(
            rig.sent(),
            [json!({ "clientContent": {
                "turns": [{ "role": "user", "parts": [{ "text": "Hello?" }] }], "turnComplete": true,
            } })]
        );
        rig.answer("Hello.");
        rig.turn_complete();
        let answer = rig.items().pop().unwrap();
        assert_eq!((answer.text.as_str(), &answer.kind, answer.delivery), ("Hello.", &kind, Delivery::Complete));
        assert_eq!(rig.played(answer.id), samples);
    }
}

#[test]
fn a_model_without_content_in_a_live_talk_gets_live_text() {
    let old = |config: Config| Config {
        wire: Wire::Gemini(gemini::Setup { model: "gemini-3.1-flash-live-preview".into(), ..setup() }),
        ..config
    };
    let mut rig = Rig::ready(old(open()));
    rig.input(Input::Say { text: "Hello?", aloud: true });
    assert_eq!(rig.sent(), [json!({ "realtimeInput": { "text": "Hello?" } })]);
    let mut rig = Rig::ready(old(config()));
    rig.input(Input::Say { text: "Hello?", aloud: true });
    assert_eq!(rig.kinds(), ["activityStart", "text", "activityEnd"]);
}

#[test]
fn a_message_typed_over_the_answer_is_no_speech() {
    let mut rig = Rig::ready(open());
    rig.hear(3_000, 600);
    rig.sound(1_000, 500);
    rig.input(Input::Say { text: "Shorter", aloud: true });
    assert!(rig.has_flushed());
    rig.sound(1_001, 500);
    rig.content(json!({ "interrupted": true }));
    rig.turn_complete();
    rig.answer("Short.");
    rig.turn_complete();
    let items = rig.items();
    assert_eq!(items.len(), 4, "{items:#?}");
    assert_eq!((items[2].kind.clone(), items[2].delivery), (Kind::Typed, Delivery::Answered));
    assert_eq!(items[3].text, "Short.");
}

#[test]
fn a_tool_call_is_answered_politely_and_the_model_goes_on() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sent();
    rig.serve(json!({ "toolCall": { "functionCalls": [{ "id": "c1", "name": "look_up", "args": { "q": "x" } }] } }));
    let sent = rig.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let response = &sent[0]["toolResponse"]["functionResponses"][0];
    assert_eq!((response["id"].as_str(), response["name"].as_str()), (Some("c1"), Some("look_up")));
    assert!(response["response"]["output"].as_str().unwrap().contains("no tools"));
    rig.answer("Without tools: no.");
    rig.turn_complete();
    let items = rig.items();
    assert!(matches!(&items[1].kind, Kind::ToolCall { name } if name == "look_up"));
    assert_eq!((items[0].delivery, items[2].delivery), (Delivery::Answered, Delivery::Complete));
}

#[test]
fn a_call_that_was_taken_back_changes_nothing() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.serve(json!({ "toolCall": { "functionCalls": [{ "id": "c1", "name": "look_up", "args": {} }] } }));
    rig.serve(json!({ "toolCallCancellation": { "ids": ["c1", "c2"] } }));
    rig.turn_complete();
    rig.turn_complete();
    rig.wait(Duration::from_secs(10));
    assert!(!rig.outputs.iter().any(|output| matches!(output, Output::Reconnect(_))));
}
