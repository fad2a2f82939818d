//! Tokens: told in any order with the end of a turn, and more than once.

use protocol::{Delivery, Input, Usage};
use serde_json::{Value, json};

use crate::rig::{Rig, config};

fn usage(output: u64) -> Value {
    json!({ "promptTokenCount": 10, "responseTokenCount": output, "totalTokenCount": 10 + output })
}

fn tell(rig: &mut Rig, output: u64) {
    rig.serve(json!({ "usageMetadata": usage(output) }));
}

fn turn_complete(rig: &mut Rig, output: u64) {
    rig.serve(json!({ "serverContent": { "turnComplete": true }, "usageMetadata": usage(output) }));
}

/// Of each item that has it: tokens heard and said.
fn spent(rig: &Rig) -> Vec<(usize, u64)> {
    let of = |(at, usage): (usize, Option<Usage>)| usage.map(|usage| (at, usage.output_audio));
    let items = rig.items();
    assert!(items.iter().filter_map(|item| item.usage).all(|usage| usage.input_text == 10));
    items.iter().map(|item| item.usage).enumerate().filter_map(of).collect()
}

#[test]
fn what_is_told_while_the_answer_is_made_is_part_of_what_is_told_at_its_end() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sound(1_000, 100);
    tell(&mut rig, 3);
    assert_eq!(spent(&rig), [], "it is not all yet");
    rig.sound(1_001, 100);
    turn_complete(&mut rig, 7);
    assert_eq!((rig.item(1).delivery, spent(&rig)), (Delivery::Complete, vec![(1, 7)]));
    tell(&mut rig, 7);
    assert_eq!(spent(&rig), [(1, 7)], "the same once more");
}

#[test]
fn what_is_told_before_the_end_or_behind_it_alone_counts_as_well() {
    let mut rig = Rig::ready(config());
    for (question, is_early) in [(0, true), (2, false)] {
        rig.speak();
        rig.answer("Well.");
        if is_early {
            tell(&mut rig, 5);
        }
        rig.turn_complete();
        if !is_early {
            assert_eq!(rig.item(question + 1).usage, None);
            tell(&mut rig, 6);
        }
    }
    assert_eq!(spent(&rig), [(1, 5), (3, 6)]);
}

#[test]
fn an_interrupted_answer_costs_what_is_told_of_it_and_the_next_one_its_own() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sound(1_000, 1_000);
    tell(&mut rig, 2);
    rig.input(Input::Press);
    assert_eq!(spent(&rig), [(1, 2)], "what is known of an answer that is given up");
    rig.input(Input::Audio(&vec![2_000; 4_800]));
    rig.content(json!({ "interrupted": true }));
    turn_complete(&mut rig, 4);
    assert_eq!(spent(&rig), [(1, 4)]);
    rig.input(Input::Release);
    tell(&mut rig, 1);
    rig.answer("Very well.");
    turn_complete(&mut rig, 9);
    assert_eq!(spent(&rig), [(1, 4), (3, 9)]);
}

#[test]
fn an_answer_that_its_connection_lost_costs_what_was_told_of_it() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.sound(1_000, 100);
    tell(&mut rig, 3);
    rig.close(None, "");
    assert_eq!((rig.item(1).delivery, spent(&rig)), (Delivery::Failed, vec![(1, 3)]));
}
