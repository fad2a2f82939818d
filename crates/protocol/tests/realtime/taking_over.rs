//! A connection that is told the conversation while another one serves, and then takes over.

use std::time::Duration;

use protocol::{Event, Input};

use crate::rig::{Rig, config, events};
use crate::server;

/// A question and its answer.
fn answered() -> Rig {
    let mut rig = Rig::asked();
    rig.serve(server::user_caption("item_u", "Count."));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 1_000, "one two three four"));
    rig.take();
    rig
}

#[test]
fn what_was_said_since_the_standby_began_is_told_before_it_serves() {
    let mut rig = answered();
    let mut standby = rig.standby();
    assert_eq!(standby.sent(), "session.update, item.create, item.create");
    rig.say("More!");
    rig.serve_all(server::answer("resp_2", "item_b", None, 100, "five"));
    rig.take_sent();
    assert!(rig.session.can_adopt(&standby.session));
    rig.adopt(standby);
    assert!(events(&rig.take()).iter().any(|event| matches!(event, Event::Ready { .. })));
    let told: Vec<_> = rig.take_sent().iter().map(|event| event["item"]["content"][0]["text"].clone()).collect();
    assert_eq!(told, ["More!", "five"]);
    rig.say("And then?");
    assert_eq!(rig.sent(), "item.create, response.create");
    rig.serve_all(server::answer("resp_1", "item_a", None, 100, "six"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: Count.
    Assistant Complete: one two three four
    User Answered: More!
    Assistant Complete: five
    User Answered: And then?
    Assistant Complete: six
    ");
}

#[test]
fn what_waits_goes_along() {
    let mut rig = answered();
    let standby = rig.standby();
    rig.turn(200);
    rig.serve(server::committed("item_v", None));
    rig.take_sent();
    rig.adopt(standby);
    assert_eq!(rig.sent(), "append 200, commit, response.create");
}

#[test]
fn a_standby_that_was_told_what_is_not_so_any_more_does_not_take_over() {
    let mut rig = answered();
    let standby = rig.standby();
    assert!(rig.session.can_adopt(&standby.session));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    assert!(!rig.session.can_adopt(&standby.session), "less was heard than it was told");
}

#[test]
fn a_standby_that_is_not_ready_or_that_speaks_unasked_does_not_take_over() {
    let rig = answered();
    let mut standby = rig.standby();
    standby.serve(server::response_created("resp_9"));
    assert!(!rig.session.can_adopt(&standby.session));
    assert!(!rig.session.can_adopt(&rig.session.standby(&config()).unwrap()));
}

#[test]
fn nobody_takes_over_while_the_floor_is_held() {
    let mut rig = Rig::ready(crate::rig::open());
    rig.input(Input::HoldFloor(true));
    assert!(rig.session.standby(&crate::rig::open()).is_none());
}
