//! Over several connections: handles, replay, renewal.

use std::time::Duration;

use protocol::{Cause, Config, Delivery, Event, Input};
use serde_json::{Value, json};

use crate::rig::{Rig, config, open};

fn one_exchange(rig: &mut Rig, words: &str, answer: &str) {
    rig.speak();
    rig.content(json!({ "inputTranscription": { "text": words } }));
    rig.answer(answer);
    rig.turn_complete();
}

fn handle(rig: &mut Rig, handle: &str) {
    rig.serve(json!({ "sessionResumptionUpdate": { "newHandle": handle, "resumable": true } }));
}

/// The texts that a message tells of the conversation, with their roles.
fn told(message: &Value) -> Vec<(&str, &str)> {
    let turns = message["clientContent"]["turns"].as_array().unwrap().iter();
    turns.map(|turn| (turn["role"].as_str().unwrap(), turn["parts"][0]["text"].as_str().unwrap())).collect()
}

fn renewals(rig: &Rig) -> Vec<Duration> {
    let events = rig.events().into_iter();
    events.filter_map(|event| if let Event::Expires { within } = event { Some(within) } else { None }).collect()
}

#[test]
fn without_a_handle_the_conversation_is_told_as_text() {
    let mut rig = Rig::ready(config());
    one_exchange(&mut rig, "One?", "Two.");
    rig.close(None, "");
    rig.sent();
    rig.connect();
    rig.speak();
    let sent = rig.sent();
    assert_eq!(sent[0]["setup"]["sessionResumption"], json!({}));
    assert_eq!(told(&sent[1]), [("user", "One?"), ("model", "Two.")]);
    assert_eq!(sent[1]["clientContent"]["turnComplete"], json!(false));
    assert_eq!(sent[2], json!({ "realtimeInput": { "activityStart": {} } }));
}

#[test]
fn a_handle_brings_the_memory_and_only_the_rest_is_told() {
    let mut rig = Rig::ready(config());
    one_exchange(&mut rig, "One?", "Two.");
    rig.serve(json!({ "sessionResumptionUpdate": { "resumable": false } }));
    handle(&mut rig, "h1");
    one_exchange(&mut rig, "Three?", "Four.");
    rig.close(Some(1006), "");
    rig.sent();
    rig.connect();
    rig.input(Input::Say { text: "Five?", aloud: true });
    let sent = rig.sent();
    assert_eq!(sent[0]["setup"]["sessionResumption"], json!({ "handle": "h1" }));
    assert_eq!(told(&sent[1]), [("user", "Three?"), ("model", "Four."), ("user", "Five?")]);
    rig.answer("Six.");
    rig.turn_complete();
    handle(&mut rig, "h2");
    rig.close(None, "");
    rig.sent();
    rig.connect();
    rig.speak();
    assert_eq!(rig.kinds(), ["setup", "activityStart", "audio", "activityEnd"]);
}

#[test]
fn a_question_without_its_answer_is_asked_again_after_resuming() {
    let mut rig = Rig::ready(config());
    one_exchange(&mut rig, "One?", "Two.");
    handle(&mut rig, "h1");
    rig.speak();
    rig.sound(1_000, 100);
    rig.close(None, "");
    rig.sent();
    rig.connect();
    assert_eq!(rig.kinds(), ["setup", "activityStart", "audio", "activityEnd"]);
    rig.answer("Again.");
    rig.turn_complete();
    assert_eq!(rig.item(2).delivery, Delivery::Answered);
}

#[test]
fn a_handle_that_is_refused_is_given_up_for_the_text() {
    let mut rig = Rig::ready(config());
    one_exchange(&mut rig, "One?", "Two.");
    handle(&mut rig, "h1");
    rig.close(None, "");
    rig.input(Input::Opened);
    rig.outputs.clear();
    rig.close(Some(1007), "Request contains an invalid argument.");
    let faults = rig.faults();
    assert!(faults.iter().all(|fault| fault.cause == Cause::Expired && fault.is_transient()), "{faults:?}");
    assert_eq!(faults.len(), 1);
    rig.sent();
    rig.connect();
    rig.speak();
    let sent = rig.sent();
    assert_eq!(sent[0]["setup"]["sessionResumption"], json!({}));
    assert_eq!(told(&sent[1]), [("user", "One?"), ("model", "Two.")]);
}

#[test]
fn another_model_does_not_get_the_handle() {
    let mut rig = Rig::ready(config());
    one_exchange(&mut rig, "One?", "Two.");
    handle(&mut rig, "h1");
    let other = protocol::gemini::Setup { model: "gemini-4-live".into(), ..crate::rig::setup() };
    rig.input(Input::Configure(&Config { wire: protocol::Wire::Gemini(other), ..config() }));
    rig.close(None, "");
    rig.sent();
    rig.connect();
    rig.speak();
    let sent = rig.sent();
    assert_eq!(sent[0]["setup"]["model"], json!("models/gemini-4-live"));
    assert_eq!(sent[0]["setup"]["sessionResumption"], json!({}));
    assert_eq!(told(&sent[1]).len(), 2);
}

#[test]
fn the_end_of_a_connection_is_known_in_time() {
    let mut rig = Rig::new(config());
    rig.connect();
    rig.serve(json!({ "goAway": { "timeLeft": "49.5s" } }));
    assert_eq!(renewals(&rig), [Duration::from_millis(49_500)]);
}

#[test]
fn settings_that_the_connection_cannot_take_ask_for_another_one() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Configure(&Config { voice: "Puck".into(), ..config() }));
    assert_eq!(renewals(&rig), [Duration::ZERO]);
    assert!(rig.sent().is_empty() && !rig.reconnects());
    rig.input(Input::Configure(&open()));
    rig.hear(3_000, 200);
    assert!(rig.sent().is_empty(), "this connection has no detector");
    rig.close(None, "");
    rig.connect();
    rig.hear(3_000, 20);
    assert_eq!(rig.kinds(), ["setup", "audio"]);
}
