//! Whatever the user does and the services answer.

use std::time::Duration;

use proptest::prelude::*;
use protocol::chat::ToolCall;
use protocol::{Cause, Delivery, Errand, Fault, Input, Item, ItemId, Leg, Received, Reply, Thought, TurnTaking};

use crate::rig::{OPEN, Rig, config};

#[derive(Debug, Clone)]
enum Step {
    Press,
    Release,
    Discard,
    Hum(u8),
    Hush(u8),
    Say(bool),
    Stop,
    BargeIn,
    Floor(bool),
    Interrupted(u8),
    Reply(u8, u8),
    Think(u8, u8),
    Result(u8),
    Frame,
    Wait(u16),
    Mode(bool),
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Press),
        4 => Just(Step::Release),
        1 => Just(Step::Discard),
        6 => (1..30_u8).prop_map(Step::Hum),
        6 => (1..50_u8).prop_map(Step::Hush),
        2 => any::<bool>().prop_map(Step::Say),
        1 => Just(Step::Stop),
        1 => Just(Step::BargeIn),
        1 => any::<bool>().prop_map(Step::Floor),
        2 => (0..6_u8).prop_map(Step::Interrupted),
        9 => (0..7_u8, 0..3_u8).prop_map(|(kind, back)| Step::Reply(kind, back)),
        9 => (0..6_u8, 0..2_u8).prop_map(|(kind, back)| Step::Think(kind, back)),
        2 => (0..3_u8).prop_map(Step::Result),
        1 => Just(Step::Frame),
        1 => (0..20_000_u16).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Mode),
        1 => Just(Step::Drop),
    ]
}

fn play(rig: &mut Rig, step: &Step) {
    let fault = Fault::new(Cause::Server, None, "no");
    match step {
        Step::Press => rig.input(Input::Press),
        // With an open microphone that would be the end of the call.
        Step::Release if rig.is_open => {}
        Step::Release => rig.input(Input::Release),
        Step::Discard => rig.input(Input::Discard),
        Step::Hum(frames) => rig.hum(usize::from(*frames) * 20),
        Step::Hush(frames) => rig.hush(usize::from(*frames) * 20),
        Step::Say(aloud) => rig.input(Input::Say { text: "Written.", aloud: *aloud }),
        Step::Stop => rig.input(Input::Stop),
        Step::BargeIn => rig.input(Input::BargeIn),
        Step::Floor(is_held) => rig.input(Input::HoldFloor(*is_held)),
        Step::Interrupted(item) => {
            rig.input(Input::Interrupted { item: ItemId(u64::from(*item)), heard: Duration::from_millis(300) });
        }
        Step::Reply(kind, back) => {
            let errand = rig.fetched.iter().rev().nth(usize::from(*back)).map_or(Errand(99), |(errand, ..)| *errand);
            if rig.called_off.contains(&errand) {
                return;
            }
            let reply = match kind {
                0 | 1 => Reply::Body(b"{\"text\":\"Some words.\"}"),
                2 => Reply::Body(&[1; 4_801]),
                3..=5 => Reply::Done,
                _ => Reply::Failed(&fault),
            };
            rig.input(Input::Replied { errand, reply });
        }
        Step::Think(kind, back) => {
            let Some((errand, _)) = rig.questions.iter().rev().nth(usize::from(*back)) else { return };
            let errand = *errand;
            if rig.called_off.contains(&errand) {
                return;
            }
            let call = ToolCall { id: "c".into(), name: "light".into(), arguments: "{}".into(), seal: None };
            let call = if *back > 0 { ToolCall { name: "door".into(), ..call } } else { call };
            let thought = match kind {
                3 => Thought::Call(&call),
                0 | 1 => Thought::Delta("Some words. And more, "),
                2 => Thought::Done,
                _ => Thought::Failed(&fault),
            };
            rig.input(Input::Thought { errand, thought });
        }
        Step::Result(back) => {
            let called = rig.called.iter().rev().nth(usize::from(*back)).map(|(item, _)| *item);
            rig.input(Input::ToolResult { item: called.unwrap_or(ItemId(99)), output: "done" });
        }
        Step::Frame => rig.input(Input::Received { leg: Leg::Ears, received: Received::Text("{}") }),
        Step::Wait(ms) => rig.wait(Duration::from_millis(u64::from(*ms))),
        Step::Mode(is_open) => {
            rig.is_open = *is_open;
            let turn_taking = if *is_open { OPEN } else { TurnTaking::PushToTalk };
            rig.input(Input::Configure(&config(turn_taking)));
        }
        Step::Drop => rig.reconnect(),
    }
    if rig.reconnects() {
        rig.reconnect();
    }
}

fn open_items(rig: &Rig) -> usize {
    let is_open = |item: &Item| matches!(item.delivery, Delivery::Recording | Delivery::Sent | Delivery::Arriving);
    rig.session.items().iter().filter(|item| is_open(item)).count()
}

/// Everybody does his duty until nothing is left to do, for ten minutes at the most: what is put through the ear again
/// and not taken for speech is given up after ten seconds each.
fn settle(rig: &mut Rig) {
    rig.input(Input::HoldFloor(false));
    play(rig, &Step::Release);
    for round in 0..600 {
        if round > 4 && open_items(rig) == 0 {
            return;
        }
        rig.hush(400);
        let fetched = std::mem::take(&mut rig.fetched);
        for (errand, leg, _) in fetched {
            let body: &[u8] = if leg == Leg::Ears { b"{\"text\":\"Yes.\"}" } else { &[1; 4_800] };
            for reply in [Reply::Body(body), Reply::Done] {
                if !rig.called_off.contains(&errand) {
                    rig.input(Input::Replied { errand, reply });
                }
            }
        }
        for (item, _) in std::mem::take(&mut rig.called) {
            rig.input(Input::ToolResult { item, output: "done" });
        }
        let questions = std::mem::take(&mut rig.questions);
        for (errand, _) in questions {
            for thought in [Thought::Delta("Good."), Thought::Done] {
                if !rig.called_off.contains(&errand) {
                    rig.input(Input::Thought { errand, thought });
                }
            }
        }
        rig.wait(Duration::from_secs(1));
        if rig.reconnects() {
            rig.reconnect();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_question_comes_to_an_end(
        steps in proptest::collection::vec(step(), 1..50),
        is_open: bool,
    ) {
        let mut rig = Rig::new(if is_open { OPEN } else { TurnTaking::PushToTalk });
        for step in &steps {
            play(&mut rig, step);
        }
        settle(&mut rig);
        prop_assert_eq!(open_items(&rig), 0, "{:#?}", rig.lines());
    }
}
