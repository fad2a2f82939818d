//! Opening, replaying, refusing, ending.

use protocol::{Cause, Delivery, Event, Input};
use serde_json::{Value, json};

use crate::rig::{Rig, config, events, faults, open, played, questions, reconnects};

fn error(code: Option<&str>) -> Value {
    json!({ "error": { "type": "invalid_request_error", "code": code, "message": "no", "param": null } })
}

#[test]
fn the_first_command_starts_the_session_and_nothing_else_is_sent_before_it_has() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.input(Input::Press);
    rig.input(Input::Audio(&[1_000; 4_800]));
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 1);
    let session = &sent[0]["session"];
    assert_eq!((session["model"].as_str(), session["store"].as_bool()), (Some("gpt-live-1"), Some(false)));
    assert_eq!(session["audio"]["output"]["voice"], "marin");
    assert_eq!(session["delegation"]["type"], "client");
    assert!(session["instructions"].as_str().unwrap().starts_with("Be brief."));
    assert!(session.get("input").is_none());
    rig.begin();
    rig.speak(1_000);
    assert!(rig.clock() >= 800);
    let outputs = rig.take();
    let expires = |event: &&Event| matches!(event, Event::Ready { expires_at: Some(1_800_000_000), .. });
    assert!(events(&outputs).iter().any(expires));
}

#[test]
fn a_new_connection_begins_with_the_conversation_so_far() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.understand("my name is Ada", 500);
    rig.voice("Hello Ada.", 500);
    rig.wait(5_000);
    rig.drop_connection();
    rig.input(Input::Say { text: "Who am I?", aloud: true });
    rig.take_sent();
    rig.take();
    rig.input(Input::Opened);
    let start = rig.take_sent().remove(0);
    assert_eq!(
        start["session"]["input"],
        json!([
            { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "my name is Ada" }] },
            { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Hello Ada." }] },
        ]),
        "what is asked now is no history"
    );
    rig.begin();
    let (_, question) = questions(&rig.take()).remove(0);
    assert_eq!(question.messages.len(), 3);
    assert_eq!(question.messages[2].text(), "Who am I?");
    assert_eq!(rig.texts()[0].2, "The user typed: Who am I?");
}

#[test]
fn an_utterance_that_waited_goes_out_at_the_pace_of_speech() {
    let mut rig = Rig::new(config());
    rig.turn(8_000);
    rig.connect();
    rig.wait(9_000);
    rig.understand("a long story", 8_000);
    rig.voice("I see.", 500);
    rig.wait(2_500);
    assert_eq!(rig.lines(), "User Answered: a long story\nAssistant Complete: I see.");
    assert_eq!(faults(&rig.take()), []);
}

#[test]
fn the_history_keeps_within_the_limits() {
    let mut rig = Rig::new(config());
    rig.connect();
    for _ in 0..80 {
        rig.input(Input::Say { text: &"word ".repeat(200), aloud: false });
        let errand = questions(&rig.take()).remove(0).0;
        rig.think(errand, "Yes.");
    }
    rig.drop_connection();
    rig.take_sent();
    rig.input(Input::Opened);
    let start = rig.take_sent().remove(0);
    let input = start["session"]["input"].as_array().unwrap();
    let letters: usize = input.iter().map(|message| message["content"][0]["text"].as_str().unwrap().len()).sum();
    assert!((20_000..=24_000).contains(&letters) && input.len() <= 128, "{letters}");
}

#[test]
fn an_option_that_the_server_does_not_know_is_left_out_the_second_time() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve("error", error(Some("unknown_parameter")));
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0]["session"]["delegation"], json!({ "type": "client", "acknowledgement_delay_ms": 600 }));
    assert_eq!(sent[1]["session"]["delegation"], json!({ "type": "client" }));
    assert_eq!(faults(&rig.take()), []);
    rig.serve("error", error(Some("unknown_parameter")));
    let outputs = rig.take();
    assert_eq!(faults(&outputs)[0].cause, Cause::Refused);
    assert!(reconnects(&outputs), "the caller ends it, as the fault is not transient");
}

#[test]
fn refusals_of_the_session_ask_for_the_right_decision() {
    let cases = [
        ("invalid_api_key", Cause::Credential),
        ("credit_balance_exhausted", Cause::Quota),
        ("forbidden", Cause::Permission),
        ("model_not_found", Cause::Permission),
        ("rate_limit_exceeded", Cause::RateLimited),
    ];
    for (code, cause) in cases {
        let mut rig = Rig::new(config());
        rig.input(Input::Opened);
        rig.serve("error", error(Some(code)));
        let outputs = rig.take();
        assert_eq!(faults(&outputs)[0].cause, cause, "{code}");
        assert!(reconnects(&outputs));
    }
}

#[test]
fn an_error_in_a_session_that_runs_is_no_end_of_it() {
    let mut rig = Rig::ready(config());
    let about = |code: &str, id: &str| json!({ "error": { "type": "invalid_request_error", "code": code, "message": "no", "client_event_id": id } });
    rig.serve("error", about("invalid_value", "event_7"));
    rig.serve("error", about("context_injection_incomplete", "event_8"));
    assert_eq!(faults(&rig.take()), []);
    rig.serve("error", about("credit_balance_exhausted", "event_9"));
    rig.serve("error", error(None));
    let outputs = rig.take();
    assert_eq!(faults(&outputs).iter().map(|fault| fault.cause).collect::<Vec<_>>(), [Cause::Quota, Cause::Refused]);
    assert!(!reconnects(&outputs));
    rig.turn(500);
    rig.voice("Still here.", 300);
    rig.wait(2_500);
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn the_end_of_a_session_is_told_by_its_reason() {
    let cases = [
        ("expired", Some(Cause::Expired)),
        ("content", Some(Cause::Refused)),
        ("connection_lost", None),
        ("remote_hangup", None),
    ];
    for (reason, cause) in cases {
        let mut rig = Rig::ready(config());
        let session = json!({ "id": "live_1", "model": "gpt-live-1", "status": "active", "expires_at": 1_800_000_000,
            "audio": { "format": { "type": "audio/pcm", "rate": 24000 } } });
        rig.serve("session.closed", json!({ "reason": reason, "usage": { "seconds": 3 }, "session": session }));
        let outputs = rig.take();
        assert_eq!(faults(&outputs).first().map(|fault| fault.cause), cause, "{reason}");
        assert!(reconnects(&outputs));
        assert_eq!(rig.session.deadline(), None);
    }
}

#[test]
fn a_session_that_does_not_start_is_given_up() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.wait(9_900);
    assert!(!reconnects(&rig.take()));
    rig.wait(200);
    assert!(reconnects(&rig.take()));
}

#[test]
fn a_question_that_lost_its_connection_is_asked_again() {
    let mut rig = Rig::ready(config());
    rig.turn(700);
    rig.voice("The beginning of", 2_000);
    rig.wait(600);
    rig.drop_connection();
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.connect();
    rig.wait(1_000);
    rig.understand("again", 700);
    rig.voice("The whole.", 500);
    rig.wait(2_500);
    assert!(rig.lines().contains("User Answered: again"), "{}", rig.lines());
    assert!(rig.lines().contains("Assistant Complete: The whole."), "{}", rig.lines());
}

#[test]
fn what_was_said_without_a_connection_catches_up_in_its_pauses() {
    let mut rig = Rig::new(open());
    rig.speak(2_000);
    rig.hush(6_000);
    rig.speak(1_000);
    rig.connect();
    rig.hush(6_000);
    assert!(rig.clock() < 6_100);
    rig.understand("hello", 1_000);
    rig.voice("Hello.", 300);
    rig.hush(2_500);
    assert!(played(&rig.take()) >= 300);
}

#[test]
fn repeated_and_senseless_frames_change_nothing() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    let words =
        r#"{"type":"session.input_transcript.delta","event_id":"evt_x","delta":" hello","start_ms":0,"end_ms":400}"#;
    rig.frame(words);
    rig.frame(words);
    for frame in [
        "",
        "{",
        "[]",
        "null",
        "{\"type\":7}",
        "{\"type\":\"session.unheard_of\",\"event_id\":\"e\"}",
        "{\"type\":\"session.output_audio.delta\",\"delta\":\"*\"}",
        "{\"type\":\"error\"}",
        "{\"type\":\"session.delegation.created\",\"delegation\":[]}",
        "{\"type\":\"session.started\",\"event_id\":\"z\"}",
    ] {
        rig.frame(frame);
    }
    rig.wait(200);
    assert!(rig.lines().starts_with("User Sent: hello\n") || rig.lines() == "User Sent: hello", "{}", rig.lines());
}
