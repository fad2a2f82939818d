//! Error codes and close codes as [`Fault`]s (OpenAI Realtime, observed 2026-08 … 2026-11).

use std::time::Duration;

use crate::{Cause, Fault};

/// The provider's words for a failure: an `error` event or the error of a failed response.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    /// Our id of the event that was refused.
    pub(crate) event_id: Option<String>,
    /// How long to wait, where that is told apart from the words.
    pub(crate) retry_after: Option<Duration>,
}

impl Complaint {
    /// A race of ordinary use that nobody needs to hear of.
    pub(super) fn is_benign(&self) -> bool {
        // A truncation that came too late: "Audio content of X ms is already shorter than Y ms".
        let is_overshoot = self.message.contains("already shorter than");
        is_overshoot
            || matches!(
                self.code.as_deref(),
                Some(
                    "response_cancel_not_active"
                        | "conversation_already_has_active_response"
                        | "input_audio_buffer_commit_empty"
                        | "item_truncate_invalid_item_id"
                        | "item_delete_invalid_item_id"
                )
            )
    }

    /// Whether the user has to do something about it, whatever was refused.
    pub(crate) fn is_grave(&self) -> bool {
        match self.clone().into_fault().cause {
            Cause::Credential | Cause::Permission | Cause::Quota | Cause::RateLimited | Cause::Expired => true,
            Cause::Refused | Cause::Server | Cause::Response => false,
        }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(crate) fn into_fault(self) -> Fault {
        let cause = self.code.as_deref().and_then(cause_of_code).unwrap_or_else(|| {
            if self.message.contains("Missing bearer") {
                return Cause::Credential;
            }
            match self.kind.as_deref() {
                Some("invalid_request_error") => Cause::Refused,
                Some("authentication_error") => Cause::Credential,
                Some("permission_error") => Cause::Permission,
                Some("insufficient_quota") => Cause::Quota,
                Some("rate_limit_error" | "rate_limit_exceeded" | "tokens" | "requests") => Cause::RateLimited,
                Some(_) | None => Cause::Server,
            }
        });
        let message = if self.message.is_empty() {
            self.code.clone().unwrap_or_else(|| "The provider reported an error without words.".to_owned())
        } else {
            self.message
        };
        Fault { retry_after: self.retry_after, ..Fault::new(cause, self.code, message) }.told()
    }
}

fn cause_of_code(code: &str) -> Option<Cause> {
    Some(match code {
        "invalid_api_key" | "account_deactivated" | "invalid_organization" | "token_expired" => Cause::Credential,
        "insufficient_permissions" | "forbidden" | "model_not_found" | "unsupported_country_region_territory" => {
            Cause::Permission
        }
        "insufficient_quota" | "credit_balance_exhausted" | "billing_hard_limit_reached" => Cause::Quota,
        "rate_limit_exceeded" | "inference_rate_limit_exceeded" => Cause::RateLimited,
        "missing_model"
        | "invalid_model"
        | "beta_api_shape_disabled"
        | "cannot_update_voice"
        | "unknown_parameter"
        | "missing_required_parameter"
        | "invalid_value"
        | "invalid_json"
        | "invalid_event"
        | "invalid_parameter"
        | "invalid_audio"
        | "immutable_field_update"
        | "integer_below_min_value"
        | "integer_above_max_value"
        | "string_above_max_length" => Cause::Refused,
        "session_expired" => Cause::Expired,
        "server_error" | "internal_error" => Cause::Server,
        _ => return None,
    })
}

/// A close without an `error` event before it. The reason is `<type>.<code>` or a sentence.
pub(super) fn fault_of_close(code: Option<u16>, reason: &str) -> Fault {
    let named = reason.rsplit('.').next().map(str::trim).filter(|word| cause_of_code(word).is_some());
    let cause = match (named.and_then(cause_of_code), code) {
        (Some(cause), _) => cause,
        (None, Some(1001)) if reason.contains("maximum duration") => Cause::Expired,
        (None, Some(3000)) => Cause::Credential,
        (None, Some(4004)) => Cause::Permission,
        (None, Some(1008 | 3001..=4999)) => Cause::Refused,
        (None, Some(_) | None) => Cause::Server,
    };
    let message = match code {
        _ if !reason.is_empty() => reason.to_owned(),
        Some(code) => format!("The provider closed the connection (code {code})."),
        None => "The connection was lost.".to_owned(),
    };
    Fault::new(cause, named.map(str::to_owned), message).told()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_ask_for_the_right_decision() {
        let cases = [
            (Some(3000), "invalid_request_error.invalid_api_key", Cause::Credential),
            (Some(3000), "invalid_request_error", Cause::Credential),
            (Some(3000), "invalid_request_error.insufficient_permissions", Cause::Permission),
            (Some(4000), "invalid_request_error.missing_model", Cause::Refused),
            (Some(4000), "", Cause::Refused),
            (Some(4004), "", Cause::Permission),
            (Some(1013), "insufficient_quota.insufficient_quota", Cause::Quota),
            (Some(1013), "", Cause::Server),
            (Some(1001), "Your session hit the maximum duration of 60 minutes.", Cause::Expired),
            (Some(1001), "", Cause::Server),
            (Some(1005), "", Cause::Server),
            (Some(1006), "", Cause::Server),
            (Some(1011), "", Cause::Server),
            (Some(1012), "", Cause::Server),
            (Some(1015), "", Cause::Server),
            (None, "", Cause::Server),
        ];
        for (code, reason, cause) in cases {
            let fault = fault_of_close(code, reason);
            assert_eq!(fault.cause, cause, "{code:?} {reason}");
            assert!(!fault.message.is_empty());
        }
    }

    #[test]
    fn errors_without_a_code_are_told_apart_by_type_and_words() {
        let complaint = |kind: &str, message: &str| Complaint {
            kind: Some(kind.to_owned()),
            message: message.to_owned(),
            ..Complaint::default()
        };
        let missing = complaint("invalid_request_error", "Missing bearer or basic authentication in header");
        assert_eq!(missing.into_fault().cause, Cause::Credential);
        assert_eq!(complaint("invalid_request_error", "no").into_fault().cause, Cause::Refused);
        assert_eq!(complaint("server_error", "oops").into_fault().cause, Cause::Server);
        assert_eq!(Complaint::default().into_fault().cause, Cause::Server);
    }
}
