//! Tools of a cascade, as the conversation has them.

use std::time::Duration;

use protocol::chat::{Part, ToolCall};
use protocol::{Delivery, Input, ItemId, Thought, TurnTaking};

use crate::rig::{OPEN, Rig};

fn call(name: &str) -> ToolCall {
    ToolCall { id: "c".into(), name: name.into(), arguments: "{}".into(), seal: None }
}

/// The model calls, after these words.
fn calls(rig: &mut Rig, words: &str, name: &str) {
    if !words.is_empty() {
        rig.think(Thought::Delta(words));
    }
    rig.think(Thought::Call(&call(name)));
    rig.think(Thought::Done);
}

fn speak(rig: &mut Rig, turn_taking: TurnTaking) {
    if turn_taking == OPEN {
        rig.hum(600);
        rig.hush(600);
    } else {
        rig.turn();
    }
}

/// A spoken turn that is answered with a call.
fn waiting(turn_taking: TurnTaking) -> (Rig, ItemId) {
    let mut rig = Rig::new(turn_taking);
    speak(&mut rig, turn_taking);
    rig.understand("Light, please.");
    calls(&mut rig, "", "light");
    let item = rig.called[0].0;
    (rig, item)
}

/// What the model is told of its calls.
fn outputs(rig: &Rig) -> Vec<String> {
    let parts = rig.questions.last().unwrap().1.messages.iter().flat_map(|message| message.parts.clone());
    parts.filter_map(|part| if let Part::Output { output, .. } = part { Some(output) } else { None }).collect()
}

fn says(rig: &mut Rig, words: &str) {
    let number = rig.spoken().len();
    rig.think(Thought::Delta(words));
    rig.think(Thought::Done);
    rig.sound(number, 400);
    rig.sound_ends(number);
}

#[test]
fn the_answer_goes_on_when_the_tool_is_done() {
    for turn_taking in [TurnTaking::PushToTalk, OPEN] {
        let (mut rig, item) = waiting(turn_taking);
        assert_eq!(rig.called, [(item, "light".to_owned())]);
        assert!(rig.session.is_busy());
        rig.input(Input::ToolResult { item, output: "It is on." });
        rig.input(Input::ToolResult { item, output: "again" });
        assert_eq!((outputs(&rig), rig.questions.len()), (vec!["It is on.".to_owned()], 2), "each result once");
        says(&mut rig, "There is light.");
        let lines = ["User Answered: Light, please.", "Assistant Complete: {}", "Assistant Complete: There is light."];
        assert_eq!(rig.lines(), lines);
        assert!(!rig.session.is_busy());
    }
}

#[test]
fn words_before_the_call_are_said_first() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Light, please.", aloud: true });
    calls(&mut rig, "One moment.", "light");
    assert!(rig.called.is_empty());
    rig.sound(0, 400);
    rig.sound_ends(0);
    let item = rig.called[0].0;
    rig.input(Input::ToolResult { item, output: "It is on." });
    says(&mut rig, "There is light.");
    assert_eq!(
        rig.lines()[1..],
        ["Assistant Complete: One moment.", "Assistant Complete: {}", "Assistant Complete: There is light.",]
    );
}

#[test]
fn a_tool_that_nobody_has_is_answered_at_once() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Open the door.", aloud: true });
    calls(&mut rig, "", "door");
    assert!(rig.called.is_empty());
    assert!(outputs(&rig)[0].contains("no such tool"), "{:?}", outputs(&rig));
    says(&mut rig, "I cannot.");
    assert_eq!(rig.session.items().last().unwrap().text, "I cannot.");
}

#[test]
fn a_model_that_only_calls_is_stopped_at_last() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Light, please.", aloud: true });
    for round in 1..20 {
        calls(&mut rig, "", "light");
        let Some((item, _)) = rig.called.pop() else {
            assert!(round > 2);
            break;
        };
        rig.input(Input::ToolResult { item, output: "Call again." });
    }
    assert!(rig.questions.len() < 10, "{}", rig.questions.len());
    assert!(!rig.session.is_busy());
    assert_eq!(rig.session.items()[0].delivery, Delivery::Answered);
}

#[test]
fn a_user_who_speaks_on_waits_for_no_tool_and_the_model_learns_of_it() {
    for turn_taking in [TurnTaking::PushToTalk, OPEN] {
        let (mut rig, item) = waiting(turn_taking);
        speak(&mut rig, turn_taking);
        rig.understand("Never mind.");
        assert_eq!((outputs(&rig).len(), rig.questions.len()), (1, 2));
        rig.input(Input::ToolResult { item, output: "It is on." });
        assert_eq!(rig.questions.len(), 2, "nobody waits for it");
        says(&mut rig, "All right.");
        rig.input(Input::Say { text: "And now?", aloud: true });
        assert_eq!(outputs(&rig), ["It is on."]);
    }
}

#[test]
fn a_user_who_wants_silence_gets_it() {
    let (mut rig, item) = waiting(TurnTaking::PushToTalk);
    rig.input(Input::Stop);
    rig.input(Input::ToolResult { item, output: "It is on." });
    assert_eq!((rig.questions.len(), rig.session.is_answer_owed()), (1, false));
}

#[test]
fn an_answer_that_is_cut_calls_nothing() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Light, please.", aloud: true });
    calls(&mut rig, "One moment.", "light");
    rig.sound(0, 100);
    rig.input(Input::Stop);
    assert!(rig.called.is_empty());
    rig.input(Input::Say { text: "And now?", aloud: true });
    assert_eq!(outputs(&rig), Vec::<String>::new());
}

#[test]
fn a_lost_connection_asks_again_and_a_tool_that_hangs_does_not_hold_the_answer() {
    let (mut rig, item) = waiting(TurnTaking::PushToTalk);
    rig.reconnect();
    rig.input(Input::ToolResult { item, output: "It is on." });
    rig.understand("Light, please.");
    assert_eq!((outputs(&rig).len(), rig.messages()), (0, vec!["Light, please.".to_owned()]));
    calls(&mut rig, "", "light");
    rig.wait(Duration::from_secs(121));
    assert!(outputs(&rig)[0].contains("in time"));
}
