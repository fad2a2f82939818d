//! The open microphone while no provider listens: turns are cut by the caller's own detector.

use std::time::Duration;

use proptest::prelude::*;
use protocol::{Delivery, Input, Said};

use crate::chaos::cases;
use crate::rig::{Rig, faults, open};
use crate::server;

/// Speech as the caller's own detector hears it, and the pause behind it.
fn heard_here(rig: &mut Rig, speech: usize, pause: usize) {
    rig.input(Input::Voice(true));
    rig.speak(speech);
    rig.input(Input::Voice(false));
    rig.speak(pause);
}

#[test]
fn what_is_said_without_a_connection_is_kept_turn_by_turn() {
    let mut rig = Rig::new(open());
    rig.speak(5_000);
    heard_here(&mut rig, 1_000, 1_500);
    heard_here(&mut rig, 2_000, 200);
    let items = rig.items();
    assert_eq!(items.iter().map(|item| item.delivery).collect::<Vec<_>>(), [Delivery::Kept, Delivery::Recording]);
    let first = items[0].duration.as_millis();
    assert!((1_500..=2_600).contains(&first), "half a second before it and the pause that ended it: {first} ms");
    rig.drop_connection();
    rig.input(Input::Release);
    assert_eq!(rig.items()[1].delivery, Delivery::Kept, "hanging up keeps what was being said");
    assert_eq!(rig.session.unanswered(), 2);

    rig.take_sent();
    rig.connect();
    rig.serve(server::speech_started("item_u", 300));
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes."));
    assert_eq!(rig.session.unanswered(), 1, "the first one is answered");
}

#[test]
fn a_turn_that_begins_without_a_connection_goes_on_with_it() {
    let mut rig = Rig::new(open());
    rig.speak(1_000);
    rig.input(Input::Voice(true));
    rig.speak(400);
    assert_eq!(rig.items()[0].delivery, Delivery::Recording);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 900", "with half a second from before it");
    rig.serve(server::speech_started("item_u", 500));
    rig.speak(300);
    rig.serve(server::speech_stopped("item_u", 1_200));
    rig.serve(server::committed("item_u", None));
    assert_eq!(rig.items().len(), 1);
}

/// So many seconds, in large pieces.
fn speak_long(rig: &mut Rig, seconds: usize) {
    for _ in 0..seconds {
        rig.input(Input::Audio(&[1_000; 24_000]));
    }
}

#[test]
fn a_turn_of_minutes_stays_whole_whichever_connections_die() {
    let mut rig = Rig::new(open());
    rig.input(Input::Voice(true));
    speak_long(&mut rig, 70);
    rig.connect();
    let id = rig.items()[0].id;
    assert_eq!(rig.session.utterance(id, 0).map(|pcm| pcm.len()), Some(70 * 24_000), "it can be kept meanwhile");
    rig.drop_connection();
    rig.connect();
    rig.serve(server::speech_started("item_u", 0));
    speak_long(&mut rig, 20);
    rig.drop_connection();
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 90000");
    rig.serve(server::speech_started("item_v", 0));
    speak_long(&mut rig, 5);
    rig.serve(server::speech_stopped("item_v", 95_000));
    rig.serve(server::committed("item_v", None));
    assert_eq!(rig.items()[0].duration, Duration::from_secs(95));
}

#[test]
fn a_room_that_talks_for_hours_without_a_connection_does_not_fill_the_memory() {
    let mut rig = Rig::new(open());
    rig.input(Input::Voice(true));
    speak_long(&mut rig, 3_600);
    let lengths: Vec<u64> = rig.items().iter().map(|item| item.duration.as_secs()).collect();
    assert_eq!(lengths, [600, 600], "whole turns from their beginning");
    assert_eq!(faults(&rig.take()).len(), 1, "the user is told that no more is kept, once");
}

#[test]
fn what_is_sent_again_does_not_mix_with_a_turn_that_is_being_heard() {
    let mut rig = Rig::new(open());
    rig.input(Input::Restore(Said::Spoken(&[500; 12_000])));
    rig.input(Input::Voice(true));
    rig.speak(600);
    rig.connect();
    rig.input(Input::Resend);
    rig.speak(200);
    assert_eq!(rig.sent(), "session.update, append 800", "the turn that goes on");
    rig.serve(server::speech_started("item_u", 0));
    rig.serve(server::speech_stopped("item_u", 700));
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes."));
    assert_eq!(rig.sent(), "append 1300", "then the old one, with silence behind it");
    rig.serve(server::speech_started("item_v", 800));
    rig.serve(server::committed("item_v", None));
    rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 500, "And yes."));
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn a_cough_without_a_connection_is_no_turn() {
    let mut rig = Rig::new(open());
    heard_here(&mut rig, 200, 3_000);
    heard_here(&mut rig, 200, 3_000);
    assert!(rig.items().is_empty());
}

#[test]
fn a_turn_from_before_the_connection_that_nobody_notices_waits_for_the_user() {
    let mut rig = Rig::new(open());
    rig.input(Input::Voice(true));
    rig.speak(600);
    rig.connect();
    rig.input(Input::Voice(false));
    rig.speak(3_500);
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.take_sent();
    rig.speak(100);
    assert_eq!(rig.sent(), "append 100", "and the microphone is open");
}

#[test]
fn a_held_floor_is_one_turn_however_long_its_pauses() {
    let mut rig = Rig::new(open());
    rig.input(Input::HoldFloor(true));
    heard_here(&mut rig, 1_000, 8_000);
    heard_here(&mut rig, 1_000, 100);
    assert_eq!(rig.items().len(), 1);
    rig.input(Input::HoldFloor(false));
    rig.speak(3_000);
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
}

#[derive(Debug, Clone)]
enum Step {
    /// Frames of 20 ms.
    Speak(usize),
    Hush(usize),
    Connect,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (5_usize..60).prop_map(Step::Speak),
        4 => (5_usize..80).prop_map(Step::Hush),
        1 => Just(Step::Connect),
        2 => Just(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_between_connections_is_listed_once_and_in_order(steps in prop::collection::vec(step(), 1..40)) {
        let mut rig = Rig::new(open());
        // Frames that the provider still hears, without noticing anything, before its connection is lost.
        let mut left = 0_usize;
        let (mut frame, mut said) = (0_i16, Vec::new());
        for step in steps {
            match step {
                Step::Speak(count) | Step::Hush(count) => {
                    let is_voice = matches!(step, Step::Speak(_));
                    rig.input(Input::Voice(is_voice));
                    // Less is a cough.
                    let is_turn = is_voice && left == 0 && count >= 15;
                    for _ in 0..count {
                        frame += 1;
                        rig.input(Input::Audio(&[frame; 480]));
                        said.extend(is_turn.then_some(frame));
                        left = left.saturating_sub(1);
                        if left == 0 {
                            rig.drop_connection();
                        }
                    }
                }
                Step::Connect if left == 0 => {
                    rig.connect();
                    left = 50;
                }
                Step::Connect => {}
                Step::Lose => {
                    rig.drop_connection();
                    left = 0;
                }
            }
        }
        rig.drop_connection();
        rig.input(Input::Release);
        let mut kept = Vec::new();
        for item in rig.items() {
            let mut pcm = rig.session.utterance(item.id, 0).unwrap();
            pcm.dedup();
            kept.extend(pcm);
        }
        prop_assert!(kept.is_sorted_by(|one, next| one < next), "{kept:?}");
        let lost: Vec<i16> = said.into_iter().filter(|frame| !kept.contains(frame)).collect();
        prop_assert!(lost.is_empty(), "{lost:?} is not in {kept:?}");
    }
}

#[test]
fn what_was_said_into_a_connection_that_was_dead_already_is_a_turn() {
    let mut rig = Rig::ready(open());
    rig.speak(2_000);
    rig.input(Input::Audio(&[0; 24_000]));
    heard_here(&mut rig, 4_000, 0);
    (0..8).for_each(|_| rig.input(Input::Audio(&[0; 24_000])));
    assert!(rig.items().is_empty(), "the provider says nothing");
    rig.drop_connection();
    assert_eq!(rig.items()[0].delivery, Delivery::Recording);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 12500", "with half a second from before it");
    rig.serve(server::speech_started("item_u", 500));
    rig.serve(server::speech_stopped("item_u", 4_500));
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes."));
    assert_eq!((rig.items().len(), rig.session.unanswered()), (2, 0));
}

#[test]
fn a_turn_into_a_dead_connection_is_kept_when_there_is_no_other() {
    let mut rig = Rig::ready(open());
    heard_here(&mut rig, 1_000, 0);
    (0..8).for_each(|_| rig.input(Input::Audio(&[0; 24_000])));
    rig.drop_connection();
    (0..3).for_each(|_| rig.input(Input::Audio(&[0; 24_000])));
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
}

#[test]
fn what_is_withheld_from_the_provider_is_no_turn_when_the_connection_dies() {
    let mut rig = Rig::ready(open());
    rig.input(Input::Voice(true));
    rig.input(Input::Audio(&[0; 24_000]));
    rig.input(Input::Voice(false));
    rig.input(Input::Audio(&[0; 24_000]));
    rig.drop_connection();
    assert!(rig.items().is_empty());
}

#[test]
fn speech_that_the_provider_noticed_is_not_told_twice() {
    let mut rig = Rig::ready(open());
    rig.input(Input::Voice(true));
    rig.speak(600);
    rig.serve(server::speech_started("item_u", 0));
    rig.speak(400);
    rig.input(Input::Voice(false));
    rig.serve(server::speech_stopped("item_u", 1_000));
    rig.serve(server::committed("item_u", None));
    rig.drop_connection();
    assert_eq!(rig.items().len(), 1);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.items().len(), 1);
}
