//! With an open microphone the talk key holds the floor while the speaker thinks.

use std::time::Duration;

use protocol::{Delivery, Input};
use serde_json::{Value, json};

use crate::rig::{Rig, config, has_flush, open};
use crate::server;

/// Half a second of speech that the provider takes down.
fn words(rig: &mut Rig, item: &str, at: u64) {
    rig.speak(100);
    rig.serve(server::speech_started(item, at));
    rig.speak(500);
    rig.serve(server::speech_stopped(item, at + 500));
    rig.serve(server::committed(item, None));
}

/// Whether the provider may answer by itself, as the update says that was just sent.
fn may_answer(rig: &mut Rig) -> bool {
    let sent = rig.take_sent();
    let [update] = &*sent else { panic!("{sent:?}") };
    let detection = &update["session"]["audio"]["input"]["turn_detection"];
    assert_eq!(detection["type"], "server_vad", "it goes on listening");
    detection["create_response"].as_bool().unwrap()
}

/// The provider's confirmation.
fn confirm(rig: &mut Rig, may_answer: bool) {
    let mut event = server::updated();
    event["session"]["audio"]["input"]["turn_detection"] = json!({
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 300,
        "idle_timeout_ms": Value::Null, "create_response": may_answer, "interrupt_response": true,
    });
    rig.serve(event);
}

#[test]
fn however_long_the_pauses_one_answer_follows_when_the_key_goes_up() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    assert!(!may_answer(&mut rig));
    confirm(&mut rig, false);
    words(&mut rig, "item_u", 100);
    rig.take_sent();
    rig.wait(Duration::from_secs(40));
    words(&mut rig, "item_v", 40_000);
    assert!(rig.session.deadline().is_none(), "nothing is waited for while the key is down");
    rig.wait(Duration::from_secs(40));
    assert_eq!(rig.sent(), "append 600", "and nothing is asked");
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.sent(), "session.update, response.create");
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_v"), 500, "Both."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    User Answered: 
    Assistant Complete: Both.
    ");
    assert_eq!(rig.sent(), "");
}

#[test]
fn words_that_are_still_being_heard_when_the_key_goes_up_are_answered_by_the_provider() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    confirm(&mut rig, false);
    rig.speak(100);
    rig.serve(server::speech_started("item_u", 100));
    rig.take_sent();
    rig.input(Input::HoldFloor(false));
    assert!(may_answer(&mut rig));
    confirm(&mut rig, true);
    rig.serve(server::speech_stopped("item_u", 600));
    rig.serve(server::committed("item_u", None));
    assert_eq!(rig.sent(), "", "it answers by itself");
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes?"));
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn words_that_end_before_the_provider_knows_that_it_may_answer_are_asked_for_at_once() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    rig.speak(100);
    rig.serve(server::speech_started("item_u", 100));
    rig.input(Input::HoldFloor(false));
    rig.take_sent();
    confirm(&mut rig, false);
    rig.serve(server::speech_stopped("item_u", 600));
    rig.serve(server::committed("item_u", None));
    rig.wait(Duration::ZERO);
    assert_eq!(rig.sent(), "response.create");
    confirm(&mut rig, true);
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes?"));
    words(&mut rig, "item_v", 2_000);
    rig.take_sent();
    rig.wait(Duration::from_secs(4));
    assert_eq!(rig.sent(), "", "from now on the provider answers by itself");
}

#[test]
fn an_answer_that_begins_while_the_key_is_down_is_cancelled_and_asked_for_when_it_goes_up() {
    for ending in [server::response_cancelled("resp_1", "client_cancelled"), server::response_done("resp_1")] {
        let mut rig = Rig::ready(open());
        words(&mut rig, "item_u", 100);
        rig.take_sent();
        rig.input(Input::HoldFloor(true));
        rig.serve(server::response_created("resp_1"));
        assert_eq!(rig.sent(), "session.update, response.cancel");
        rig.serve(server::audio("resp_1", "item_a", 500));
        rig.serve(ending);
        assert!(!has_flush(&rig.take()), "nothing of it was heard");
        assert_eq!((rig.session.unanswered(), rig.session.deadline()), (1, None));
        rig.take_sent();
        rig.input(Input::HoldFloor(false));
        assert_eq!(rig.sent(), "session.update, response.create");
    }
}

#[test]
fn the_key_that_stops_an_answer_can_go_on_holding_the_floor() {
    let mut rig = Rig::ready(open());
    words(&mut rig, "item_u", 100);
    rig.input(Input::Stop);
    rig.input(Input::HoldFloor(true));
    assert_eq!(rig.items()[0].delivery, Delivery::Answered, "its answer is not wanted");
    confirm(&mut rig, false);
    words(&mut rig, "item_v", 2_000);
    rig.take_sent();
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.sent(), "session.update, response.create");
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "", "the stop was for another answer");
}

#[test]
fn a_key_that_goes_down_and_up_without_a_word_asks_for_nothing() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    rig.input(Input::HoldFloor(true));
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.sent(), "session.update, session.update");
}

#[test]
fn a_held_floor_outlives_its_connection() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    words(&mut rig, "item_u", 100);
    rig.drop_connection();
    rig.take_sent();
    rig.input(Input::Opened);
    rig.serve(server::created());
    assert!(!may_answer(&mut rig));
    confirm(&mut rig, false);
    assert!(rig.sent().starts_with("append"), "what was said is put through the ear again");
    rig.serve(server::speech_started("item_v", 0));
    rig.serve(server::speech_stopped("item_v", 500));
    rig.serve(server::committed("item_v", None));
    assert!(rig.session.deadline().is_none());
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.sent(), "session.update, response.create");
}

#[test]
fn push_to_talk_has_no_floor_to_hold_and_ends_a_held_one() {
    let mut rig = Rig::ready(config());
    rig.input(Input::HoldFloor(true));
    assert_eq!(rig.sent(), "");
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    rig.input(Input::Configure(&config()));
    rig.take_sent();
    rig.turn(400);
    assert_eq!(rig.sent(), "clear, append 400, commit, response.create");
}

#[test]
fn what_was_said_on_a_held_floor_is_answered_when_push_to_talk_is_chosen() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    confirm(&mut rig, false);
    words(&mut rig, "item_u", 100);
    rig.take_sent();
    rig.input(Input::Configure(&config()));
    assert_eq!(rig.sent(), "session.update, clear, response.create");
}
