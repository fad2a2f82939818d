//! Hold, speak, release.

use std::time::Duration;

use protocol::{Cause, Config, Delivery, Event, Input, Kind, Role, Usage};

use crate::rig::{Rig, config, events, faults, played, reconnects};
use crate::server;

#[test]
fn a_turn_is_streamed_committed_and_answered() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    assert_eq!(rig.sent(), "clear");
    rig.speak(400);
    assert_eq!(rig.take_sent().len(), 20, "each piece as it comes");
    let item = rig.items().remove(0);
    assert_eq!((item.role, item.kind, item.delivery), (Role::User, Kind::Spoken, Delivery::Recording));
    assert_eq!(item.duration, Duration::from_millis(400));
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "commit, response.create");
    assert_eq!(rig.items()[0].delivery, Delivery::Sent);
    assert_eq!(rig.session.unanswered(), 1);
    assert!(rig.session.is_busy());
    assert!(events(&rig.take()).contains(&&Event::Requested));
    rig.serve(server::committed("item_u", None));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Hello there."));
    let outputs = rig.take();
    let id = rig.items()[1].id;
    assert_eq!(played(&outputs), [(id, 12_000)]);
    assert!(outputs.contains(&protocol::Output::PlayEnd(id)));
    assert!(events(&outputs).contains(&&Event::ResponseStarted));
    assert!(events(&outputs).contains(&&Event::ResponseDone));
    assert_eq!(rig.session.unanswered(), 0);
    assert!(!rig.session.is_busy());
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Hello there.
    ");
    let usage = Usage {
        input_text: 20,
        input_audio: 100,
        cached_text: 14,
        cached_audio: 50,
        output_text: 2,
        output_audio: 5,
        ..Usage::default()
    };
    assert_eq!(rig.items()[1].usage, Some(usage));
    assert_eq!(rig.sent(), "");
}

#[test]
fn less_than_a_tenth_of_a_second_is_no_turn() {
    let mut rig = Rig::ready(config());
    rig.turn(80);
    assert_eq!(rig.sent(), "clear, append 80, clear");
    assert!(rig.items().is_empty());
    assert!(matches!(events(&rig.take()).last(), Some(Event::Removed(_))));
}

#[test]
fn a_discarded_turn_is_gone() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(500);
    rig.input(Input::Discard);
    assert_eq!(rig.sent(), "clear, append 500, clear");
    assert!(rig.items().is_empty());
}

#[test]
fn only_one_response_at_a_time() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    assert_eq!(rig.sent(), "clear, append 200, commit, response.create");
    rig.turn(300);
    assert_eq!(rig.sent(), "clear, append 300, commit", "the first answer is not even begun");
    rig.serve(server::committed("item_1", None));
    rig.serve(server::committed("item_2", Some("item_1")));
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "response.create");
    assert_eq!(rig.session.unanswered(), 2, "the cancelled answer said nothing");
    rig.serve_all(server::answer("resp_2", "item_a", Some("item_2"), 100, "Both."));
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn a_response_of_somebody_else_is_waited_for_once() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.take_sent();
    rig.serve(server::committed("item_1", None));
    rig.serve(server::error(Some("conversation_already_has_active_response"), None));
    assert_eq!(rig.sent(), "");
    rig.serve(server::response_done("resp_other"));
    assert_eq!(rig.sent(), "response.create");
    rig.serve(server::error(Some("conversation_already_has_active_response"), None));
    rig.serve(server::response_done("resp_another"));
    assert_eq!(rig.sent(), "", "once is enough");
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.input(Input::Resend);
    assert_eq!(rig.sent(), "response.create", "the provider has the words already");
}

#[test]
fn a_commit_without_acknowledgement_means_a_dead_connection() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    assert_eq!(rig.session.deadline().map(|(at, _)| at), Some(rig.now + Duration::from_secs(10)));
    rig.wait(Duration::from_secs(10));
    assert!(reconnects(&rig.take()));
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
}

#[test]
fn a_response_that_does_not_begin_or_stalls_means_a_dead_connection() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::committed("item_1", None));
    assert_eq!(rig.session.deadline(), Some((rig.now + Duration::from_secs(20), "response.created")));
    rig.now += Duration::from_secs(19);
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 100, "Well"));
    rig.wait(Duration::from_secs(14));
    rig.serve(server::audio("resp_1", "item_a", 100));
    rig.wait(Duration::from_secs(14));
    assert!(!reconnects(&rig.take()), "in the middle of a sentence");
    rig.wait(Duration::from_secs(1));
    assert!(reconnects(&rig.take()));
    assert_eq!(rig.session.unanswered(), 1);
}

#[test]
fn a_server_that_acknowledges_nothing_is_understood() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::audio("resp_1", "item_a", 100));
    rig.serve(server::caption("resp_1", "item_a", "Hi"));
    rig.serve(server::response_done("resp_1"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Hi
    ");
    assert!(rig.session.deadline().is_none());
}

#[test]
fn a_commit_that_the_provider_found_empty_is_sent_again() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    let commit = rig.take_sent().into_iter().find(|event| event["type"] == "input_audio_buffer.commit").unwrap();
    rig.serve(server::error(Some("input_audio_buffer_commit_empty"), commit["event_id"].as_str()));
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "response.cancel", "it answers nothing");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "append 200, commit, response.create");
    assert!(faults(&rig.take()).is_empty());
}

#[test]
fn a_turn_has_a_longest_length() {
    let mut rig = Rig::new(config());
    rig.input(Input::Press);
    let minute = vec![5; 60 * 24_000];
    for _ in 0..11 {
        rig.input(Input::Audio(&minute));
    }
    assert_eq!(rig.items()[0].duration, Duration::from_secs(600));
    let told = faults(&rig.take());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].cause, Cause::Response);
}

#[test]
fn without_transcription_the_words_are_final_at_once() {
    let mut rig = Rig::ready(Config { transcription: None, ..config() });
    rig.turn(200);
    assert!(rig.items()[0].is_final);
}

#[test]
fn stopping_before_the_answer_begins_owes_nothing() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::committed("item_1", None));
    rig.take_sent();
    rig.input(Input::Stop);
    assert_eq!(rig.sent(), "", "there is nothing to cancel yet");
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "");
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn an_accidental_tap_over_a_question_does_not_lose_its_answer() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::committed("item_1", None));
    rig.serve(server::response_created("resp_1"));
    rig.take_sent();
    rig.turn(40);
    assert_eq!(rig.sent(), "response.cancel, clear, append 40, clear");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "response.create");
}
