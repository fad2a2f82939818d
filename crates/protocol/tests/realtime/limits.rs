//! Limits of the provider's that pass soon are waited out, once; longer ones are told.

use std::time::Duration;

use protocol::{Cause, Delivery, Input};
use serde_json::{Value, json};

use crate::rig::{Rig, config, faults};
use crate::server;

const SOON: &str = "Rate limit reached for gpt-realtime in organization org_1. Please try again in 2.5s.";
const LATER: &str = "Rate limit reached. Please retry after 40 seconds.";

fn failed(id: &str, message: &str) -> Value {
    let mut event = server::response_failed(id, "tokens", Some("rate_limit_exceeded"));
    event["response"]["status_details"]["error"]["message"] = json!(message);
    event
}

fn error(message: &str, event_id: Option<&str>) -> Value {
    let mut event = server::error(Some("rate_limit_exceeded"), event_id);
    event["error"]["message"] = json!(message);
    event
}

/// A turn that was asked to be answered, and the id of the request.
fn asked() -> (Rig, String) {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::committed("item_u", None));
    let request = rig.take_sent().pop().unwrap();
    assert_eq!(request["type"], "response.create");
    rig.take();
    (rig, request["event_id"].as_str().unwrap().to_owned())
}

fn assert_waits(rig: &mut Rig) {
    assert_eq!((faults(&rig.take()).len(), rig.sent()), (0, String::new()));
    let item = rig.items().remove(0);
    assert_eq!(item.delivery, Delivery::Sent);
    assert_eq!(item.fault.map(|fault| (fault.cause, fault.message)), Some((Cause::RateLimited, SOON.to_owned())));
    assert!(rig.session.is_answer_owed());
    rig.wait(Duration::from_millis(2_400));
    assert_eq!(rig.sent(), "", "not yet");
    rig.wait(Duration::from_millis(100));
    assert_eq!((rig.sent().as_str(), rig.items()[0].fault.as_ref()), ("response.create", None));
}

#[test]
fn a_limit_that_passes_soon_is_waited_out_and_the_answer_asked_for_again() {
    for is_event in [false, true] {
        let (mut rig, request) = asked();
        if is_event {
            rig.serve(error(SOON, Some(&request)));
        } else {
            rig.serve(server::response_created("resp_1"));
            rig.serve(failed("resp_1", SOON));
        }
        assert_waits(&mut rig);
        rig.serve_all(server::answer("resp_2", "item_a", Some("item_u"), 100, "Now."));
        assert_eq!(rig.items()[0].delivery, Delivery::Answered);
    }
}

#[test]
fn a_limit_that_is_told_without_naming_the_request_is_about_the_one_that_waits() {
    let (mut rig, _) = asked();
    rig.serve(error(SOON, None));
    assert_waits(&mut rig);
}

#[test]
fn the_second_refusal_and_a_long_wait_are_told_and_the_turn_is_kept() {
    let (mut rig, _) = asked();
    rig.serve_all([server::response_created("resp_1"), failed("resp_1", SOON)]);
    assert_waits(&mut rig);
    rig.serve_all([server::response_created("resp_2"), failed("resp_2", SOON)]);
    let (mut patient, _) = asked();
    patient.serve_all([server::response_created("resp_1"), failed("resp_1", LATER)]);
    for mut rig in [rig, patient] {
        assert_eq!(faults(&rig.take()).iter().map(|fault| fault.cause).collect::<Vec<_>>(), [Cause::RateLimited]);
        assert_eq!((rig.items()[0].delivery, rig.session.deadline()), (Delivery::Kept, None));
        assert_eq!(rig.sent(), "");
        rig.input(Input::Resend);
        assert_eq!(rig.sent(), "response.create");
        rig.serve_all([server::response_created("resp_3"), failed("resp_3", SOON)]);
        assert_waits(&mut rig);
    }
}

#[test]
fn what_is_said_while_a_limit_is_waited_out_is_answered_along_with_the_rest() {
    let (mut rig, _) = asked();
    rig.serve_all([server::response_created("resp_1"), failed("resp_1", SOON)]);
    rig.turn(200);
    assert_eq!(rig.sent(), "clear, append 200, commit");
    rig.wait(Duration::from_millis(2_500));
    assert_eq!(rig.sent(), "response.create");
    rig.serve(server::committed("item_v", Some("item_u")));
    rig.serve_all(server::answer("resp_2", "item_a", Some("item_v"), 100, "Both."));
    let deliveries: Vec<Delivery> = rig.items().iter().map(|item| item.delivery).collect();
    assert_eq!(deliveries, [Delivery::Answered, Delivery::Answered, Delivery::Complete]);
}

#[test]
fn a_lost_connection_ends_the_wait_and_esc_the_question() {
    let (mut rig, _) = asked();
    rig.serve_all([server::response_created("resp_1"), failed("resp_1", SOON)]);
    rig.drop_connection();
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.connect();
    assert!(rig.sent().ends_with("commit, response.create"));
    let (mut rig, _) = asked();
    rig.serve_all([server::response_created("resp_1"), failed("resp_1", SOON)]);
    rig.input(Input::Stop);
    rig.wait(Duration::from_secs(3));
    assert_eq!((rig.sent().as_str(), rig.items()[0].delivery), ("", Delivery::Answered));
}
