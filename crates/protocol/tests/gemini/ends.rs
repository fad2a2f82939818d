//! Connections that end.

use protocol::{Cause, Input};
use serde_json::json;

use crate::rig::{Rig, config};

#[test]
fn closes_tell_what_is_wrong() {
    for (code, reason, cause, name) in [
        (1007, "API key not valid. Please pass a valid API key.", Cause::Credential, "invalid_api_key"),
        (1008, "models/x is not found for API version v1beta", Cause::Refused, "model_not_found"),
        (
            1007,
            "User location is not supported for the API use.",
            Cause::Permission,
            "unsupported_country_region_territory",
        ),
        (1011, "You exceeded your current quota, please check your plan", Cause::Quota, "insufficient_quota"),
        (1011, "Deadline expired before operation could complete.", Cause::Expired, "session_expired"),
    ] {
        let mut rig = Rig::new(config());
        rig.input(Input::Opened);
        rig.close(Some(code), reason);
        let faults = rig.faults();
        assert_eq!((faults.len(), faults[0].cause, faults[0].code.as_deref()), (1, cause, Some(name)), "{reason}");
        assert_eq!(faults[0].message, reason);
    }
}

#[test]
fn trouble_of_the_provider_is_passing() {
    for (code, reason) in [(Some(1011), "Internal error encountered."), (Some(1012), ""), (None, "")] {
        let mut rig = Rig::ready(config());
        rig.close(code, reason);
        assert!(rig.faults()[0].is_transient(), "{code:?} {reason}");
    }
}

#[test]
fn a_close_is_told_although_an_earlier_turn_had_failed() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.turn_complete();
    rig.wait(std::time::Duration::from_secs(30));
    let before = rig.faults().len();
    assert!(before > 0, "the first turn failed");
    rig.speak();
    rig.answer("Yes.");
    rig.close(Some(1011), "You exceeded your current quota, please check your plan");
    let faults = rig.faults();
    assert_eq!(faults.len(), before + 1);
    assert_eq!(faults.last().map(|fault| fault.cause), Some(Cause::Quota));
}

#[test]
fn an_answer_that_was_made_is_not_asked_for_again_when_the_connection_ends_behind_it() {
    let mut rig = Rig::ready(config());
    rig.speak();
    rig.answer("It is noon.");
    rig.serve(json!({ "serverContent": { "generationComplete": true } }));
    rig.close(Some(1011), "Deadline expired before operation could complete.");
    let answer = rig.session.items().pop().unwrap();
    assert_eq!((answer.delivery, rig.session.unanswered()), (protocol::Delivery::Complete, 0));
}

#[test]
fn an_answer_in_snake_case_and_text_frames_is_the_same() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    let mut serve = |message: serde_json::Value| {
        let text = message.to_string();
        rig.input(Input::Received { leg: protocol::Leg::Voice, received: protocol::Received::Text(&text) });
    };
    serve(json!({ "setup_complete": {} }));
    rig.speak();
    let mut serve = |message: serde_json::Value| {
        let text = message.to_string();
        rig.input(Input::Received { leg: protocol::Leg::Voice, received: protocol::Received::Text(&text) });
    };
    let data = crate::rig::sound(1_000, 100)["data"].clone();
    serve(json!({ "server_content": {
        "input_transcription": { "text": "Hi" },
        "model_turn": { "parts": [
            { "text": "planning", "thought": true },
            { "inline_data": { "mime_type": "audio/pcm;rate=24000", "data": data } },
        ] },
        "output_transcription": { "text": "Hello" },
        "generation_complete": true, "turn_complete": true,
    }, "usage_metadata": { "prompt_token_count": "12", "response_token_count": "5" } }));
    let items = rig.items();
    assert_eq!((items[0].text.as_str(), items[1].text.as_str()), ("Hi", "Hello"));
    assert_eq!(items[1].usage.unwrap().input_text, 12);
}
