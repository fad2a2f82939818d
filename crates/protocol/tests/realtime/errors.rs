//! Failures are told once, in the provider's words; races are not told at all.

use protocol::{Cause, Delivery, Input, Leg, Output, Received};
use serde_json::json;

use crate::rig::{Rig, config, events, faults, played};
use crate::server;

#[test]
fn a_wrong_key_is_told_once() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve(server::error(Some("invalid_api_key"), None));
    rig.input(Input::Closed { code: Some(3000), reason: "invalid_request_error.invalid_api_key" });
    let told = faults(&rig.take());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].cause, Cause::Credential);
    assert_eq!(told[0].message, "No.");
    assert!(!told[0].is_transient());
}

#[test]
fn a_close_without_words_is_told_by_its_code() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Closed { code: Some(1013), reason: "insufficient_quota.insufficient_quota" });
    assert_eq!(faults(&rig.take())[0].cause, Cause::Quota);
    let mut rig = Rig::ready(config());
    rig.drop_connection();
    let told = faults(&rig.take());
    assert_eq!(told[0].cause, Cause::Server);
    assert!(told[0].is_transient());
}

#[test]
fn an_old_error_does_not_hide_a_later_loss() {
    let mut rig = Rig::ready(config());
    rig.serve(server::error(Some("invalid_value"), None));
    assert_eq!(faults(&rig.take()).len(), 1);
    rig.serve(server::updated());
    rig.drop_connection();
    assert_eq!(faults(&rig.take()).len(), 1);
}

#[test]
fn expiry_is_transient() {
    let mut rig = Rig::ready(config());
    rig.serve(server::error(Some("session_expired"), None));
    let reason = "Your session hit the maximum duration of 60 minutes.";
    rig.input(Input::Closed { code: Some(1001), reason });
    let told = faults(&rig.take());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].cause, Cause::Expired);
    assert!(told[0].is_transient());
}

#[test]
fn races_are_not_told() {
    let mut rig = Rig::ready(config());
    for code in [
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
    ] {
        rig.serve(server::error(Some(code), None));
    }
    assert!(rig.take().is_empty());
}

#[test]
fn truncating_too_far_is_not_told() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve_all(server::answer("resp_1", "item_a", None, 1_000, "one two"));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: std::time::Duration::from_millis(500) });
    let truncate = rig.take_sent().pop().unwrap();
    rig.take();
    rig.serve(server::error(Some("invalid_value"), truncate["event_id"].as_str()));
    assert!(rig.take().is_empty());
}

#[test]
fn a_failed_answer_keeps_the_question_and_tells_why() {
    let cases = [
        ("insufficient_quota", Some("insufficient_quota"), Cause::Quota),
        ("tokens", Some("rate_limit_exceeded"), Cause::RateLimited),
        ("server_error", None, Cause::Response),
    ];
    for (kind, code, cause) in cases {
        let mut rig = Rig::asked();
        rig.serve(server::response_created("resp_1"));
        rig.take();
        rig.take_sent();
        rig.serve(server::response_failed("resp_1", kind, code));
        let told = faults(&rig.take());
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].cause, told[0].message.as_str()), (cause, "It did not work."));
        assert_eq!(rig.sent(), "", "not again by itself");
        let item = rig.items().remove(0);
        assert_eq!(item.delivery, Delivery::Kept);
        assert_eq!(item.fault.unwrap().cause, cause);
        assert_eq!(rig.session.unanswered(), 1);
        rig.input(Input::Resend);
        assert_eq!(rig.sent(), "response.create");
        rig.serve_all(server::answer("resp_2", "item_a", Some("item_u"), 100, "Now."));
        assert_eq!(rig.items()[0].delivery, Delivery::Answered);
        assert_eq!(rig.items()[0].fault, None);
    }
}

#[test]
fn an_answer_cut_by_the_provider_is_marked() {
    for reason in ["content_filter", "max_output_tokens"] {
        let mut rig = Rig::ready(config());
        rig.turn(200);
        rig.serve_all(server::answer_begins("resp_1", "item_a", None, 100, "Once upon"));
        rig.take();
        rig.serve(server::response_incomplete("resp_1", reason));
        let outputs = rig.take();
        let told = faults(&outputs);
        assert_eq!((told[0].cause, told[0].code.as_deref()), (Cause::Response, Some(reason)));
        assert!(outputs.contains(&Output::PlayEnd(rig.items()[1].id)));
        insta::allow_duplicates! {
            insta::assert_snapshot!(rig.lines(), @r"
            User Answered: 
            Assistant Failed: Once upon
            ");
        }
    }
}

#[test]
fn garbage_is_ignored() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 100, "Hi"));
    rig.take();
    rig.take_sent();
    let deep = "[".repeat(100_000);
    let frames = [
        "",
        "{",
        "null",
        "[]",
        "\"\"",
        "{}",
        r#"{"type":null}"#,
        r#"{"type":7}"#,
        r#"{"type":"session.created"}"#,
        r#"{"type":"session.updated","session":[]}"#,
        r#"{"type":"made.up","item":{"id":"x"}}"#,
        r#"{"type":"error"}"#,
        r#"{"type":"response.done"}"#,
        r#"{"type":"response.created","response":null}"#,
        r#"{"type":"response.output_audio.delta","item_id":"item_a","delta":7}"#,
        r#"{"type":"response.output_audio.delta","item_id":"item_a","delta":"%%%"}"#,
        r#"{"type":"response.output_audio.delta","item_id":"nobody","response_id":"resp_9","delta":"AAAA"}"#,
        r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#,
        r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":1e400}"#,
        r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":-5,"item_id":"x"}"#,
        r#"{"type":"conversation.item.added","item":{"type":"message","role":"assistant"}}"#,
        r#"{"type":"conversation.item.input_audio_transcription.delta","item_id":"item_a","delta":"no"}"#,
        deep.as_str(),
    ];
    for frame in frames {
        rig.frame(frame);
    }
    rig.input(Input::Received { leg: Leg::Voice, received: Received::Binary(&[0, 255]) });
    let outputs = rig.take();
    assert!(played(&outputs).is_empty());
    assert_eq!(rig.sent(), "");
    rig.serve_all(server::answer_ends("resp_1", "item_a", None, "Hi."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: hello
    Assistant Complete: Hi.
    ");
}

#[test]
fn unknown_keys_and_odd_bytes_do_no_harm() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    rig.serve(server::response_created("resp_1"));
    rig.take();
    for delta in ["AQ==", "AAI=", "AA"] {
        let frame = json!({"type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_a",
            "delta": delta, "obfuscation": "xyz", "start_time": 3.5});
        rig.frame(&frame.to_string());
    }
    let outputs = rig.take();
    let pcm: Vec<i16> = outputs
        .iter()
        .flat_map(|output| if let Output::Play { pcm, .. } = output { pcm.clone() } else { Vec::new() })
        .collect();
    assert_eq!(pcm, [1, 2]);
}

#[test]
fn audio_that_nobody_asked_for_is_not_played() {
    let mut rig = Rig::ready(config());
    rig.serve(server::audio("resp_old", "item_old", 100));
    rig.serve(server::caption("resp_old", "item_old", "ghost"));
    rig.serve(server::item_added(server::assistant_item("item_old", "in_progress"), None));
    assert!(rig.take().is_empty());
    assert!(rig.items().is_empty());
    assert!(!rig.session.is_busy());
}

#[test]
fn a_huge_frame_is_taken() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    rig.serve(server::response_created("resp_1"));
    rig.take();
    rig.serve(server::audio("resp_1", "item_a", 120_000));
    assert_eq!(played(&rig.take())[0].1, 120 * 24_000);
}

#[test]
fn frames_of_an_earlier_connection_are_ignored() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 100, "Hi"));
    rig.drop_connection();
    rig.take();
    rig.serve(server::audio("resp_1", "item_a", 100));
    rig.serve(server::updated());
    assert!(rig.take().is_empty());
    rig.connect();
    rig.take();
    rig.serve(server::audio("resp_1", "item_a", 100));
    rig.serve(server::response_done("resp_1"));
    let outputs = rig.take();
    assert!(played(&outputs).is_empty());
    assert!(events(&outputs).is_empty());
}

#[test]
fn a_question_that_no_connection_answers_is_kept_with_a_reason() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    for _ in 0..5 {
        rig.drop_connection();
        rig.connect();
    }
    let item = rig.items().remove(0);
    assert_eq!(item.delivery, Delivery::Kept);
    assert!(item.fault.unwrap().message.contains("five times"));
    assert!(!rig.session.is_answer_owed() && rig.session.unanswered() == 1);
}

#[test]
fn refused_settings_are_told_apart_from_a_slow_start() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve(server::created());
    assert!(!rig.session.is_refused());
    let update = rig.take_sent().remove(0)["event_id"].clone();
    rig.serve(server::error(Some("invalid_value"), update.as_str()));
    assert!(rig.session.is_refused());
}
