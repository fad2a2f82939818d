//! The talk key.

use super::*;

#[test]
fn the_key_ends_the_turn() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    assert_eq!(rig.kinds(), ["microphone"]);
    rig.input(Input::Release);
    assert_eq!(rig.kinds(), ["silence", "ForceEndTurn"]);
    rig.says("user", "What is it?");
    rig.says("user", "What is it?");
    rig.answer("A test.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told(), told(&[("What is it?", Delivery::Answered), ("A test.", Delivery::Complete)]));
    assert_eq!(rig.played(), 200);
    rig.wait(Duration::from_secs(11));
    assert_eq!(rig.kinds(), ["KeepAlive"]);
}

#[test]
fn an_ear_that_knows_no_turns_is_given_silence() {
    let config = Config { wire: setup("nova-3"), ..push_to_talk() };
    let mut rig = Rig::new(config);
    rig.connect();
    let listen = &rig.sent[0]["agent"]["listen"]["provider"];
    assert_eq!((&listen["version"], &listen["language"]), (&json!("v1"), &json!("en")));
    rig.kinds();
    rig.input(Input::Press);
    rig.speak(600);
    rig.input(Input::Release);
    assert_eq!(rig.kinds(), ["microphone", "silence"]);
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.input(Input::Release);
    rig.kinds();
    rig.serve(json!({ "type": "Warning", "code": "FORCE_END_TURN_UNSUPPORTED", "description": "no" }));
    assert_eq!(rig.kinds(), ["silence"]);
}

#[test]
fn a_turn_that_the_agent_ended_early_is_answered_as_a_whole() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    rig.says("user", "One.");
    rig.answer("Too early.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.played(), 0, "the key is down");
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    rig.input(Input::Release);
    rig.says("user", "Two.");
    rig.answer("Both.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told(), told(&[("One. Two.", Delivery::Answered), ("Both.", Delivery::Complete)]));
    rig.kinds();
    rig.input(Input::Press);
    rig.speak(600);
    rig.says("user", "Three.");
    rig.answer("Too early.");
    rig.tell("AgentAudioDone");
    rig.input(Input::Release);
    rig.kinds();
    rig.wait(Duration::from_secs(5));
    assert!(rig.kinds().contains(&"InjectUserMessage".to_owned()), "nothing more was heard: it is asked again");
    rig.says("user", "Three.");
    rig.answer("Now.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told()[2..], told(&[("Three.", Delivery::Answered), ("Now.", Delivery::Complete)]));
}

#[test]
fn a_press_without_words_is_not_waited_for_for_ever() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.input(Input::Release);
    rig.wait(Duration::from_secs(5));
    assert_eq!(rig.told(), told(&[("", Delivery::Kept)]));
    let faults = rig.faults();
    assert!(matches!(faults.as_slice(), [Fault { cause: Cause::Response, .. }]), "{faults:?}");
}

#[test]
fn a_discarded_turn_is_not_answered() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    rig.input(Input::Discard);
    assert_eq!(rig.kinds(), ["microphone", "silence", "ForceEndTurn"]);
    rig.says("user", "Never mind.");
    rig.answer("What?");
    rig.tell("AgentAudioDone");
    assert_eq!((rig.played(), rig.items().len()), (0, 0));
    rig.input(Input::Press);
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    rig.input(Input::Release);
    rig.says("user", "Yes.");
    rig.answer("Good.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told(), told(&[("Yes.", Delivery::Answered), ("Good.", Delivery::Complete)]));
}

#[test]
fn pressing_before_the_answer_begins_asks_both_questions() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    for (at, text) in ["One.", "Two."].into_iter().enumerate() {
        rig.input(Input::Press);
        rig.speak(600);
        rig.tell("UserStartedSpeaking");
        rig.input(Input::Release);
        rig.says("user", text);
        assert_eq!(rig.items().len(), at + 1);
    }
    rig.answer("Both.");
    rig.tell("AgentAudioDone");
    assert_eq!(
        rig.told(),
        told(&[("One.", Delivery::Answered), ("Two.", Delivery::Answered), ("Both.", Delivery::Complete)])
    );
}

#[test]
fn a_turn_goes_on_over_a_lost_connection() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Press);
    rig.speak(600);
    rig.input(Input::Closed { code: None, reason: "" });
    rig.speak(400);
    rig.sent.clear();
    rig.connect();
    let sent: u64 =
        rig.sent.iter().filter(|frame| frame["type"] == "microphone").map(|frame| frame["ms"].as_u64().unwrap()).sum();
    assert_eq!(sent, 1_000);
    rig.tell("UserStartedSpeaking");
    rig.input(Input::Release);
    rig.says("user", "Still here?");
    rig.answer("Yes.");
    assert_eq!(rig.played(), 200);
}
