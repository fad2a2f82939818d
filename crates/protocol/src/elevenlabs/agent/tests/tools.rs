//! Tools of the app that the agent asks for.

use super::*;
use crate::{ItemId, Tool};

pub(super) fn with_lights(config: Config) -> Config {
    let parameters = json!({ "type": "object", "properties": {} });
    let tool = Tool { name: "lights".into(), description: "Switches the lights.".into(), parameters };
    Config { tools: vec![tool], ..config }
}

pub(super) fn calls(rig: &mut Rig, id: &str, name: &str) {
    let event_id = rig.event();
    let call = json!({ "tool_name": name, "tool_call_id": id, "parameters": { "on": true }, "event_id": event_id });
    rig.serve(&json!({ "type": "client_tool_call", "client_tool_call": call }));
}

fn called(rig: &mut Rig) -> Vec<ItemId> {
    let call = |output: Output| {
        let Output::CallTool { item, name, arguments } = output else { return None };
        assert_eq!((name.as_str(), arguments.as_str()), ("lights", r#"{"on":true}"#));
        Some(item)
    };
    rig.take().into_iter().filter_map(call).collect()
}

/// Results that the agent was given, and whether they are errors.
fn results(rig: &mut Rig) -> Vec<(String, bool)> {
    let frames = rig.said().into_iter().filter(|frame| frame["type"] == "client_tool_result");
    frames.map(|frame| (frame["result"].as_str().unwrap().to_owned(), frame["is_error"] == true)).collect()
}

/// A turn that the agent answers with a call.
fn waiting(config: Config) -> (Rig, ItemId) {
    let is_by_key = !config.turn_taking.is_open();
    let mut rig = Rig::ready(with_lights(config));
    if is_by_key {
        rig.turn(500, "Light, please.");
    } else {
        rig.hear(500, 3_000);
        rig.transcript("Light, please.");
    }
    rig.take();
    calls(&mut rig, "c1", "lights");
    let called = called(&mut rig);
    assert_eq!((called.len(), results(&mut rig).len()), (1, 0), "it waits");
    (rig, called[0])
}

fn done(rig: &mut Rig, item: ItemId) {
    rig.input(Input::ToolResult { item, output: "done" });
}

#[test]
fn the_agent_goes_on_when_its_tool_is_done() {
    for config in [by_key(), open_microphone()] {
        let (mut rig, item) = waiting(config);
        rig.wait(5_000);
        done(&mut rig, item);
        done(&mut rig, item);
        assert_eq!(results(&mut rig), [("done".to_owned(), false)], "once, and nothing else is said");
        rig.wait(2_000);
        rig.says("It is light.");
        rig.sounds(400);
        assert!(rig.played().0 > 9_000);
        rig.wait(3_000);
        assert_eq!(
            rig.lines(),
            "User Answered: Light, please.\nAssistant Complete: {\"on\":true}\nAssistant Complete: It is light."
        );
        assert!(!rig.session.is_busy());
    }
}

#[test]
fn words_before_a_call_are_heard_whole() {
    let mut rig = Rig::ready(with_lights(by_key()));
    rig.turn(500, "Light, please.");
    rig.says("One moment.");
    rig.sounds(200);
    calls(&mut rig, "c1", "lights");
    rig.wait(300);
    rig.sounds(2_000);
    assert!(called(&mut rig).is_empty(), "more sound may come");
    rig.wait(1_300);
    let item = called(&mut rig)[0];
    done(&mut rig, item);
    rig.says("It is light.");
    rig.sounds(200);
    rig.wait(4_000);
    assert!(rig.lines().ends_with("Assistant Complete: {\"on\":true}\nAssistant Complete: It is light."));
    assert!(rig.lines().contains("Assistant Complete: One moment."), "{}", rig.lines());
}

#[test]
fn two_calls_are_one_answer() {
    let (mut rig, first) = waiting(by_key());
    calls(&mut rig, "c2", "lights");
    let second = called(&mut rig)[0];
    done(&mut rig, second);
    done(&mut rig, first);
    assert_eq!(results(&mut rig).len(), 2);
    rig.says("Done twice.");
    rig.sounds(200);
    rig.wait(3_000);
    assert_eq!((rig.newest().text.as_str(), rig.session.is_busy()), ("Done twice.", false));
}

#[test]
fn what_the_app_does_not_have_is_refused() {
    let mut rig = Rig::ready(with_lights(by_key()));
    rig.turn(500, "Open the door.");
    calls(&mut rig, "c1", "door");
    let refused = results(&mut rig);
    assert!(refused.len() == 1 && refused[0].1 && refused[0].0.contains("not available"), "{refused:?}");
    assert!(called(&mut rig).is_empty());
    rig.says("I cannot.");
    rig.sounds(200);
    rig.wait(3_000);
    assert_eq!(rig.lines(), "User Answered: Open the door.\nAssistant Complete: I cannot.");
    rig.input(Input::Configure(&by_key()));
    calls(&mut rig, "c2", "lights");
    assert!(results(&mut rig)[0].1, "it is not offered any more");
}

#[test]
fn a_call_that_comes_too_early_waits_for_the_key() {
    let mut rig = Rig::ready(with_lights(by_key()));
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    rig.transcript("Light");
    calls(&mut rig, "c1", "lights");
    assert!(called(&mut rig).is_empty());
    rig.input(Input::Release);
    assert_eq!(called(&mut rig).len(), 1);

    let mut rig = Rig::ready(with_lights(by_key()));
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    calls(&mut rig, "c1", "lights");
    rig.input(Input::Discard);
    assert!(called(&mut rig).is_empty() && results(&mut rig)[0].1, "nobody waits for it");
}

#[test]
fn a_user_who_wants_silence_gets_it() {
    let (mut rig, item) = waiting(by_key());
    rig.input(Input::Stop);
    done(&mut rig, item);
    assert_eq!(results(&mut rig), [("done".to_owned(), false)], "the agent learns of it");
    rig.says("It is light.");
    rig.sounds(400);
    rig.wait(3_000);
    assert_eq!(rig.played(), (0, false));
    rig.turn(500, "And now?");
    rig.says("Now you hear me.");
    rig.sounds(400);
    assert!(rig.played().0 > 9_000);
    assert_eq!(rig.newest().text, "Now you hear me.");
}

#[test]
fn a_call_of_an_answer_that_is_cut_is_refused_so_that_the_agent_does_not_wait() {
    let announced = |config| {
        let mut rig = Rig::ready(with_lights(config));
        rig.hear(500, 3_000);
        rig.transcript("Light, please.");
        rig.says("One moment.");
        rig.sounds(2_000);
        calls(&mut rig, "c1", "lights");
        rig.said();
        rig
    };
    let mut rig = announced(open_microphone());
    rig.input(Input::Stop);
    let refused = results(&mut rig);
    assert!(refused.len() == 1 && refused[0].1, "{refused:?}");
    rig.take();
    rig.says("Then not.");
    rig.sounds(400);
    rig.wait(3_000);
    let is_heard = |output: &Output| matches!(output, Output::Play { .. } | Output::CallTool { .. });
    assert!(!rig.take().iter().any(is_heard), "silence was asked for");
    rig.hear(500, 3_000);
    rig.transcript("And now?");
    rig.says("Now you hear me.");
    rig.sounds(400);
    assert!(rig.played().0 > 9_000);

    let mut rig = announced(open_microphone());
    rig.hear(500, 3_000);
    rig.transcript("Never mind.");
    assert_eq!(results(&mut rig).len(), 1);
    rig.says("All right.");
    rig.sounds(400);
    rig.wait(3_000);
    assert_eq!((called(&mut rig).len(), rig.newest().text.as_str()), (0, "All right."));
}

#[test]
fn a_user_who_speaks_on_is_answered_whatever_the_tool_does() {
    let (mut rig, item) = waiting(by_key());
    rig.turn(500, "Never mind.");
    done(&mut rig, item);
    rig.says("All right.");
    rig.sounds(400);
    rig.wait(3_000);
    assert_eq!((rig.newest().text.as_str(), rig.session.items()[0].delivery), ("All right.", Delivery::Answered));

    let (mut rig, item) = waiting(open_microphone());
    rig.hear(500, 3_000);
    rig.transcript("Never mind.");
    done(&mut rig, item);
    rig.says("All right.");
    rig.sounds(400);
    rig.wait(3_000);
    assert_eq!(rig.newest().text, "All right.");
}

#[test]
fn an_agent_that_does_not_wait_for_its_tool_has_answered() {
    for is_early in [true, false] {
        let (mut rig, item) = waiting(by_key());
        if is_early {
            rig.says("It is done soon.");
            rig.sounds(200);
            rig.wait(3_000);
        }
        done(&mut rig, item);
        rig.said();
        rig.wait(9_000);
        assert!(rig.session.is_busy());
        rig.wait(2_000);
        assert!(!rig.session.is_busy(), "nothing more comes");
        assert_eq!(rig.session.items()[0].delivery, Delivery::Answered);
        assert_eq!(rig.said(), Vec::<Value>::new(), "and it is not asked again");
    }
}

#[test]
fn a_result_that_the_agent_speaks_of_at_once_is_answered() {
    let (mut rig, item) = waiting(by_key());
    // It speaks when the result comes, and goes on with it.
    rig.says("One moment.");
    rig.sounds(400);
    done(&mut rig, item);
    rig.says("One moment. It is light.");
    rig.sounds(400);
    rig.wait(4_000);
    assert_eq!((rig.newest().text.as_str(), rig.session.is_busy()), ("One moment. It is light.", false));
    assert!(rig.take().iter().all(|output| !matches!(output, Output::Reconnect(_))));
}
