//! Speaking or pressing over the answer.

use std::time::Duration;

use protocol::{Delivery, Input, ItemId, Message, Output};
use serde_json::{Value, json};

use crate::rig::{Rig, config, has_flush, played};
use crate::server;

const WORDS: &str = "one two three four five six seven eight nine ten";

/// An answer of a second, still being generated or complete; returns its item.
fn answering(rig: &mut Rig, is_complete: bool) -> ItemId {
    rig.turn(200);
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 1_000, WORDS));
    if is_complete {
        rig.serve_all(server::answer_ends("resp_1", "item_a", Some("item_u"), WORDS));
    }
    rig.take();
    rig.take_sent();
    rig.items()[1].id
}

fn interrupt(rig: &mut Rig, item: ItemId, heard_ms: u64) -> Vec<Value> {
    rig.input(Input::Press);
    assert!(has_flush(&rig.take()));
    rig.take_sent();
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(heard_ms) });
    rig.take_sent()
}

#[test]
fn pressing_cancels_silences_and_truncates_to_what_was_heard() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, false);
    rig.input(Input::Press);
    let outputs = rig.take();
    let is_cancel = |output: &Output| matches!(output, Output::Transmit { message: Message::Text(text), .. } if text.contains("response.cancel"));
    assert!(outputs.iter().any(is_cancel) && has_flush(&outputs));
    assert_eq!(rig.sent(), "response.cancel, clear");
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(400) });
    assert_eq!(
        Value::from(rig.take_sent()),
        json!([
          {
            "audio_end_ms": 400,
            "content_index": 0,
            "event_id": "event_17",
            "item_id": "item_a",
            "type": "conversation.item.truncate"
          }
        ])
    );
    insta::assert_snapshot!(rig.lines(), @r"
    User Sent: 
    Assistant Interrupted: one two three four [five six seven eight nine ten]
    User Recording: 
    ");
    assert_eq!(rig.items()[1].heard, Some(Duration::from_millis(400)));
}

#[test]
fn late_audio_of_a_cut_answer_is_never_played() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, false);
    interrupt(&mut rig, item, 400);
    rig.serve(server::audio("resp_1", "item_a", 500));
    rig.serve(server::output_item_added("resp_1", server::assistant_item("item_b", "in_progress")));
    rig.serve(server::audio("resp_1", "item_b", 500));
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    rig.serve(server::audio("resp_1", "item_a", 500));
    rig.serve(server::audio("resp_1", "item_c", 500));
    let outputs = rig.take();
    assert!(played(&outputs).is_empty());
    assert!(!outputs.contains(&Output::PlayEnd(item)));
    assert_eq!(rig.items().len(), 3, "nothing late is shown");
    assert_eq!(rig.sent(), "item.delete", "what nobody heard of it is taken back");
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn heard_is_never_more_than_was_received() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, false);
    let sent = interrupt(&mut rig, item, 99_000);
    assert_eq!(sent[0]["audio_end_ms"], 1_000);
}

#[test]
fn an_answer_nobody_heard_is_deleted_but_stays_readable() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, true);
    let sent = interrupt(&mut rig, item, 0);
    assert_eq!(sent[0]["type"], "conversation.item.delete");
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Interrupted:  [one two three four five six seven eight nine ten]
    User Recording: 
    ");
    rig.input(Input::Discard);
    rig.drop_connection();
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update", "and the next connection does not hear of it");
}

#[test]
fn an_unheard_answer_that_is_still_generated_is_deleted_when_its_response_is_over() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, false);
    assert!(interrupt(&mut rig, item, 0).is_empty());
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "item.delete");
}

#[test]
fn an_answer_heard_to_its_end_is_left_alone() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, true);
    assert!(interrupt(&mut rig, item, 1_000).is_empty());
    assert_eq!(rig.items()[1].delivery, Delivery::Complete);
    assert!(rig.items()[1].unheard.is_empty());
}

#[test]
fn nothing_is_flushed_or_cancelled_when_the_answer_was_played() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, true);
    rig.input(Input::Played(item));
    rig.input(Input::Press);
    assert!(!has_flush(&rig.take()));
    assert_eq!(rig.sent(), "clear");
}

#[test]
fn an_interruption_is_counted_once() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, true);
    assert_eq!(interrupt(&mut rig, item, 300).len(), 1);
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(900) });
    assert_eq!(rig.sent(), "");
    assert_eq!(rig.items()[1].heard, Some(Duration::from_millis(300)));
}

#[test]
fn stop_cancels_and_owes_nothing() {
    let mut rig = Rig::ready(config());
    let item = answering(&mut rig, false);
    rig.input(Input::Stop);
    assert!(has_flush(&rig.take()));
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    assert_eq!(rig.sent(), "response.cancel, item.truncate");
    rig.serve(server::error(Some("response_cancel_not_active"), None));
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "");
    assert!(crate::rig::faults(&rig.take()).is_empty());
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
    assert!(!rig.session.is_busy());
}

#[test]
fn words_that_come_after_the_cut_are_unheard() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 1_000, "one two three four"));
    let item = rig.items()[1].id;
    interrupt(&mut rig, item, 500);
    rig.serve(server::caption_done("resp_1", "item_a", "one two three four five six"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Sent: 
    Assistant Interrupted: one two [three four five six]
    User Recording: 
    ");
}

#[test]
fn a_cut_without_words_is_divided_when_they_come() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::response_created("resp_1"));
    rig.serve(server::audio("resp_1", "item_a", 1_000));
    let item = rig.items()[1].id;
    interrupt(&mut rig, item, 500);
    rig.serve(server::caption_done("resp_1", "item_a", "one two three four"));
    assert_eq!(rig.items()[1].text, "one two");
    assert_eq!(rig.items()[1].unheard, "three four");
}

#[test]
fn an_answer_cut_before_its_first_sound_leaves_no_trace_but_its_words() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::response_created("resp_1"));
    rig.serve(server::output_item_added("resp_1", server::assistant_item("item_a", "in_progress")));
    rig.take_sent();
    rig.input(Input::Press);
    assert_eq!(rig.sent(), "response.cancel, clear");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "item.delete");
    assert_eq!(rig.items().len(), 2, "an empty answer is not shown");
}
