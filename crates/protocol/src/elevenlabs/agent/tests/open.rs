//! The open microphone.

use super::*;

#[test]
fn a_turn_is_what_the_agent_understood() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 0);
    rig.hear(1_000, 3_000);
    rig.hear(500, 0);
    rig.transcript("How are you?");
    let item = rig.newest();
    assert!((item.duration.as_millis() as i64 - 1_500).abs() < 60, "from where it began: {:?}", item.duration);
    rig.says("Fine.");
    rig.sounds(300);
    rig.hear(2_000, 0);
    assert_eq!(rig.lines(), "User Answered: How are you?\nAssistant Complete: Fine.");
    assert!(rig.sent().split(", ").all(|sent| sent.ends_with('0') || sent.ends_with(char::is_numeric)), "sound only");
}

#[test]
fn words_are_shown_as_they_are_understood() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 3_000);
    rig.serve(&json!({ "type": "tentative_user_transcript", "tentative_user_transcription_event": { "user_transcript": "How are", "event_id": 1 } }));
    assert!(rig.take().contains(&Output::Event(Event::SpeechStarted)));
    assert_eq!((rig.newest().text.as_str(), rig.newest().delivery), ("How are", Delivery::Recording));
    rig.transcript("How are you?");
    assert!(rig.take().contains(&Output::Event(Event::SpeechStopped)));
    assert_eq!(rig.session.items().len(), 1);
}

#[test]
fn speaking_over_an_answer_silences_it() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 3_000);
    rig.transcript("Tell me a story");
    rig.says("One two three four");
    rig.sounds(500);
    let newest = rig.sounds(500);
    rig.hear(500, 3_000);
    rig.take();
    rig.interrupts(newest);
    assert!(rig.played().1, "silenced");
    let answer = rig.session.items()[1].id;
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    assert_eq!(rig.said(), [] as [Value; 0], "the agent knows it");
    rig.sounds_as(newest, 500);
    rig.sounds_as(newest - 1, 500);
    assert_eq!(rig.played().0, 0);
    rig.transcript("Stop");
    rig.says("All right.");
    rig.sounds(100);
    rig.hear(2_000, 0);
    let expected = "User Answered: Tell me a story\nAssistant Interrupted: One two [three four]\nUser Answered: Stop\nAssistant Complete: All right.";
    assert_eq!(rig.lines(), expected);
}

#[test]
fn a_barge_in_that_was_heard_here_first_drops_the_rest() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 3_000);
    rig.transcript("Tell me a story");
    rig.says("One two three four");
    rig.sounds(500);
    rig.take();
    rig.input(Input::BargeIn);
    assert!(rig.played().1);
    let late = rig.sounds(500);
    assert_eq!(rig.played().0, 0);
    rig.hear(300, 3_000);
    rig.interrupts(late);
    rig.transcript("Stop");
    rig.says("All right.");
    rig.sounds(100);
    assert!(rig.played().0 > 2_000);
}

#[test]
fn the_users_silence_is_no_turn() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 0);
    rig.transcript("...");
    rig.says("Are you still there?");
    rig.hear(9_000, 0);
    assert_eq!(rig.lines(), "Assistant Complete: Are you still there?");
}

#[test]
fn a_silent_agent_is_asked_again_in_writing() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(500, 3_000);
    rig.transcript("How are you?");
    rig.sent();
    rig.hear(5_500, 0);
    assert_eq!(rig.said(), [json!({ "type": "user_message", "text": "How are you?" })]);
    rig.says("Fine.");
    rig.hear(9_000, 0);
    assert_eq!(rig.lines(), "User Answered: How are you?\nAssistant Complete: Fine.");
}

#[test]
fn nothing_is_answered_while_the_user_holds_the_floor() {
    let mut rig = Rig::ready(open_microphone());
    rig.input(Input::HoldFloor(true));
    rig.hear(500, 3_000);
    assert!(rig.sent().contains("user_activity"));
    rig.transcript("Let me think");
    rig.says("Take your time.");
    rig.sounds(300);
    assert_eq!(rig.played().0, 0);
    rig.input(Input::HoldFloor(false));
    rig.hear(100, 0);
    assert_eq!(rig.said().pop().unwrap(), json!({ "type": "user_message", "text": "Let me think" }));
    rig.says("And?");
    rig.hear(9_000, 0);
    assert_eq!(rig.lines(), "User Answered: Let me think\nAssistant Complete: And?");
}

#[test]
fn a_muted_microphone_is_silence_to_the_agent() {
    let mut rig = Rig::ready(open_microphone());
    rig.hear(400, 3_000);
    rig.sent();
    rig.wait(2_000);
    assert!(rig.sent().ends_with('*'));
}
