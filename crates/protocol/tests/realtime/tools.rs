//! Tool calls are recorded and answered once, so that the call goes on.

use std::time::Duration;

use protocol::{Config, Delivery, Input, ItemId, Kind, Output, Tool};
use serde_json::json;

use crate::rig::{Rig, config};
use crate::server;

pub(crate) fn with_lights(config: Config) -> Config {
    let tool = Tool {
        name: "lights".to_owned(),
        description: "Switches the lights.".to_owned(),
        parameters: json!({ "type": "object", "properties": { "on": { "type": "boolean" } }, "required": ["on"] }),
    };
    Config { tools: vec![tool], ..config }
}

/// The tools that the session asked for.
fn called(rig: &mut Rig) -> Vec<ItemId> {
    let call = |output: Output| {
        let Output::CallTool { item, name, arguments } = output else { return None };
        assert_eq!((name.as_str(), arguments.as_str()), ("lights", r#"{"on":true}"#));
        Some(item)
    };
    rig.take().into_iter().filter_map(call).collect()
}

/// A question whose answer waits for two calls.
fn waiting() -> (Rig, Vec<ItemId>) {
    let mut rig = Rig::ready(with_lights(config()));
    calling(&mut rig);
    rig.take();
    rig.serve(server::response_done("resp_1"));
    let calls = called(&mut rig);
    assert_eq!(calls.len(), 2);
    (rig, calls)
}

fn calling(rig: &mut Rig) {
    rig.turn(200);
    rig.serve(server::committed("item_u", None));
    rig.serve(server::response_created("resp_1"));
    for call in ["1", "2"] {
        let (item, call_id) = (format!("item_f{call}"), format!("call_{call}"));
        rig.serve(server::output_item_added("resp_1", server::call_item(&item, &call_id, "in_progress")));
        rig.serve(server::item_added(server::call_item(&item, &call_id, "in_progress"), None));
        rig.serve(server::item_done(server::call_item(&item, &call_id, "completed"), None));
        rig.serve(server::output_item_done("resp_1", server::call_item(&item, &call_id, "completed")));
    }
    rig.take_sent();
}

#[test]
fn two_calls_get_two_outputs_and_one_response() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    assert_eq!(rig.sent(), "", "not before response.done");
    rig.serve(server::response_done("resp_1"));
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0]["item"]["call_id"], "call_1");
    assert_eq!(sent[1]["item"]["call_id"], "call_2");
    assert!(sent[0]["item"]["output"].as_str().unwrap().contains("no such tool"));
    assert_eq!(sent[2]["type"], "response.create");
    rig.serve(server::response_done("resp_1"));
    assert_eq!(rig.sent(), "", "a duplicate changes nothing");
    let output = sent[1]["item"]["id"].as_str().unwrap();
    rig.serve_all(server::answer("resp_2", "item_a", Some(output), 100, "I cannot."));
    assert_eq!(rig.items()[1].kind, Kind::ToolCall { name: "lights".to_owned() });
    insta::assert_snapshot!(rig.lines(), @r#"
    User Answered: 
    Assistant Complete: {"on":true}
    Assistant Complete: {"on":true}
    Assistant Complete: I cannot.
    "#);
}

#[test]
fn calls_of_a_cancelled_response_are_not_answered() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    rig.input(Input::Stop);
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_failed("resp_2", "server_error", None));
    assert_eq!(rig.sent(), "");
}

#[test]
fn tool_calls_are_not_replayed() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    rig.serve(server::response_done("resp_1"));
    rig.serve_all(server::answer("resp_2", "item_a", None, 100, "I cannot."));
    rig.drop_connection();
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, item.create");
}

#[test]
fn a_model_that_only_calls_is_stopped_at_last() {
    let mut rig = Rig::asked();
    rig.take_sent();
    let mut creates = 0;
    for round in 0..20 {
        let (response, item, call) = (format!("resp_{round}"), format!("item_{round}"), format!("call_{round}"));
        rig.serve(server::response_created(&response));
        rig.serve(server::output_item_done(&response, server::call_item(&item, &call, "completed")));
        rig.serve(server::response_done(&response));
        let sent = rig.sent();
        if sent.is_empty() {
            break;
        }
        assert_eq!(sent, "item.create, response.create");
        creates += 1;
    }
    assert!(creates < 10, "{creates}");
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn tools_are_offered_and_taken_back() {
    let mut rig = Rig::new(with_lights(config()));
    rig.connect();
    let tools = rig.take_sent()[0]["session"]["tools"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 1);
    assert_eq!((&tools[0]["type"], &tools[0]["name"]), (&json!("function"), &json!("lights")));
    rig.input(Input::Configure(&config()));
    assert_eq!(rig.take_sent()[0]["session"]["tools"], json!([]));
    rig.input(Input::Configure(&Config { instructions: "Be long.".to_owned(), ..config() }));
    assert!(rig.take_sent()[0]["session"].get("tools").is_none(), "nothing to take back");
}

#[test]
fn the_answer_goes_on_when_the_last_tool_is_done() {
    let (mut rig, calls) = waiting();
    assert_eq!(rig.sent(), "", "it waits");
    assert!(rig.session.is_busy());
    rig.input(Input::ToolResult { item: calls[1], output: "second" });
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((&sent[0]["item"]["call_id"], &sent[0]["item"]["output"]), (&json!("call_2"), &json!("second")));
    rig.input(Input::ToolResult { item: calls[0], output: "first" });
    rig.input(Input::ToolResult { item: calls[0], output: "again" });
    assert_eq!(rig.sent(), "item.create, response.create", "each result once");
    rig.serve_all(server::answer("resp_2", "item_a", None, 100, "Done."));
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
    assert!(!rig.session.is_busy());
}

#[test]
fn a_user_who_speaks_on_waits_for_no_tool() {
    for is_spoken in [true, false] {
        let (mut rig, calls) = waiting();
        if is_spoken {
            rig.turn(200);
            assert_eq!(rig.sent(), "clear, append 200, commit, response.create");
        } else {
            rig.say("Never mind.");
            assert_eq!(rig.sent(), "item.create, response.create");
        }
        rig.input(Input::ToolResult { item: calls[0], output: "done" });
        assert_eq!(rig.sent(), "item.create", "the model learns of it and says nothing");
        assert_eq!(rig.items()[0].delivery, Delivery::Answered);
    }
}

#[test]
fn a_user_who_wants_silence_gets_it() {
    let (mut rig, calls) = waiting();
    rig.input(Input::Stop);
    assert!(!rig.session.is_answer_owed());
    for call in calls {
        rig.input(Input::ToolResult { item: call, output: "done" });
    }
    assert_eq!(rig.sent(), "item.create, item.create");
}

#[test]
fn the_result_of_a_lost_connection_comes_to_nothing_and_its_question_is_asked_again() {
    let (mut rig, calls) = waiting();
    rig.drop_connection();
    rig.input(Input::ToolResult { item: calls[0], output: "done" });
    assert_eq!(rig.sent(), "");
    rig.connect();
    rig.input(Input::ToolResult { item: calls[1], output: "done" });
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
}

#[test]
fn an_answer_does_not_hang_on_a_tool() {
    let (mut rig, calls) = waiting();
    rig.input(Input::ToolResult { item: calls[0], output: "done" });
    rig.take_sent();
    rig.wait(Duration::from_secs(119));
    assert_eq!(rig.sent(), "");
    rig.wait(Duration::from_secs(2));
    let sent = rig.take_sent();
    assert!(sent[0]["item"]["output"].as_str().unwrap().contains("in time"));
    assert_eq!(sent[1]["type"], "response.create");
}
