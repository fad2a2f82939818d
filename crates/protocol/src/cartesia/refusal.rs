//! Cartesia's errors as complaints.

use serde_json::Value;

use crate::openai::refusal::Complaint;

/// An `error` event. Versions before March 2026 have one `error` text in the place of title, message and code.
pub(super) fn complaint(frame: &Value) -> Complaint {
    let text = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let status = frame.get("status_code").and_then(Value::as_u64).unwrap_or_default();
    let kind = match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    };
    let words: Vec<&str> =
        ["title", "message", "error"].into_iter().map(text).filter(|text| !text.is_empty()).collect();
    Complaint {
        kind: Some(kind.to_owned()),
        code: Some(text("error_code").to_owned()).filter(|code| !code.is_empty()),
        message: words.join(": "),
        event_id: None,
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Cause;

    #[test]
    fn errors_ask_for_the_right_decision() {
        let cases = [
            (401, Cause::Credential),
            (402, Cause::Quota),
            (403, Cause::Permission),
            (429, Cause::RateLimited),
            (400, Cause::Refused),
            (404, Cause::Refused),
            (500, Cause::Server),
        ];
        for (status, cause) in cases {
            let frame = json!({ "type": "error", "title": "Oh", "message": "no.", "status_code": status });
            let fault = complaint(&frame).into_fault();
            assert_eq!((fault.cause, fault.message.as_str()), (cause, "Oh: no."), "{status}");
        }
        let old = complaint(&json!({ "type": "error", "error": "model not found" })).into_fault();
        assert_eq!((old.cause, old.message.as_str()), (Cause::Server, "model not found"));
        assert!(!complaint(&json!({})).into_fault().message.is_empty());
    }
}
