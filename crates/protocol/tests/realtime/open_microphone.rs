//! The provider listens all the time.

use std::time::Duration;

use protocol::{Delivery, Event, Input, Role};

use crate::rig::{Rig, config, events, has_flush, open, played, reconnects};
use crate::server;

/// A second of speech that begins 400 ms into the stream; committed, not answered.
fn speech(rig: &mut Rig) {
    rig.speak(600);
    rig.serve(server::speech_started("item_u", 400));
    rig.speak(1_200);
    rig.serve(server::speech_stopped("item_u", 1_400));
    rig.serve(server::committed("item_u", None));
}

#[test]
fn a_turn_is_heard_by_the_provider() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    assert_eq!(rig.sent(), "append 1800");
    let outputs = rig.take();
    let told = events(&outputs);
    assert!(told.contains(&&Event::SpeechStarted) && told.contains(&&Event::SpeechStopped));
    assert_eq!(told.iter().filter(|event| ***event == Event::Requested).count(), 1, "the provider asks itself");
    let item = rig.items().remove(0);
    assert_eq!((item.role, item.delivery, item.duration), (Role::User, Delivery::Sent, Duration::from_secs(1)));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes?"));
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
    assert_eq!(rig.sent(), "", "the provider answers by itself");
    assert!(rig.session.deadline().is_none());
}

#[test]
fn the_key_does_nothing_here() {
    let mut rig = Rig::ready(open());
    rig.input(Input::Press);
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "");
    assert!(rig.items().is_empty());
}

#[test]
fn speaking_over_the_answer_silences_it() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 1_000, "one two three four"));
    rig.take();
    rig.take_sent();
    rig.speak(500);
    rig.serve(server::speech_started("item_v", 2_000));
    assert!(has_flush(&rig.take()));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    assert_eq!(rig.sent(), "append 500, item.truncate", "the provider cancels by itself");
    rig.serve(server::audio("resp_1", "item_a", 500));
    rig.serve(server::response_cancelled("resp_1", "turn_detected"));
    assert!(played(&rig.take()).is_empty());
    rig.serve(server::speech_stopped("item_v", 2_300));
    rig.serve(server::committed("item_v", Some("item_a")));
    rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 500, "Sorry?"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Interrupted: one two [three four]
    User Answered: 
    Assistant Complete: Sorry?
    ");
    assert_eq!(rig.sent(), "");
}

#[test]
fn a_barge_in_that_the_caller_is_sure_of_silences_the_answer_before_the_provider_hears_it() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 1_000, "one two three four"));
    rig.take();
    rig.take_sent();
    rig.input(Input::BargeIn);
    assert!(has_flush(&rig.take()));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(500) });
    assert_eq!(rig.sent(), "response.cancel, item.truncate");
    rig.speak(700);
    rig.serve(server::speech_started("item_v", 2_000));
    assert!(!has_flush(&rig.take()), "it is silent already");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    rig.speak(300);
    rig.serve(server::speech_stopped("item_v", 2_600));
    rig.serve(server::committed("item_v", Some("item_a")));
    rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 500, "Sorry?"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Interrupted: one two [three four]
    User Answered: 
    Assistant Complete: Sorry?
    ");
}

#[test]
fn an_answer_that_was_cancelled_before_its_first_sound_is_covered_by_the_next() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.serve(server::response_created("resp_1"));
    rig.speak(200);
    rig.serve(server::speech_started("item_v", 1_900));
    rig.serve(server::response_cancelled("resp_1", "turn_detected"));
    assert_eq!(rig.session.unanswered(), 1);
    rig.serve(server::speech_stopped("item_v", 1_990));
    rig.serve(server::committed("item_v", Some("item_u")));
    rig.serve_all(server::answer("resp_2", "item_a", Some("item_v"), 500, "Both."));
    assert_eq!(rig.session.unanswered(), 0);
    assert!(!rig.sent().contains("response.create"));
}

#[test]
fn a_server_that_does_not_answer_by_itself_is_asked() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.take_sent();
    assert_eq!(rig.session.deadline().map(|(at, _)| at), Some(rig.now + Duration::from_secs(5)));
    rig.wait(Duration::from_secs(5));
    assert_eq!(rig.sent(), "response.create");
}

#[test]
fn stopping_a_turn_before_its_answer_begins_owes_nothing() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.input(Input::Stop);
    rig.take_sent();
    rig.serve(server::response_created("resp_1"));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn a_committed_turn_is_put_through_the_ear_again() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.drop_connection();
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 1800", "a second of speech and 800 ms of silence");
    rig.speak(100);
    assert_eq!(rig.sent(), "", "what is said now comes behind it");
    rig.take();
    rig.serve(server::speech_started("item_v", 10));
    rig.serve(server::speech_stopped("item_v", 1_000));
    let outputs = rig.take();
    assert!(!has_flush(&outputs) && !events(&outputs).contains(&&Event::SpeechStarted));
    rig.serve(server::committed("item_v", None));
    let sent = rig.sent();
    assert!(sent.starts_with("append"), "{sent}");
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_v"), 500, "Here."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Here.
    ");
}

#[test]
fn what_the_detector_does_not_take_for_speech_waits_for_the_user() {
    let mut rig = Rig::ready(open());
    speech(&mut rig);
    rig.drop_connection();
    rig.connect();
    rig.wait(Duration::from_secs(10));
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.take_sent();
    rig.speak(100);
    assert_eq!(rig.sent(), "append 100", "and the microphone is open again");
}

#[test]
fn speech_cut_by_a_lost_connection_is_heard_from_its_beginning() {
    let mut rig = Rig::ready(open());
    rig.speak(1_000);
    rig.serve(server::speech_started("item_u", 600));
    rig.speak(500);
    rig.drop_connection();
    rig.speak(300);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 1200");
    rig.serve(server::speech_started("item_v", 0));
    rig.speak(200);
    rig.serve(server::speech_stopped("item_v", 1_300));
    rig.serve(server::committed("item_v", None));
    assert_eq!(rig.items().len(), 1, "still the same turn");
    assert_eq!(rig.items()[0].duration, Duration::from_millis(1_300));
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_v"), 500, "Yes."));
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn words_spoken_before_the_connection_stands_are_not_lost() {
    let mut rig = Rig::new(open());
    rig.speak(3_000);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 3000");
    let mut rig = Rig::new(open());
    rig.speak(90_000);
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 60000", "but not without bound");
}

#[test]
fn typed_messages_work_beside_the_microphone() {
    let mut rig = Rig::ready(open());
    rig.speak(200);
    rig.say("hello");
    assert_eq!(rig.sent(), "append 200, item.create, response.create");
    rig.serve_all(server::answer("resp_1", "item_a", None, 500, "Hi."));
    assert_eq!(rig.session.unanswered(), 0);
}

#[test]
fn changing_to_the_key_sends_what_was_being_said() {
    let mut rig = Rig::ready(open());
    rig.speak(1_000);
    rig.serve(server::speech_started("item_u", 600));
    rig.speak(500);
    rig.take_sent();
    rig.input(Input::Configure(&config()));
    assert_eq!(rig.sent(), "session.update, clear, append 900, commit, response.create");
}

#[test]
fn changing_to_the_microphone_ends_the_turn_of_the_key() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(400);
    rig.take_sent();
    rig.input(Input::Configure(&open()));
    assert_eq!(rig.sent(), "commit, response.create, session.update, clear");
    rig.speak(100);
    assert_eq!(rig.sent(), "append 100");
}

#[test]
fn closing_the_microphone_in_mid_speech_keeps_what_was_said_as_a_question() {
    let mut rig = Rig::ready(open());
    rig.speak(600);
    rig.serve(server::speech_started("item_u", 400));
    rig.speak(1_000);
    rig.drop_connection();
    rig.input(Input::Release);
    let item = rig.items().remove(0);
    assert_eq!((item.delivery, item.duration), (Delivery::Kept, Duration::from_millis(1_200)));
    assert_eq!(rig.session.unanswered(), 1);
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, append 2000", "with silence behind it, and nothing of the old stream");
}

#[test]
fn a_turn_that_ends_and_is_not_taken_means_a_dead_connection() {
    let mut rig = Rig::ready(open());
    rig.speak(600);
    rig.serve(server::speech_started("item_u", 400));
    rig.speak(1_200);
    rig.serve(server::speech_stopped("item_u", 1_400));
    assert_eq!(rig.session.deadline().map(|(at, _)| at), Some(rig.now + Duration::from_secs(10)));
    rig.wait(Duration::from_secs(10));
    assert!(reconnects(&rig.take()));
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
}
