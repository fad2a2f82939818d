//! What survives a lost connection.

use std::time::Duration;

use protocol::{Delivery, Event, Input, Output};

use crate::rig::{Rig, config, events, faults, played};
use crate::server;

#[test]
fn the_conversation_is_replayed_as_text_before_anything_else() {
    let mut rig = Rig::asked();
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 1_000, "one two three four"));
    rig.serve(server::user_caption("item_u", "Count."));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    rig.say("More!");
    rig.drop_connection();
    assert_eq!(rig.items()[2].delivery, Delivery::Kept);
    rig.take_sent();
    rig.connect();
    let sent = rig.take_sent();
    let told = |at: usize| {
        let item = &sent[at]["item"];
        assert!(item["id"].as_str().unwrap().len() <= 32);
        format!("{} {}", item["role"].as_str().unwrap(), item["content"][0]["text"].as_str().unwrap())
    };
    assert_eq!(told(1), "user Count.");
    assert_eq!(told(2), "assistant one two");
    assert_eq!(told(3), "user More!");
    assert_eq!(sent[4]["type"], "response.create");
    assert_eq!(sent.len(), 5);
}

#[test]
fn an_utterance_without_answer_is_sent_again() {
    let mut rig = Rig::ready(config());
    rig.turn(2_500);
    rig.serve(server::committed("item_u", None));
    rig.serve(server::user_caption_delta("item_u", "Who are"));
    rig.drop_connection();
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.take_sent();
    rig.connect();
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 6, "in pieces of a second");
    rig.serve(server::committed("item_v", None));
    rig.serve(server::user_caption_delta("item_v", "Who are you"));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_v"), 100, "Me."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: Who are you
    Assistant Complete: Me.
    ");
}

#[test]
fn what_waits_goes_out_one_after_another() {
    let mut rig = Rig::new(config());
    rig.turn(200);
    rig.say("second");
    rig.turn(300);
    assert_eq!(rig.session.unanswered(), 3);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
    rig.serve(server::committed("item_1", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_1"), 100, "A."));
    assert_eq!(rig.sent(), "item.create, response.create");
    rig.serve_all(server::answer("resp_2", "item_b", None, 100, "B."));
    assert_eq!(rig.sent(), "append 300, commit, response.create");
    rig.serve(server::committed("item_3", Some("item_b")));
    rig.serve_all(server::answer("resp_3", "item_c", Some("item_3"), 100, "C."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: A.
    User Answered: second
    Assistant Complete: B.
    User Answered: 
    Assistant Complete: C.
    ");
}

#[test]
fn a_turn_that_is_being_spoken_goes_on() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(300);
    rig.drop_connection();
    rig.speak(300);
    rig.take_sent();
    rig.input(Input::Opened);
    rig.serve(server::created());
    rig.serve(server::updated());
    assert_eq!(rig.sent(), "session.update, append 600");
    rig.speak(100);
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "append 100, commit, response.create");
    assert_eq!(rig.items()[0].duration, Duration::from_millis(700));
}

#[test]
fn a_turn_spoken_behind_one_that_waits_keeps_its_place() {
    let mut rig = Rig::new(config());
    rig.turn(200);
    rig.input(Input::Press);
    rig.speak(300);
    rig.connect();
    assert_eq!(rig.sent(), "session.update");
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "append 200, commit, response.create");
    rig.serve(server::committed("item_1", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_1"), 100, "A."));
    assert_eq!(rig.sent(), "append 300, commit, response.create");
}

#[test]
fn half_an_answer_plays_out_and_its_question_is_asked_again() {
    let mut rig = Rig::asked();
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 500, "Half an"));
    rig.take();
    rig.drop_connection();
    let outputs = rig.take();
    let half = rig.items()[1].id;
    assert!(outputs.contains(&Output::PlayEnd(half)));
    assert!(!events(&outputs).contains(&&Event::ResponseDone), "that would be a sign of a good connection");
    insta::assert_snapshot!(rig.lines(), @r"
    User Kept: 
    Assistant Failed: Half an
    ");
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
    rig.serve(server::committed("item_v", None));
    rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 500, "Half an answer."));
    assert_eq!(rig.items().last().unwrap().text, "Half an answer.");
    rig.drop_connection();
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.take_sent().len(), 2, "the half is not replayed");
}

#[test]
fn a_whole_answer_counts_even_if_response_done_was_lost() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    let mut events = server::answer("resp_1", "item_a", None, 500, "Whole.");
    events.pop();
    rig.serve_all(events);
    rig.drop_connection();
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Whole.
    ");
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn an_answer_that_the_user_cut_short_is_not_asked_for_again() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 500, "Long story"));
    rig.input(Input::Stop);
    rig.drop_connection();
    assert_eq!(rig.session.unanswered(), 0);
    rig.take_sent();
    rig.connect();
    assert!(!rig.sent().contains("append"));
}

#[test]
fn an_utterance_that_never_succeeds_waits_for_the_user_at_last() {
    let mut rig = Rig::new(config());
    rig.turn(200);
    let mut tries = 0;
    for _ in 0..10 {
        rig.connect();
        tries += usize::from(rig.sent().contains("commit"));
        rig.drop_connection();
    }
    assert_eq!(tries, 5);
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    assert_eq!(rig.session.unanswered(), 1);
    rig.connect();
    rig.take_sent();
    rig.input(Input::Resend);
    assert_eq!(rig.sent(), "append 200, commit, response.create");
}

#[test]
fn a_cut_at_every_step_loses_no_utterance() {
    let script = || {
        let mut events = vec![server::created(), server::updated(), server::committed("item_u", None)];
        events.extend(server::answer("resp_1", "item_a", Some("item_u"), 500, "An answer."));
        events
    };
    for cut in 0..=script().len() {
        let mut rig = Rig::new(config());
        rig.turn(200);
        rig.input(Input::Opened);
        rig.serve_all(script().into_iter().take(cut));
        rig.drop_connection();
        assert_eq!(faults(&rig.take()).len(), 1);
        let owed = rig.session.unanswered();
        assert_eq!(owed == 0, rig.items()[0].delivery == Delivery::Answered, "{cut}");
        rig.take_sent();
        rig.connect();
        assert_eq!(rig.sent().contains("append 200, commit, response.create"), owed == 1, "{cut}");
        if owed == 1 {
            rig.serve(server::committed("item_v", None));
            rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 500, "An answer."));
            assert_eq!(played(&rig.take()).len(), 1);
        }
        assert_eq!(rig.session.unanswered(), 0, "{cut}");
        assert_eq!(rig.items().last().unwrap().text, "An answer.");
    }
}

#[test]
fn an_answer_cut_after_its_connection_was_replaced_is_told_anew() {
    let mut rig = Rig::ready(config());
    rig.say("count");
    rig.serve_all(server::answer("resp_1", "item_a", None, 1_000, "one two three four"));
    rig.connect();
    rig.take_sent();
    rig.input(Input::Press);
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    let sent = rig.take_sent();
    let kinds: Vec<&str> = sent.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["input_audio_buffer.clear", "conversation.item.delete", "conversation.item.create"]);
    assert_eq!(sent[2]["item"]["content"][0]["text"], "one two");
}

#[test]
fn a_socket_opened_over_another_starts_anew() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
}
