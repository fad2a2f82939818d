//! Typed messages in the same conversation.

use protocol::{Cause, Delivery, Input, Kind};
use serde_json::json;

use crate::rig::{Rig, config, faults, has_flush, played};
use crate::server;

#[test]
fn a_typed_message_is_answered_aloud() {
    let mut rig = Rig::ready(config());
    rig.say("What time is it?");
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        sent[0]["item"]["content"],
        json!([
          {
            "text": "What time is it?",
            "type": "input_text"
          }
        ])
    );
    assert_eq!(sent[1]["type"], "response.create");
    assert!(sent[1].get("response").is_none());
    let id = sent[0]["item"]["id"].as_str().unwrap();
    rig.serve_all(server::answer("resp_1", "item_a", Some(id), 100, "Noon."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: What time is it?
    Assistant Complete: Noon.
    ");
}

#[test]
fn a_silent_answer_is_text_only() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Say { text: "Hello", aloud: false });
    let sent = rig.take_sent();
    assert_eq!(sent[1]["response"]["output_modalities"][0], "text");
    rig.serve(server::response_created("resp_1"));
    rig.serve(server::output_item_added("resp_1", server::assistant_item("item_a", "in_progress")));
    rig.serve(server::text("resp_1", "item_a", "Hi "));
    rig.serve(server::text("resp_1", "item_a", "there."));
    rig.serve(server::output_item_done("resp_1", server::assistant_item("item_a", "completed")));
    rig.serve(server::response_done("resp_1"));
    assert_eq!(rig.items()[1].kind, Kind::Typed);
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: Hello
    Assistant Complete: Hi there.
    ");
}

#[test]
fn typing_over_an_answer_interrupts_it() {
    let mut rig = Rig::ready(config());
    rig.say("one");
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 1_000, "well"));
    rig.take_sent();
    rig.say("two");
    assert!(has_flush(&rig.take()));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "item.create, response.create");
}

#[test]
fn a_message_written_without_connection_goes_out_with_the_next() {
    let mut rig = Rig::new(config());
    rig.say("hello");
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    assert_eq!(rig.session.unanswered(), 1);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, item.create, response.create");
    assert_eq!(rig.items()[0].delivery, Delivery::Sent);
}

#[test]
fn a_message_beyond_the_limit_is_refused_here() {
    let mut rig = Rig::ready(config());
    rig.say(&"ä".repeat(256_001));
    assert_eq!(rig.sent(), "");
    assert_eq!(faults(&rig.take())[0].cause, Cause::Refused);
    assert_eq!(rig.items()[0].delivery, Delivery::Failed);
    assert_eq!(rig.session.unanswered(), 0);
    let id = rig.items()[0].id;
    rig.input(Input::Forget(id));
    assert!(rig.items().is_empty());
    rig.say(&"ä".repeat(256_000));
    assert_eq!(rig.sent(), "item.create, response.create");
}

#[test]
fn a_message_the_provider_refuses_is_marked_and_its_answer_withdrawn() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    let create = rig.take_sent().remove(0);
    rig.serve(server::error(Some("invalid_value"), create["event_id"].as_str()));
    assert_eq!(rig.items()[0].delivery, Delivery::Failed);
    assert_eq!(rig.items()[0].fault.as_ref().unwrap().cause, Cause::Refused);
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "response.cancel");
}

#[test]
fn blank_messages_are_none() {
    let mut rig = Rig::ready(config());
    rig.say("  \n");
    assert!(rig.items().is_empty());
    assert_eq!(rig.sent(), "");
}

#[test]
fn a_waiting_message_can_be_forgotten() {
    let mut rig = Rig::new(config());
    rig.say("hello");
    let id = rig.items()[0].id;
    rig.input(Input::Forget(id));
    assert_eq!(rig.session.unanswered(), 0);
    rig.connect();
    assert_eq!(rig.sent(), "session.update");
}

#[test]
fn a_message_written_while_speaking_waits_for_the_turn() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(200);
    rig.say("and this");
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "clear, append 200, commit, response.create");
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 100, "Yes."));
    assert_eq!(rig.sent(), "item.create, response.create");
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Yes.
    User Sent: and this
    ");
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let mut rig = Rig::ready(config());
    rig.say("Hello");
    rig.serve(server::response_created("resp_1"));
    rig.take();
    let audio = server::audio("resp_1", "item_a", 100);
    rig.serve(audio.clone());
    rig.serve(audio);
    assert_eq!(played(&rig.take()).len(), 1);
    rig.serve(server::audio("resp_1", "item_a", 100));
    assert_eq!(played(&rig.take()).len(), 1, "another event with the same sound");
}
