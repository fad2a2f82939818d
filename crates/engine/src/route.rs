//! Ways to a provider: what to dial, and what to try next when it is refused.

use protocol::Fault;
use secrecy::SecretString;

use crate::api::{Code, Note, Problem};
use crate::config::Settings;
use crate::net::{Dial, Refusal};

/// The keys at hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    pub(crate) openai: Option<SecretString>,
    pub(crate) gateway: Option<SecretString>,
    pub(crate) endpoint: Option<SecretString>,
}

/// How the keys travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// As headers.
    Header,
    /// As headers, the gateway's token without `Bearer `.
    HeaderBare,
    /// As WebSocket subprotocols, which proxies may log.
    Subprotocol,
    /// Only the gateway's token: the gateway adds the key that is stored there.
    StoredKey,
}

/// Why a rung did not hold; all of it before the session was ready.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure<'a> {
    /// No WebSocket.
    Refused(&'a Refusal),
    /// The server said so.
    Fault(&'a Fault),
    /// The server closed.
    Closed { code: Option<u16> },
}

/// One try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) form: Form,
    pub(crate) outcome: String,
}

/// The connect ladder of one call.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    form: Form,
    trace: Vec<Rung>,
}

impl Ladder {
    /// The first rung; `remembered` is the form that worked before with the same route.
    pub(crate) fn new(_settings: &Settings, _practice_url: &str, _keys: &Keys, _remembered: Option<Form>) -> Result<Self, Problem> {
        Err(Problem { code: Code::NoCredential, detail: String::new() })
    }

    /// What to dial now.
    pub(crate) fn dial(&self) -> Dial {
        unreachable!()
    }

    /// How the keys travel now.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Whether another rung should be tried at once; moves to it.
    pub(crate) fn step(&mut self, _failure: &Failure<'_>) -> bool {
        false
    }

    /// What the user should know about the present form.
    pub(crate) fn note(&self) -> Option<Note> {
        None
    }

    /// The rungs that failed.
    pub(crate) fn trace(&self) -> &[Rung] {
        &self.trace
    }
}
