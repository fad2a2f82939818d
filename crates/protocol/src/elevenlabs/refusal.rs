//! ElevenLabs' errors as complaints.

use serde_json::Value;

use crate::openai::refusal::Complaint;
use crate::{Cause, Fault};

/// An error by its name: a message type of Scribe, an `error` of a mouth, a close code and reason of an agent.
pub(super) fn complaint(name: &str, message: &str) -> Complaint {
    let message = if message.is_empty() { name } else { message };
    let words = format!("{name} {message}").to_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
    let (kind, code) = if has(&["quota", "credit", "insufficient_funds", "payment"]) {
        ("insufficient_quota", name)
    } else if has(&["auth_error", "api_key", "api key", "unauthorized", "authentication", "authorization"]) {
        ("authentication_error", name)
    } else if has(&["terms", "permission", "forbidden", "only_for_creator", "subscription"]) {
        ("permission_error", name)
    } else if has(&["time_limit", "timeout", "inactivity", "insufficient_audio_activity", "duration"]) {
        ("", "session_expired")
    } else if has(&["rate_limit", "throttled", "concurrent", "system_busy", "resource_exhausted", "queue_overflow"]) {
        ("rate_limit_error", name)
    } else if has(&["invalid", "input_error", "chunk_size", "override", "not_found", "does_not_exist", "1008"]) {
        ("invalid_request_error", name)
    } else {
        ("server_error", name)
    };
    Complaint {
        kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
        code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        message: message.to_owned(),
        event_id: None,
        retry_after: None,
    }
}

/// A close with the name of an error as its reason: all sockets close with the same code, whether the key is bad or the
/// session too old.
pub(super) fn close(reason: &str) -> Option<Fault> {
    Some(complaint(reason, "").into_fault()).filter(|fault| fault.cause != Cause::Server)
}

/// A number or a text of a frame, as text.
pub(super) fn words(frame: &Value, key: &str) -> String {
    match frame.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_ask_for_the_right_decision() {
        let cases = [
            ("auth_error", "You must be authenticated.", Cause::Credential),
            ("quota_exceeded", "This request exceeds your quota.", Cause::Quota),
            ("unaccepted_terms", "Accept the terms first.", Cause::Permission),
            ("rate_limited", "", Cause::RateLimited),
            ("commit_throttled", "", Cause::RateLimited),
            ("resource_exhausted", "", Cause::RateLimited),
            ("session_time_limit_exceeded", "", Cause::Expired),
            ("insufficient_audio_activity", "", Cause::Expired),
            ("input_timeout_exceeded", "No input for 20 s.", Cause::Expired),
            ("invalid_request", "no such model", Cause::Refused),
            ("override_error", "Override for field 'prompt' is not allowed by config.", Cause::Refused),
            ("voice_id_does_not_exist", "", Cause::Refused),
            ("transcriber_error", "", Cause::Server),
            ("", "", Cause::Server),
        ];
        for (name, message, cause) in cases {
            let fault = complaint(name, message).into_fault();
            assert_eq!(fault.cause, cause, "{name}");
            assert!(!fault.message.is_empty());
        }
    }

    #[test]
    fn a_close_is_known_by_the_name_in_its_reason() {
        let cause = |reason| close(reason).map(|fault| fault.cause);
        assert_eq!(cause("session_time_limit_exceeded"), Some(Cause::Expired));
        assert_eq!(cause("input_timeout_exceeded"), Some(Cause::Expired));
        assert_eq!(cause("quota_exceeded"), Some(Cause::Quota));
        assert_eq!((cause(""), cause("NET-0001")), (None, None), "of another service, or without a name");
    }
}
