//! What a close means: Gemini tells errors in nothing else. The reason is cut at 123 bytes.

use crate::{Cause, Fault};

/// Words of a reason, its cause, and our name for it; the first that fits counts.
const REASONS: &[(&str, Cause, &str)] = &[
    ("api key", Cause::Credential, "invalid_api_key"),
    ("api_key", Cause::Credential, "invalid_api_key"),
    ("unauthenticated", Cause::Credential, "invalid_api_key"),
    ("authentication", Cause::Credential, "invalid_api_key"),
    ("user location", Cause::Permission, "unsupported_country_region_territory"),
    ("location is not supported", Cause::Permission, "unsupported_country_region_territory"),
    ("permission", Cause::Permission, "insufficient_permissions"),
    ("requests per minute", Cause::RateLimited, "rate_limit_exceeded"),
    ("rate limit", Cause::RateLimited, "rate_limit_exceeded"),
    ("quota", Cause::Quota, "insufficient_quota"),
    ("billing", Cause::Quota, "insufficient_quota"),
    ("credit", Cause::Quota, "insufficient_quota"),
    ("resource_exhausted", Cause::RateLimited, "rate_limit_exceeded"),
    ("resource has been exhausted", Cause::RateLimited, "rate_limit_exceeded"),
    ("is not found", Cause::Refused, "model_not_found"),
    ("not supported for bidi", Cause::Refused, "model_not_found"),
    ("not available", Cause::Refused, "model_not_found"),
    ("deadline", Cause::Expired, "session_expired"),
    ("duration", Cause::Expired, "session_expired"),
    ("session not found", Cause::Expired, "session_expired"),
    ("context", Cause::Expired, "session_expired"),
];

/// `None`: nothing of its own.
pub(super) fn of_close(code: u16, reason: &str) -> Option<Fault> {
    let words = reason.to_lowercase();
    let named = REASONS.iter().find(|(part, ..)| words.contains(part));
    let cause = match (named, code) {
        (Some((_, cause, _)), 1007 | 1008 | 1011 | 1013 | 4000..) => *cause,
        (None, 1007 | 1008) => Cause::Refused,
        (Some(_) | None, _) => return None,
    };
    let message = if reason.is_empty() {
        format!("The provider closed the connection (code {code}).")
    } else {
        reason.to_owned()
    };
    Some(Fault::new(cause, named.map(|(.., name)| (*name).to_owned()), message).told())
}

/// Whether a refused setup may be owed to the handle in it, so that one without it is worth a try.
pub(super) fn may_be_the_handle(fault: &Fault) -> bool {
    match fault.cause {
        Cause::Refused | Cause::Expired => fault.code.as_deref() != Some("model_not_found"),
        Cause::Credential | Cause::Permission | Cause::Quota | Cause::RateLimited | Cause::Server | Cause::Response => {
            false
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn closes_ask_for_the_right_decision() {
        let cases = [
            (1007, "API key not valid. Please pass a valid API key.", Cause::Credential),
            (1007, "API key expired. Please renew the API key.", Cause::Credential),
            (1007, "Request contains an invalid argument.", Cause::Refused),
            (1007, "User location is not supported for the API use.", Cause::Permission),
            (1007, "", Cause::Refused),
            (
                1008,
                "models/x is not found for API version v1beta, or is not supported for bidiGenerateContent.",
                Cause::Refused,
            ),
            (1008, "Your API key was reported as leaked. Please use another API key.", Cause::Credential),
            (1011, "You exceeded your current quota, please check your plan and billing details.", Cause::Quota),
            (1011, "Resource has been exhausted (e.g. check quota).", Cause::Quota),
            (1011, "Deadline expired before operation could complete.", Cause::Expired),
        ];
        for (code, reason, cause) in cases {
            let fault = of_close(code, reason).unwrap();
            assert_eq!(fault.cause, cause, "{code} {reason}");
            assert!(!fault.message.is_empty());
        }
        for (code, reason) in [(1000, ""), (1001, "quota"), (1011, "Internal error encountered."), (1012, "")] {
            assert_eq!(of_close(code, reason), None, "{code} {reason}");
        }
    }

    #[test]
    fn a_setup_is_tried_without_its_handle_only_when_that_may_help() {
        assert!(may_be_the_handle(&of_close(1007, "BidiGenerateContent session not found").unwrap()));
        assert!(may_be_the_handle(&of_close(1007, "Request contains an invalid argument.").unwrap()));
        assert!(!may_be_the_handle(&of_close(1007, "API key not valid.").unwrap()));
        assert!(!may_be_the_handle(&of_close(1008, "models/x is not found").unwrap()));
    }
}
