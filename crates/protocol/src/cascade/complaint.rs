//! Faults of text models and HTTP services, as complaints of the conversation's provider.

use crate::openai::refusal::Complaint;
use crate::{Cause, Fault};

/// The same failure in the words that the conversation reads.
pub(crate) fn complaint_of(fault: &Fault) -> Complaint {
    let kind = match fault.cause {
        Cause::Credential => "authentication_error",
        Cause::Permission => "permission_error",
        Cause::Quota => "insufficient_quota",
        Cause::RateLimited => "rate_limit_error",
        Cause::Refused => "invalid_request_error",
        Cause::Expired | Cause::Server | Cause::Response => "server_error",
    };
    Complaint {
        kind: Some(kind.to_owned()),
        code: fault.code.clone(),
        message: fault.message.clone(),
        event_id: None,
        retry_after: fault.retry_after,
    }
}

/// Trouble of a service, in our own words.
pub(crate) fn trouble(message: &str) -> Complaint {
    Complaint { kind: Some("server_error".to_owned()), message: message.to_owned(), ..Complaint::default() }
}
