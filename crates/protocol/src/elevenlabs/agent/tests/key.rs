//! Turns of the key, typed messages, and connections that follow each other.

use super::*;

#[test]
fn a_turn_is_sound_and_silence_and_its_answer_ends_when_nothing_more_comes() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    rig.input(Input::Release);
    assert_eq!(rig.sent(), "999", "with the silence that ends the turn behind the last piece");
    assert_eq!(rig.session.items()[0].delivery, Delivery::Sent);
    rig.transcript("What is the time?");
    rig.says("It is noon.");
    rig.sounds(400);
    rig.sounds(200);
    let (samples, _) = rig.played();
    assert!((14_300..=14_400).contains(&samples), "{samples} samples of 0.6 s at 24 kHz");
    rig.wait(1_000);
    assert_eq!(rig.newest().delivery, Delivery::Arriving);
    rig.wait(500);
    assert_eq!(rig.lines(), "User Answered: What is the time?\nAssistant Complete: It is noon.");
}

#[test]
fn silence_flows_while_the_key_is_up() {
    let mut rig = Rig::ready(by_key());
    rig.wait(10_000);
    let sent = rig.sent();
    let ms: u64 = sent.trim_end_matches('*').parse().unwrap_or_else(|_| panic!("{sent}"));
    assert!((9_500..=10_500).contains(&ms), "{ms} ms of silence in 10 s");
    assert!(sent.ends_with('*'), "none of it is the microphone's");
}

#[test]
fn an_answer_that_comes_while_the_key_is_down_waits() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    rig.transcript("Well");
    rig.says("Yes?");
    rig.sounds(200);
    assert_eq!(rig.played(), (0, false));
    rig.input(Input::Release);
    assert!(rig.played().0 > 4_000);
    rig.wait(3_000);
    assert_eq!(rig.lines(), "User Answered: Well\nAssistant Complete: Yes?");
}

#[test]
fn an_answer_to_half_a_turn_gives_way_to_that_to_all_of_it() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    rig.transcript("Well");
    rig.says("Yes?");
    let event = rig.sounds(200);
    rig.interrupts(event);
    rig.hear(500, 3_000);
    rig.input(Input::Release);
    rig.transcript("what is it?");
    rig.says("It is this.");
    rig.sounds_as(event, 900);
    rig.sounds(200);
    assert!((4_700..=4_800).contains(&rig.played().0), "late sound is not played");
    rig.wait(3_000);
    assert_eq!(rig.lines(), "User Answered: Well what is it?\nAssistant Complete: It is this.");
}

#[test]
fn a_pause_within_a_turn_asks_the_agent_for_patience() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(300, 3_000);
    rig.hear(1_500, 0);
    assert_eq!(rig.sent().matches("user_activity").count(), 1);
    rig.hear(200, 0);
    assert_eq!(rig.sent().matches("user_activity").count(), 1);
}

#[test]
fn a_turn_that_was_taken_back_is_not_answered() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    rig.input(Input::Discard);
    rig.transcript("Forget this");
    rig.says("Forget what?");
    rig.sounds(300);
    rig.wait(3_000);
    assert_eq!((rig.lines(), rig.played()), (String::new(), (0, false)));
    rig.turn(500, "Hello");
    rig.says("Hello!");
    rig.wait(10_000);
    assert_eq!(rig.lines(), "User Answered: Hello\nAssistant Complete: Hello!");
}

#[test]
fn pressing_over_an_answer_drops_the_rest_and_keeps_what_was_heard() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "Tell me a story");
    rig.says("One two three four");
    rig.sounds(1_000);
    rig.take();
    rig.sent();
    rig.input(Input::Press);
    assert!(rig.played().1, "silenced at once");
    let answer = rig.session.items()[1].id;
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    assert_eq!(rig.sent(), "contextual_update The user stopped your last answer after these words: One two");
    let late = rig.sounds(1_000);
    rig.hear(300, 3_000);
    rig.interrupts(late);
    rig.sounds_as(late, 1_000);
    rig.serve(&json!({ "type": "agent_response_correction", "agent_response_correction_event": {
        "original_agent_response": "One two three four", "corrected_agent_response": "One two…", "event_id": late,
    } }));
    assert_eq!(rig.played().0, 0);
    rig.input(Input::Release);
    rig.transcript("Stop");
    rig.says("All right.");
    rig.sounds(200);
    rig.wait(3_000);
    let expected = "User Answered: Tell me a story\nAssistant Interrupted: One two [three four]\nUser Answered: Stop\nAssistant Complete: All right.";
    assert_eq!(rig.lines(), expected);
}

#[test]
fn a_typed_message_is_answered_aloud_or_in_writing() {
    for aloud in [true, false] {
        let mut rig = Rig::ready(by_key());
        rig.wait(2_000);
        rig.sent();
        rig.input(Input::Say { text: "Hello", aloud });
        assert_eq!(rig.sent(), "user_message Hello");
        rig.transcript("Hello");
        rig.says("Good day.");
        rig.sounds(200);
        assert_eq!(rig.played().0 > 0, aloud);
        rig.wait(3_000);
        assert_eq!(rig.lines(), "User Answered: Hello\nAssistant Complete: Good day.");
    }
}

#[test]
fn words_in_pieces_are_told_once() {
    let mut rig = Rig::ready(by_key());
    rig.wait(2_000);
    rig.input(Input::Say { text: "Hello", aloud: false });
    for (kind, text) in [("start", ""), ("delta", "Good "), ("delta", "day."), ("stop", "")] {
        rig.serve(&json!({ "type": "agent_chat_response_part", "text_response_part": { "type": kind, "text": text, "event_id": 1 } }));
    }
    rig.says("Good day.");
    rig.says("And good night.");
    rig.wait(3_000);
    assert_eq!(rig.newest().text, "Good day. And good night.");
}

#[test]
fn an_agent_may_greet() {
    let mut rig = Rig::ready(by_key());
    rig.says("Hello, how can I help?");
    rig.sounds(300);
    rig.wait(3_000);
    assert_eq!(rig.lines(), "Assistant Complete: Hello, how can I help?");
    assert!(rig.played().0 > 7_000);
}

#[test]
fn a_message_lets_the_greeting_pass_and_is_answered_then() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Say { text: "What is it?", aloud: true });
    assert_eq!(rig.sent(), "");
    rig.says("Hello, how can I help?");
    assert_eq!(rig.sent(), "user_message What is it?");
    rig.sounds(300);
    rig.says("It is this.");
    rig.sounds(100);
    rig.wait(3_000);
    assert_eq!(rig.lines(), "User Answered: What is it?\nAssistant Complete: It is this.");
    assert!(rig.played().0 < 2_500, "without the greeting's sound");

    let mut rig = Rig::ready(by_key());
    rig.input(Input::Say { text: "What is it?", aloud: true });
    rig.wait(1_100);
    assert!(rig.sent().contains("user_message What is it?"), "none came");
}

#[test]
fn a_new_connection_learns_what_was_said_and_does_not_greet_again() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "My name is Ann");
    rig.says("Hello Ann.");
    rig.sounds(100);
    rig.wait(3_000);
    rig.input(Input::Closed { code: None, reason: "" });
    rig.connect();
    rig.sent();
    rig.take();
    rig.says("Hello, how can I help?");
    rig.sounds(300);
    assert_eq!(rig.played(), (0, false));
    rig.input(Input::Press);
    rig.hear(300, 3_000);
    let past = "This conversation began earlier. It went like this so far:\nUser: My name is Ann\nYou: Hello Ann.";
    assert_eq!(rig.said(), [json!({ "type": "contextual_update", "text": past })]);
    rig.input(Input::Release);
    rig.transcript("Who am I?");
    rig.says("Ann.");
    rig.sounds(100);
    rig.wait(3_000);
    assert!(rig.lines().ends_with("User Answered: Who am I?\nAssistant Complete: Ann."), "{}", rig.lines());
}

#[test]
fn a_turn_that_was_not_answered_is_sent_again() {
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(1_000, 3_000);
    rig.input(Input::Release);
    rig.sent();
    rig.input(Input::Closed { code: None, reason: "" });
    assert_eq!(rig.newest().delivery, Delivery::Kept);
    rig.connect();
    let sent = rig.sent();
    assert_eq!(sent, "conversation_initiation_client_data, 999, 500*", "{sent}");
    rig.says("Hello, how can I help?");
    rig.sounds(100);
    assert_eq!(rig.played().0, 0, "that is the greeting");
    rig.transcript("Hello");
    rig.says("Hi.");
    rig.wait(10_000);
    assert_eq!(rig.lines(), "User Answered: Hello\nAssistant Complete: Hi.");
}

#[test]
fn instructions_replace_the_prompt_where_they_may() {
    let instructions = "Be brief.".to_owned();
    let mut rig = Rig::new(Config { instructions: instructions.clone(), ..by_key() });
    rig.connect();
    assert_eq!(
        rig.sent(),
        "conversation_initiation_client_data, contextual_update Instructions of the user: Be brief."
    );

    let wire = Wire::ElevenAgent(Setup { overrides: true, ..setup() });
    let mut rig = Rig::new(Config { wire, instructions, ..rig::in_language("pt-BR") });
    rig.connect();
    let agent = json!({ "prompt": { "prompt": "Be brief." }, "first_message": "", "language": "pt-br" });
    let said = rig.said();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["conversation_config_override"], json!({ "agent": agent }));
    rig.input(Input::Say { text: "Hi", aloud: true });
    assert_eq!(rig.sent(), "user_message Hi", "no greeting is waited for");
}

#[test]
fn two_turns_before_the_answer_are_answered_together() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "One.");
    rig.turn(500, "Two.");
    rig.says("To both.");
    rig.sounds(200);
    rig.wait(3_000);
    assert_eq!(rig.lines(), "User Answered: One.\nUser Answered: Two.\nAssistant Complete: To both.");
}
