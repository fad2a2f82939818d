//! What an earlier run could not send, and handing out what this one may not be able to.

use std::time::Duration;

use protocol::{Delivery, Input, Kind, Said};

use crate::rig::{Rig, config, open};
use crate::server;

#[test]
fn what_is_restored_stands_first_in_its_order_and_waits_for_the_user() {
    let mut rig = Rig::new(config());
    rig.say("new");
    rig.input(Input::Restore(Said::Spoken(&[500; 12_000])));
    rig.input(Input::Restore(Said::Typed("old")));
    let items = rig.items();
    assert_eq!((items[0].kind.clone(), items[0].duration), (Kind::Spoken, Duration::from_millis(500)));
    assert_eq!((items[1].text.as_str(), items[2].text.as_str()), ("old", "new"));
    assert!(items.iter().all(|item| item.delivery == Delivery::Kept));
    assert_eq!(rig.session.unanswered(), 3);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, item.create, response.create", "only what was said now");
    rig.drop_connection();
    rig.connect();
    rig.take_sent();
    rig.input(Input::Stop);
    rig.input(Input::Resend);
    assert_eq!(rig.items()[0].delivery, Delivery::Sent);
}

#[test]
fn a_restored_turn_is_answered_at_the_users_wish() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Restore(Said::Spoken(&[500; 12_000])));
    assert!(!rig.session.is_answer_owed(), "nobody waits for it before the user asked");
    rig.input(Input::Resend);
    assert_eq!(rig.sent(), "append 500, commit, response.create");
    rig.serve(server::committed("item_u", None));
    rig.serve(server::user_caption("item_u", "Who?"));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 100, "Me."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: Who?
    Assistant Complete: Me.
    ");
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn a_restored_turn_can_be_forgotten_and_nothing_is_restored_as_nothing() {
    let mut rig = Rig::new(config());
    rig.input(Input::Restore(Said::Spoken(&[])));
    rig.input(Input::Restore(Said::Typed(" \n")));
    assert!(rig.items().is_empty());
    rig.input(Input::Restore(Said::Typed("old")));
    let id = rig.items()[0].id;
    rig.input(Input::Forget(id));
    assert!(rig.items().is_empty());
}

#[test]
fn what_is_restored_takes_no_room_from_what_is_said() {
    let mut rig = Rig::new(config());
    for _ in 0..2 {
        rig.input(Input::Restore(Said::Spoken(&vec![500; 600 * 24_000])));
    }
    rig.turn(500);
    assert_eq!(rig.items()[2].duration, Duration::from_millis(500));
}

#[test]
fn a_turn_can_be_read_while_it_is_spoken_and_until_it_is_answered() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(300);
    let id = rig.items()[0].id;
    assert_eq!(rig.session.utterance(id, 0), Some(vec![1_000; 7_200]));
    assert_eq!(rig.session.utterance(id, 7_000), Some(vec![1_000; 200]));
    assert_eq!(rig.session.utterance(id, 7_201), None);
    rig.input(Input::Release);
    assert_eq!(rig.session.utterance(id, 0).map(|pcm| pcm.len()), Some(7_200));
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 100, "Me."));
    assert_eq!(rig.session.utterance(id, 0), None);
    let answer = rig.items()[1].id;
    assert_eq!(rig.session.utterance(answer, 0), None);
}

#[test]
fn with_an_open_microphone_speech_can_be_read_before_it_ends_and_without_a_connection() {
    let mut rig = Rig::ready(open());
    rig.speak(600);
    rig.serve(server::speech_started("item_u", 400));
    rig.speak(800);
    let id = rig.items()[0].id;
    let length = |rig: &Rig, from| rig.session.utterance(id, from).map(|pcm| pcm.len());
    assert_eq!((length(&rig, 0), length(&rig, 20_000)), (Some(24_000), Some(4_000)));
    rig.drop_connection();
    rig.speak(200);
    assert_eq!((length(&rig, 0), length(&rig, 24_000)), (Some(28_800), Some(4_800)));
    assert_eq!(length(&rig, 30_000), None);
    rig.input(Input::Release);
    assert_eq!((rig.items()[0].delivery, length(&rig, 0)), (Delivery::Kept, Some(28_800)));
}
