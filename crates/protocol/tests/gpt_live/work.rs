//! Delegations and typed messages: work of the text model behind the voice.

use protocol::chat::{Message, Part, Speaker, ToolCall};
use protocol::{Cause, Config, Delivery, Errand, Fault, Input, ItemId, Kind, Output, Thought, Tool};

use crate::rig::{Rig, config, open, played, questions};

fn said(text: &str) -> Message {
    Message::of(Speaker::User, text)
}

#[test]
fn a_delegation_is_done_by_the_text_model_and_its_answer_goes_back_to_be_said() {
    let mut rig = Rig::ready(config());
    rig.turn(800);
    rig.understand(" check the", 800);
    rig.delegate("dlg_a");
    rig.wait(300);
    rig.understand(" log", 100);
    rig.wait(400);
    assert!(questions(&rig.take()).is_empty(), "its words may still come");
    rig.wait(400);
    let asked = questions(&rig.take());
    assert_eq!(asked.len(), 1);
    let (errand, question) = &asked[0];
    assert!(question.instructions.starts_with("Be brief."));
    assert_eq!(question.messages, [said("check the log")]);
    rig.voice(" One moment.", 500);
    rig.wait(3_000);
    assert!(rig.lines().ends_with("Assistant Complete: One moment."), "{}", rig.lines());
    let first = "Staging has been healthy since two minutes past two, and nothing was deployed to it since then, as far as the log tells. ";
    rig.input(Input::Thought { errand: *errand, thought: Thought::Delta(first) });
    let commentary = |text: &str| ("commentary".to_owned(), Some("dlg_a".to_owned()), text.to_owned());
    assert_eq!(rig.texts(), [commentary(first.trim())]);
    rig.think(*errand, "All is well.");
    assert_eq!(rig.texts(), [commentary("All is well.")]);
    rig.voice(" Staging is healthy.", 800);
    rig.wait(2_500);
    assert!(rig.lines().ends_with("Assistant Complete: Staging is healthy."), "{}", rig.lines());
}

#[test]
fn slow_work_keeps_its_question_and_its_connection() {
    let mut rig = Rig::ready(config());
    rig.turn(800);
    rig.understand("think hard", 800);
    rig.delegate("dlg_a");
    rig.wait(120_000);
    let outputs = rig.take();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Reconnect(_))));
    let errand = questions(&outputs)[0].0;
    rig.think(errand, "Forty-two.");
    rig.wait(1_000);
    rig.voice("Forty-two.", 500);
    rig.wait(2_500);
    assert_eq!(rig.lines(), "User Answered: think hard\nAssistant Complete: Forty-two.");
}

#[test]
fn interruption_stops_speech_and_not_the_work() {
    let mut rig = Rig::ready(open());
    rig.speak(500);
    rig.understand("look up the weather", 400);
    rig.delegate("dlg_a");
    rig.hush(1_000);
    let errand = questions(&rig.take())[0].0;
    rig.voice("One moment please", 3_000);
    rig.hush(500);
    rig.input(Input::BargeIn);
    assert!(!rig.take().contains(&Output::CallOff(errand)));
    rig.stop_voice();
    rig.hush(1_500);
    rig.texts();
    rig.think(errand, "Rain.");
    assert_eq!(rig.texts().len(), 1);
    rig.voice("It rains.", 500);
    rig.hush(500);
    assert!(played(&rig.take()) > 300);
}

#[test]
fn delegations_in_quick_succession_are_one_and_repeated_ones_none() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.understand("look", 500);
    rig.delegate("dlg_a");
    rig.delegate("dlg_a");
    rig.wait(100);
    rig.delegate("dlg_b");
    rig.wait(1_500);
    let asked = questions(&rig.take());
    assert_eq!(asked.len(), 1);
    rig.delegate("dlg_b");
    rig.wait(1_500);
    assert!(questions(&rig.take()).is_empty());
    rig.think(asked[0].0, "Seen.");
    assert_eq!(rig.texts()[0].1.as_deref(), Some("dlg_b"));
}

#[test]
fn a_delegation_without_words_asks_for_them() {
    let mut rig = Rig::ready(config());
    rig.delegate("dlg_a");
    rig.wait(1_000);
    assert!(questions(&rig.take()).is_empty());
    let texts = rig.texts();
    assert_eq!((texts[0].0.as_str(), texts[0].1.as_deref()), ("commentary", Some("dlg_a")));
}

#[test]
fn work_that_fails_is_told_and_never_left_unanswered() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.understand("look it up", 500);
    rig.delegate("dlg_a");
    rig.wait(1_000);
    let errand = questions(&rig.take())[0].0;
    let fault = Fault::new(Cause::Quota, None, "no credit");
    rig.input(Input::Thought { errand, thought: Thought::Failed(&fault) });
    let texts = rig.texts();
    assert_eq!((texts[0].0.as_str(), texts[0].1.as_deref()), ("commentary", Some("dlg_a")));
    assert!(texts[0].2.contains("no credit"));
}

#[test]
fn delegations_to_others_are_none_of_ours() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.understand("look it up", 500);
    let delegation =
        serde_json::json!({ "id": "dlg_a", "type": "delegation", "target": "responses", "response_id": "r" });
    rig.serve("session.delegation.created", serde_json::json!({ "offset_ms": 0, "delegation": delegation }));
    rig.wait(2_000);
    assert!(questions(&rig.take()).is_empty());
}

#[test]
fn a_typed_message_is_thought_about_and_said() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Say { text: "What is new?", aloud: true });
    let (errand, question) = questions(&rig.take()).remove(0);
    assert_eq!(question.messages, [said("What is new?")]);
    assert_eq!(rig.texts()[0], ("thinking".to_owned(), None, "The user typed: What is new?".to_owned()));
    rig.wait(30_000);
    rig.think(errand, "Nothing much.");
    assert_eq!(rig.texts(), [("commentary".to_owned(), None, "Nothing much.".to_owned())]);
    rig.wait(900);
    rig.voice("Nothing much.", 500);
    rig.wait(2_000);
    assert_eq!(rig.lines(), "User Answered: What is new?\nAssistant Complete: Nothing much.");
    assert_eq!(rig.items()[1].kind, Kind::Spoken);
}

#[test]
fn an_answer_in_writing_comes_from_the_text_model_alone() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Say { text: "Write a line.", aloud: false });
    let (errand, question) = questions(&rig.take()).remove(0);
    assert_eq!(question.instructions, "Be brief.", "it is for the eye");
    rig.texts();
    rig.input(Input::Thought { errand, thought: Thought::Delta("A ") });
    assert_eq!(rig.lines(), "User Sent: Write a line.\nAssistant Arriving: A ");
    rig.think(errand, "line.");
    assert_eq!(rig.lines(), "User Answered: Write a line.\nAssistant Complete: A line.");
    assert_eq!(rig.items()[1].kind, Kind::Typed);
    assert_eq!(rig.texts(), [("thinking".to_owned(), None, "You answered in writing: A line.".to_owned())]);
}

#[test]
fn an_answer_in_writing_that_is_stopped_is_called_off() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Say { text: "Write a book.", aloud: false });
    let errand = questions(&rig.take())[0].0;
    rig.input(Input::Thought { errand, thought: Thought::Delta("Chapter") });
    rig.input(Input::Stop);
    assert!(rig.take().contains(&Output::CallOff(errand)));
    assert_eq!(rig.items()[1].delivery, Delivery::Interrupted);
}

fn with_tools() -> Config {
    let light = Tool {
        name: "light".into(),
        description: "Switches the light.".into(),
        parameters: serde_json::json!({ "type": "object" }),
    };
    Config { tools: vec![light], ..config() }
}

/// A delegation that the text model needs tools for; the errand.
fn delegated(rig: &mut Rig) -> Errand {
    rig.turn(800);
    rig.understand("light please", 800);
    rig.delegate("dlg_a");
    rig.wait(1_000);
    let (errand, question) = questions(&rig.take()).remove(0);
    assert_eq!(question.tools.len(), 1);
    errand
}

fn calls(rig: &mut Rig, errand: Errand, name: &str) {
    let call = ToolCall { id: "c1".into(), name: name.into(), arguments: "{\"on\":true}".into(), seal: None };
    rig.input(Input::Thought { errand, thought: Thought::Call(&call) });
    rig.input(Input::Thought { errand, thought: Thought::Done });
}

fn called(outputs: &[Output]) -> Vec<(ItemId, String)> {
    let call = |output: &Output| match output {
        Output::CallTool { item, name, .. } => Some((*item, name.clone())),
        _ => None,
    };
    outputs.iter().filter_map(call).collect()
}

#[test]
fn the_text_model_behind_the_voice_calls_a_tool_and_goes_on_with_what_came_of_it() {
    let mut rig = Rig::ready(with_tools());
    let errand = delegated(&mut rig);
    rig.input(Input::Thought { errand, thought: Thought::Delta("One moment.") });
    calls(&mut rig, errand, "light");
    assert_eq!(rig.texts().pop().unwrap().2, "One moment.", "what it says before is said meanwhile");
    let outputs = rig.take();
    let (item, name) = called(&outputs).remove(0);
    assert_eq!((name.as_str(), questions(&outputs).len()), ("light", 0));
    assert_eq!(rig.items().last().unwrap().kind, Kind::ToolCall { name: "light".into() });
    rig.wait(60_000);
    assert!(!rig.take().iter().any(|output| matches!(output, Output::Reconnect(_))), "it may take its time");
    rig.input(Input::ToolResult { item, output: "It is on." });
    let (errand, question) = questions(&rig.take()).remove(0);
    let [.., asked, called, outcome] = &question.messages[..] else { panic!("{question:?}") };
    assert_eq!((asked, called.parts.len()), (&said("light please"), 2));
    assert!(matches!(&outcome.parts[..], [Part::Output { output, .. }] if output == "It is on."));
    rig.think(errand, "The light is on.");
    let text = ("commentary".to_owned(), Some("dlg_a".to_owned()), "The light is on.".to_owned());
    assert_eq!(rig.texts(), [text]);
}

#[test]
fn speaking_on_does_not_stop_a_tool_of_work_behind_the_voice() {
    let mut rig = Rig::ready(with_tools());
    let errand = delegated(&mut rig);
    calls(&mut rig, errand, "light");
    let (item, _) = called(&rig.take()).remove(0);
    rig.turn(800);
    rig.input(Input::Stop);
    rig.input(Input::ToolResult { item, output: "It is on." });
    assert_eq!(questions(&rig.take()).len(), 1, "it goes on");
}

#[test]
fn a_tool_that_nobody_has_or_that_never_answers_leaves_no_work_undone() {
    let mut rig = Rig::ready(with_tools());
    let errand = delegated(&mut rig);
    calls(&mut rig, errand, "door");
    let outputs = rig.take();
    assert_eq!((called(&outputs).len(), questions(&outputs).len()), (0, 1));
    let errand = questions(&outputs)[0].0;
    calls(&mut rig, errand, "light");
    rig.take();
    rig.wait(125_000);
    let (errand, question) = questions(&rig.take()).remove(0);
    let late = |part: &Part| matches!(part, Part::Output { output, .. } if output.contains("in time"));
    assert!(question.messages.last().unwrap().parts.iter().any(late));
    rig.texts();
    rig.think(errand, "I could not.");
    assert_eq!(rig.texts().len(), 1);
}

#[test]
fn a_written_answer_uses_tools_as_well_and_a_model_without_them_is_asked_plainly() {
    let mut rig = Rig::ready(with_tools());
    rig.input(Input::Say { text: "Light, please.", aloud: false });
    let errand = questions(&rig.take())[0].0;
    calls(&mut rig, errand, "light");
    let (item, _) = called(&rig.take()).remove(0);
    rig.wait(50_000);
    rig.input(Input::ToolResult { item, output: "It is on." });
    let errand = questions(&rig.take())[0].0;
    rig.think(errand, "Done.");
    let written = rig.items().into_iter().find(|item| item.kind == Kind::Typed && item.text == "Done.").unwrap();
    assert_eq!((written.delivery, rig.items()[0].delivery), (Delivery::Complete, Delivery::Answered));
    rig.input(Input::Say { text: "And now?", aloud: false });
    let errand = questions(&rig.take())[0].0;
    let fault = Fault::new(Cause::Refused, None, "This model does not support tools.");
    rig.input(Input::Thought { errand, thought: Thought::Failed(&fault) });
    let (errand, question) = questions(&rig.take()).remove(0);
    assert!(question.tools.is_empty());
    rig.think(errand, "Fine.");
    assert_eq!(rig.items().last().unwrap().text, "Fine.");
}
