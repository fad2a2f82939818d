//! Why a connection did not come about.

use crate::api::{Code, Problem, Route};

/// Why a connection did not come about. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The server answered with something else than the upgrade.
    #[error("HTTP {status}: {detail}")]
    Http { status: u16, code: Option<i64>, detail: String, ray: Option<String> },
    /// Name, route or port cannot be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The proxy refused or cannot be reached.
    #[error("{0}")]
    Proxy(String),
    /// The secure connection could not be made.
    #[error("{0}")]
    Tls(String),
    /// A key would have gone over a plain connection to another machine; nothing was sent.
    #[error("a key is only sent over a plain connection to this computer itself")]
    Insecure,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

impl Refusal {
    /// Whether trying again can help.
    pub(crate) fn is_transient(&self) -> bool {
        false
    }

    /// What the user is told.
    pub(crate) fn problem(&self, _route: Route) -> Problem {
        Problem { code: Code::Internal, detail: self.to_string() }
    }
}
