//! What a refusal of fal's (or of the gateway before it) asks the user to do.

use protocol::chat::{Failure, FailureKind};
use serde_json::Value;

/// Longest reason that is kept, characters.
const LONGEST: usize = 300;

/// By status and body: `{"detail": "…"}`, or `{"detail": [{"msg": …, "type": …}]}` (fal: errors); Cloudflare's own errors
/// say `success: false`.
pub(super) fn of(status: u16, body: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let detail = value.get("detail");
    let first = detail.and_then(|detail| detail.get(0));
    let code = first.and_then(|first| first.get("type")?.as_str()).map(str::to_owned);
    let words = detail
        .and_then(Value::as_str)
        .or_else(|| first?.get("msg")?.as_str())
        .or_else(|| value.pointer("/error/0/message")?.as_str())
        .or_else(|| value.pointer("/errors/0/message")?.as_str())
        .or_else(|| value.get("error")?.as_str())
        .unwrap_or_default();
    let lower = format!("{} {words}", code.as_deref().unwrap_or_default()).to_lowercase();
    let has = |marks: &[&str]| marks.iter().any(|mark| lower.contains(mark));
    let is_gateways = value.get("success").and_then(Value::as_bool) == Some(false);
    let kind = match status {
        400..=499 if is_gateways => FailureKind::Gateway,
        401 => FailureKind::Credential,
        402 => FailureKind::Quota,
        403 if has(&["balance", "locked", "credit"]) => FailureKind::Quota,
        403 => FailureKind::Credential,
        404 => FailureKind::Model,
        408 | 504 => FailureKind::TimedOut,
        429 => FailureKind::RateLimited,
        400 | 422 if has(&["content_policy", "content policy", "safety", "nsfw"]) => FailureKind::Refused,
        300..=399 => FailureKind::Broken,
        400..=499 => FailureKind::Invalid,
        _ => FailureKind::Unavailable,
    };
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    let message = match status {
        300..=399 => "fal answered with a redirect, which is not followed".to_owned(),
        _ if words.is_empty() => format!("fal answered with HTTP {status}"),
        _ => words,
    };
    Failure { code, status: Some(status), ..Failure::new(kind, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_ask_for_the_right_decision() {
        let cases: [(u16, &str, FailureKind); 12] = [
            (401, r#"{"detail":"Cannot access application. Authentication is required."}"#, FailureKind::Credential),
            (403, r#"{"detail":"User is locked. Reason: Exhausted balance."}"#, FailureKind::Quota),
            (403, r#"{"detail":"Forbidden"}"#, FailureKind::Credential),
            (404, r#"{"detail":"Application not found"}"#, FailureKind::Model),
            (422, r#"{"detail":[{"msg":"No.","type":"content_policy_violation"}]}"#, FailureKind::Refused),
            (422, r#"{"detail":[{"msg":"field required","type":"missing"}]}"#, FailureKind::Invalid),
            (429, r#"{"detail":"Too many"}"#, FailureKind::RateLimited),
            (504, "", FailureKind::TimedOut),
            (500, "<html>", FailureKind::Unavailable),
            (302, "", FailureKind::Broken),
            (401, r#"{"success":false,"error":[{"code":2009,"message":"Unauthorized"}]}"#, FailureKind::Gateway),
            (418, "[]", FailureKind::Invalid),
        ];
        for (status, body, kind) in cases {
            let failure = of(status, body.as_bytes());
            assert_eq!((failure.kind, failure.status), (kind, Some(status)), "{status} {body}");
            assert!(!failure.message.is_empty());
        }
    }
}
