//! What went wrong, by what the caller can do about it.

use std::time::Duration;

use crate::chat::wait_in_words;

/// A failure that the user should hear of. Benign races are not faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of failure: decides what happens next.
    pub cause: Cause,
    /// The provider's code, if it gave one (`invalid_api_key`, …).
    pub code: Option<String>,
    /// The provider's words. May hold what the user said: for the screen, not for logs.
    pub message: String,
    /// How long a limit lasts, if that is told: only where there are too many requests.
    pub retry_after: Option<Duration>,
}

/// The decision a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The key is wrong or revoked, or none was sent.
    Credential,
    /// The key may not do this (permission, country, model not allowed for the account).
    Permission,
    /// No credit.
    Quota,
    /// Too many requests: later it works.
    RateLimited,
    /// The model or the settings were refused.
    Refused,
    /// The session reached its maximum length.
    Expired,
    /// The provider had trouble, or the connection broke.
    Server,
    /// One answer failed or was cut by the provider; the call goes on.
    Response,
}

impl Fault {
    /// A failure of which no wait is told.
    pub fn new(cause: Cause, code: Option<String>, message: impl Into<String>) -> Self {
        Self { cause, code, message: message.into(), retry_after: None }
    }

    /// The same, and what the provider's words tell of the wait where nothing else does.
    pub(crate) fn told(self) -> Self {
        let is_limit = self.cause == Cause::RateLimited;
        let wait = self.retry_after.or_else(|| wait_in_words(&self.message)).filter(|_| is_limit);
        Self { retry_after: wait, ..self }
    }

    /// The same as a matter of one answer, where the connection stays: only the user can ask again.
    pub(crate) fn of_answer(self) -> Self {
        match self.cause {
            Cause::Server => Self { cause: Cause::Response, ..self },
            Cause::Credential
            | Cause::Permission
            | Cause::Quota
            | Cause::RateLimited
            | Cause::Refused
            | Cause::Expired
            | Cause::Response => self,
        }
    }

    /// Whether opening another connection can help.
    pub fn is_transient(&self) -> bool {
        match self.cause {
            Cause::RateLimited | Cause::Expired | Cause::Server | Cause::Response => true,
            Cause::Credential | Cause::Permission | Cause::Quota | Cause::Refused => false,
        }
    }
}
