//! Typed messages and tools.

use std::time::Duration;

use protocol::{Config, Delivery, Input, ItemId, Kind, Output, Wire, gemini};
use serde_json::json;

use crate::rig::{Rig, config, open, setup, with_search};

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
    assert!(response["response"]["output"].as_str().unwrap().contains("no such tool"));
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

fn called(rig: &Rig) -> Vec<ItemId> {
    let call = |output: &Output| if let Output::CallTool { item, .. } = output { Some(*item) } else { None };
    rig.outputs.iter().filter_map(call).collect()
}

#[test]
fn tools_are_declared_and_other_ones_need_another_connection() {
    let mut rig = Rig::new(with_search(config()));
    rig.connect();
    let setup = &rig.sent()[0]["setup"];
    let declaration = &setup["tools"][0]["functionDeclarations"][0];
    assert_eq!(
        (&declaration["name"], &declaration["parametersJsonSchema"]["type"]),
        (&json!("look_up"), &json!("object"))
    );
    rig.outputs.clear();
    rig.input(Input::Configure(&config()));
    assert!(matches!(rig.events()[..], [protocol::Event::Expires { .. }]));
}

#[test]
fn the_model_goes_on_when_its_tool_is_done() {
    let mut rig = Rig::ready(with_search(config()));
    rig.speak();
    rig.sent();
    rig.serve(json!({ "toolCall": { "functionCalls": [{ "id": "c1", "name": "look_up", "args": { "q": "x" } }] } }));
    let calls = called(&rig);
    assert_eq!((calls.len(), rig.sent().len()), (1, 0), "it waits");
    rig.input(Input::ToolResult { item: calls[0], output: "found" });
    let sent = rig.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let response = &sent[0]["toolResponse"]["functionResponses"][0];
    assert_eq!((&response["id"], &response["response"]["output"]), (&json!("c1"), &json!("found")));
    rig.answer("I found it.");
    rig.turn_complete();
    let items = rig.items();
    assert_eq!((items[0].delivery, items[2].delivery), (Delivery::Answered, Delivery::Complete));
}

#[test]
fn a_turn_over_a_tool_is_answered_and_the_call_that_was_taken_back_is_not() {
    let mut rig = Rig::ready(with_search(config()));
    rig.speak();
    rig.serve(json!({ "toolCall": { "functionCalls": [{ "id": "c1", "name": "look_up", "args": {} }] } }));
    let calls = called(&rig);
    rig.speak();
    rig.serve(json!({ "toolCallCancellation": { "ids": ["c1"] } }));
    rig.sent();
    rig.input(Input::ToolResult { item: calls[0], output: "found" });
    assert!(rig.sent().is_empty());
    rig.answer("Something else.");
    rig.turn_complete();
    assert_eq!(rig.items().last().unwrap().text, "Something else.");
    assert!(!rig.session.is_answer_owed() && !rig.session.is_busy());
}
