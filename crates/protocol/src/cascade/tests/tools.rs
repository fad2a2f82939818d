//! Tools that the text model calls.

use super::*;
use crate::openai::client::NewItem;
use crate::openai::server::Ending;

/// A written question, asked aloud.
fn asked() -> Rig {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.write("typed", "Light, please.");
    rig.respond();
    rig
}

fn output(rig: &mut Rig, call: &str, output: &str) {
    rig.ask(&Event::Create { item: NewItem::ToolOutput { id: "o", call_id: call, output } });
}

/// The names under which the conversation knows the calls so far; forgets what was told.
fn calls(rig: &mut Rig) -> Vec<String> {
    let call = |told| if let Told::ToolCall { call, .. } = told { Some(call) } else { None };
    std::mem::take(&mut rig.told).into_iter().filter_map(call).collect()
}

fn offered(rig: &Rig) -> usize {
    rig.questions.last().unwrap().1.tools.len()
}

#[test]
fn a_call_is_told_and_its_result_makes_the_next_question() {
    let mut rig = asked();
    assert_eq!(offered(&rig), 1);
    rig.think(Thought::Call(&call()));
    assert_eq!(rig.told(), "began", "not before the answer is whole");
    rig.think(Thought::Done);
    assert!(rig.told.iter().any(|told| matches!(told, Told::Ended { ending: Ending::Completed, .. })));
    let called = calls(&mut rig);
    assert_eq!((called.len(), called[0].len()), (1, 9));
    output(&mut rig, &called[0], "It is on.");
    assert_eq!(rig.questions.len(), 1, "the conversation asks");
    rig.respond();
    assert_eq!(rig.messages(), ["Light, please.", "light({})", "-> It is on."]);
    rig.answer("There is light.");
    rig.sound(400);
    rig.done();
    assert!(rig.told().ends_with("says 'There is light.', sound 400, Completed"));
    rig.write("b", "Thanks.");
    rig.respond();
    assert_eq!(rig.messages().last().unwrap(), "Thanks.");
    assert_eq!(rig.messages().len(), 5, "the call stays in its memory");
}

#[test]
fn words_before_a_call_are_said_before_it_is_told() {
    let mut rig = asked();
    rig.think(Thought::Delta("One moment."));
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    rig.sound(400);
    assert_eq!(rig.told(), "began, says 'One moment.', sound 400");
    rig.done();
    assert_eq!(rig.told(), "calls light, Completed");
    rig.respond();
    assert_eq!(rig.told(), "began, Completed", "there is nothing to go on with yet");
    let item = format!("answer_{}", 1);
    rig.ask(&Event::Truncate { item_id: &item, content_index: 0, audio_end_ms: 1, heard: "One" });
    rig.write("b", "Well?");
    rig.respond();
    assert_eq!(rig.messages(), ["Light, please.", "One light({})", "-> There is no result yet.", "Well?"]);
}

#[test]
fn a_result_that_comes_late_stands_behind_its_call() {
    let mut rig = asked();
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    let called = calls(&mut rig);
    rig.write("b", "Never mind.");
    rig.respond();
    output(&mut rig, &called[0], "It is on.");
    rig.answer("All right.");
    rig.done();
    rig.write("c", "And now?");
    rig.respond();
    assert_eq!(
        rig.messages(),
        ["Light, please.", "light({})", "-> It is on.", "Never mind.", "All right.", "And now?"]
    );
}

#[test]
fn a_question_of_any_length_is_asked_again_with_its_result() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    let long = "x".repeat(130_000);
    rig.write("typed", &long);
    rig.respond();
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    let called = calls(&mut rig);
    output(&mut rig, &called[0], "It is on.");
    rig.respond();
    assert_eq!((rig.questions.len(), rig.messages()), (2, vec![long, "light({})".into(), "-> It is on.".into()]));
}

#[test]
fn calls_of_one_answer_stand_together() {
    let mut rig = asked();
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    let called = calls(&mut rig);
    output(&mut rig, &called[1], "two");
    output(&mut rig, &called[0], "one");
    rig.respond();
    assert_eq!(rig.messages(), ["Light, please.", "light({}) light({})", "-> one -> two"]);
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    let third = calls(&mut rig).remove(0);
    assert!(!called.contains(&third), "each has a name of its own, though the model's are the same");
    output(&mut rig, &third, "three");
    rig.respond();
    assert_eq!(rig.messages()[2..], ["-> one -> two", "light({})", "-> three"]);
}

#[test]
fn what_is_cancelled_calls_nothing() {
    let mut rig = asked();
    rig.think(Thought::Call(&call()));
    rig.cancel();
    assert_eq!(rig.told(), "began, Cancelled");
    let mut rig = asked();
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Failed(&fault(Cause::Quota)));
    assert_eq!(rig.told(), "began, Failed (no)");
    rig.respond();
    assert_eq!(rig.messages(), ["Light, please."]);
}

#[test]
fn an_early_answer_calls_when_the_turn_is_over() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("Light".into()));
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    assert!(calls(&mut rig).is_empty());
    rig.hear_ended("Light");
    assert_eq!(calls(&mut rig).len(), 1);
    assert_eq!(rig.questions.len(), 1);

    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("Light".into()));
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    rig.hear(Heard::Resumed);
    rig.hear_ended("Light is a wave.");
    assert!(calls(&mut rig).is_empty(), "it was another turn");
}

#[test]
fn a_noise_is_not_answered_with_an_old_result() {
    let mut rig = Rig::new(OPEN);
    rig.hear_ended("Light");
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    let called = calls(&mut rig);
    output(&mut rig, &called[0], "It is on.");
    rig.hear(Heard::Started);
    rig.hear_ended("");
    assert_eq!(rig.questions.len(), 1);
}

#[test]
fn a_model_that_takes_no_tools_is_asked_without() {
    let toolless = Fault { message: "gemma3 does not support tools".into(), ..fault(Cause::Response) };
    let mut rig = asked();
    for round in 1..=2 {
        rig.think(Thought::Failed(&toolless));
        assert_eq!((offered(&rig), rig.questions.len()), (0, 2 * round));
        rig.answer("I cannot do that.");
        rig.done();
        assert!(rig.told().ends_with("Completed"));
        rig.write("b", "And now?");
        rig.respond();
        assert_eq!(offered(&rig), usize::from(round < 2), "twice is enough");
    }
    rig.think(Thought::Failed(&toolless));
    assert!(rig.told().ends_with("Failed (gemma3 does not support tools)"), "they were not offered");
}

#[test]
fn whoever_offers_no_tools_tells_of_no_calls() {
    let mut rig = asked();
    rig.think(Thought::Call(&call()));
    rig.think(Thought::Done);
    rig.cascade.configure(&Config { tools: Vec::new(), ..config(TurnTaking::PushToTalk) }, true, rig.now);
    rig.write("b", "And now?");
    rig.respond();
    assert_eq!((rig.messages(), offered(&rig)), (vec!["Light, please.".to_owned(), "And now?".to_owned()], 0));
}
