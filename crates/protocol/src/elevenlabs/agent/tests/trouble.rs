//! Errors, and what should never come.

use proptest::prelude::*;

use super::*;

fn error(code: i64, kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error_event": { "code": code, "error_type": kind, "message": message } })
}

#[test]
fn errors_are_told_with_their_cause() {
    let cases = [
        (1008, "override_error", "Override for field 'prompt' is not allowed by config.", Cause::Refused),
        (1008, "quota_exceeded", "This request exceeds your quota limit.", Cause::Quota),
        (1008, "", "Invalid API key", Cause::Credential),
        (1002, "llm_timeout", "The model did not answer.", Cause::Expired),
        (1011, "", "Something broke.", Cause::Server),
    ];
    for (code, kind, message, cause) in cases {
        let mut rig = Rig::new(by_key());
        rig.input(Input::Opened);
        rig.serve(&error(code, kind, message));
        rig.input(Input::Closed { code: Some(1008), reason: message });
        let faults = rig.faults();
        assert_eq!(faults.iter().map(|fault| fault.cause).collect::<Vec<_>>(), [cause], "{kind} {message}");
        assert_eq!(faults[0].message, message);
    }
}

#[test]
fn a_close_without_an_error_is_told_by_its_reason() {
    let mut rig = Rig::new(by_key());
    rig.input(Input::Opened);
    rig.input(Input::Closed { code: Some(1008), reason: "The AI agent you are trying to reach does not exist." });
    let faults = rig.faults();
    assert_eq!((faults.len(), faults[0].cause), (1, Cause::Refused));
}

#[test]
fn an_agent_that_ends_the_conversation_is_not_called_again_and_what_it_said_is_whole() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "Goodbye");
    rig.says("Goodbye!");
    rig.sounds(300);
    rig.take();
    rig.input(Input::Closed { code: Some(1000), reason: "Conversation ended by agent" });
    let outputs = rig.take();
    assert!(outputs.contains(&Output::Event(Event::Left)), "{outputs:?}");
    let has_failed = |output: &Output| matches!(output, Output::Event(Event::Fault(_)) | Output::Reconnect(_));
    assert!(!outputs.iter().any(has_failed), "{outputs:?}");
    let deliveries: Vec<Delivery> = rig.session.items().iter().map(|item| item.delivery).collect();
    assert_eq!((deliveries, rig.session.unanswered()), (vec![Delivery::Answered, Delivery::Complete], 0));
}

/// The service's longest conversation ends with the same code as the agent's goodbye.
#[test]
fn an_end_while_a_turn_is_spoken_or_not_answered_is_not_the_agents_wish() {
    let ended = |rig: &mut Rig| {
        rig.take();
        rig.input(Input::Closed { code: Some(1000), reason: "" });
        !rig.take().contains(&Output::Event(Event::Left))
    };
    let mut rig = Rig::ready(by_key());
    rig.serve(&error(1000, "", "The conversation was ended."));
    rig.turn(500, "One more thing");
    assert!(ended(&mut rig));
    assert_eq!((rig.newest().delivery, rig.session.unanswered()), (Delivery::Kept, 1));
    let mut rig = Rig::ready(by_key());
    rig.input(Input::Press);
    rig.hear(500, 3_000);
    assert!(ended(&mut rig), "the key is down");
    assert_eq!(rig.session.items()[0].delivery, Delivery::Recording);
}

#[test]
fn an_answer_whose_words_came_is_not_asked_for_again_when_the_connection_ends_in_it() {
    for (sound_ms, delivery, unanswered) in [(300, Delivery::Complete, 0), (0, Delivery::Failed, 1)] {
        let mut rig = Rig::ready(by_key());
        rig.turn(500, "What is the time?");
        rig.says("It is noon.");
        rig.sounds(sound_ms);
        rig.input(Input::Closed { code: None, reason: "" });
        assert_eq!((rig.newest().delivery, rig.session.unanswered()), (delivery, unanswered), "{sound_ms} ms of sound");
    }
}

#[test]
fn an_end_for_another_reason_is_not_the_agents_wish() {
    let ends = [(Some(1000), "Maximum duration reached"), (Some(1002), "no user input"), (Some(1011), ""), (None, "")];
    for (code, reason) in ends {
        let mut rig = Rig::ready(by_key());
        rig.input(Input::Closed { code, reason });
        assert!(!rig.take().contains(&Output::Event(Event::Left)), "{code:?} {reason}");
    }
    let mut rig = Rig::ready(by_key());
    rig.serve(&error(1000, "max_duration_exceeded", ""));
    rig.input(Input::Closed { code: Some(1000), reason: "" });
    assert_eq!(rig.faults().iter().map(|fault| fault.cause).collect::<Vec<_>>(), [Cause::Expired]);
    let mut rig = Rig::new(by_key());
    rig.input(Input::Opened);
    rig.input(Input::Closed { code: Some(1000), reason: "" });
    assert_eq!(rig.faults().len(), 1, "it was never there");
}

#[test]
fn a_sound_format_that_is_not_spoken_here_is_told() {
    let mut rig = Rig::new(by_key());
    rig.input(Input::Opened);
    rig.serve(&metadata("opus_48000", "pcm_16000"));
    let outputs = rig.take();
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Event(Event::Fault(fault)) if fault.message.contains("opus_48000")))
    );
}

#[test]
fn pings_and_tools_are_answered_at_once() {
    let mut rig = Rig::new(by_key());
    rig.input(Input::Opened);
    rig.serve(&json!({ "type": "ping", "ping_event": { "event_id": 7, "ping_ms": null } }));
    rig.serve(&metadata("ulaw_8000", "ulaw_8000"));
    rig.said();
    rig.serve(&json!({ "type": "ping", "ping_event": { "event_id": 8, "ping_ms": 20 } }));
    rig.serve(&json!({ "type": "client_tool_call", "client_tool_call": { "tool_name": "light", "tool_call_id": "t1", "parameters": {}, "event_id": 9 } }));
    rig.serve(
        &json!({ "type": "mcp_tool_call", "mcp_tool_call": { "tool_call_id": "t2", "state": "awaiting_approval" } }),
    );
    rig.serve(&json!({ "type": "mcp_tool_call", "mcp_tool_call": { "tool_call_id": "t2", "state": "loading" } }));
    let said = rig.said();
    let told: Vec<_> = said.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["pong", "client_tool_result", "mcp_tool_approval_result"]);
    assert_eq!(
        (&said[0]["event_id"], &said[1]["is_error"], &said[2]["is_approved"]),
        (&json!(8), &json!(true), &json!(false))
    );
}

#[test]
fn repeated_events_count_once() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "Hello");
    for _ in 0..2 {
        rig.serve(
            &json!({ "type": "agent_response", "agent_response_event": { "agent_response": "Hi.", "event_id": 1 } }),
        );
    }
    for _ in 0..2 {
        rig.sounds_as(2, 100);
    }
    assert!(rig.played().0 <= 2_400);
    assert_eq!(rig.newest().text, "Hi.");
}

#[test]
fn an_agent_that_never_answers_costs_the_connection_not_the_turn() {
    let mut rig = Rig::ready(by_key());
    rig.turn(500, "Hello");
    rig.wait(25_000);
    assert!(rig.take().iter().any(|output| matches!(output, Output::Reconnect(_))));
    assert_eq!(rig.newest().delivery, Delivery::Kept);
}

#[test]
fn huge_and_senseless_frames_do_no_harm() {
    let mut rig = Rig::ready(open_microphone());
    for frame in rig::GARBAGE {
        rig.frame(frame);
    }
    rig.frame(&json!({ "type": "vad_score", "vad_score_event": { "vad_score": 0.9 } }).to_string());
    rig.frame(&json!({ "type": "audio", "audio_event": { "audio_base_64": "!", "event_id": "x" } }).to_string());
    rig.frame(&json!({ "type": "x".repeat(1 << 20) }).to_string());
    rig.sounds(60_000);
    rig.hear(500, 3_000);
    rig.transcript("Hello");
    assert_eq!(rig.session.items()[1].text, "Hello");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_comes_breaks_the_conversation(
        steps in proptest::collection::vec((0..22_usize, 0..6_u64), 0..60),
        is_open: bool,
    ) {
        let mut rig = Rig::ready(tools::with_lights(if is_open { open_microphone() } else { by_key() }));
        let mut called = Vec::new();
        let mut outputs = Vec::new();
        for (step, size) in steps {
            match step {
                0 => rig.input(Input::Press),
                1 => rig.hear(size * 60, 3_000),
                2 => rig.input(Input::Release),
                3 => rig.input(Input::Discard),
                4 => rig.transcript(["", "...", "Hello", "Hi there", "So", "No"][size as usize]),
                5 => rig.says(["", "Yes.", "Yes. And no.", "Hello", "Hi", "So"][size as usize]),
                6 | 7 => drop(rig.sounds(size as usize * 50)),
                8 => rig.sounds_as(size as i64, 50),
                9 => rig.interrupts(size as i64 * 5),
                10 => rig.wait(size * 700),
                11 => rig.input(Input::Say { text: "typed", aloud: size > 2 }),
                12 => rig.input(Input::BargeIn),
                13 => rig.input(Input::Stop),
                14 => rig.input(Input::HoldFloor(size > 2)),
                15 => rig.frame(rig::GARBAGE[size as usize]),
                16 => {
                    rig.input(Input::Closed { code: None, reason: "" });
                    rig.connect();
                }
                17 => rig.serve(&metadata("pcm_24000", "ulaw_8000")),
                18 => {
                    let item = rig.session.items().last().map(|item| item.id);
                    if let Some(item) = item {
                        rig.input(Input::Interrupted { item, heard: Duration::from_millis(size * 20) });
                    }
                }
                19 => tools::calls(&mut rig, &format!("c{size}"), if size == 0 { "door" } else { "lights" }),
                20 => {
                    if let Some(item) = called.pop() {
                        rig.input(Input::ToolResult { item, output: "done" });
                    }
                }
                _ => rig.serve(&json!({ "type": "tentative_user_transcript", "tentative_user_transcription_event": { "user_transcript": "He", "event_id": 1 } })),
            }
            let new = rig.take();
            let call = |output: &Output| if let Output::CallTool { item, .. } = output { Some(*item) } else { None };
            called.extend(new.iter().filter_map(call));
            outputs.extend(new);
        }
        let count = |event: &Event| outputs.iter().filter(|output| **output == Output::Event(event.clone())).count();
        let (started, done) = (count(&Event::ResponseStarted), count(&Event::ResponseDone));
        prop_assert!(done <= started, "{done} of {started}");
    }
}
