//! What the fake providers have seen, for tests to look at.

use serde_json::Value;

use super::provider::Provider;
use crate::record::{Credential, Purpose};

/// Everything seen since the start.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every HTTP request, in order of arrival.
    pub requests: Vec<Request>,
    /// Requests that came to another host than they were sent to, after the fault `redirect`.
    pub elsewhere: Vec<Request>,
    /// What was wrong with requests.
    pub violations: Vec<Violation>,
    /// Requests dropped from the front of `requests` because of `Script::keep`.
    pub dropped: usize,
}

impl Record {
    /// Requests for an answer that came to this provider, directly or through the gateway.
    pub fn of(&self, provider: &str) -> impl Iterator<Item = &Request> {
        let id = Provider::named(provider).id;
        self.requests.iter().filter(move |request| request.is_ask && request.provider == id)
    }

    /// How many requests for an answer came to this provider.
    pub fn count(&self, provider: &str) -> usize {
        self.of(provider).count()
    }

    /// Requests that are still being answered.
    pub fn live(&self) -> usize {
        self.requests.iter().filter(|request| request.end.is_none()).count()
    }
}

/// One HTTP request. Secrets in it are replaced by their [`crate::fingerprint`].
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Number since the start, from 0: what [`Violation::request`] refers to.
    pub number: usize,
    /// Id of the provider that was asked; with several steps, of the last one. Empty if none, `custom` if its name is
    /// not known.
    pub provider: String,
    /// The gateway on the way, if one was.
    pub via: Option<Passage>,
    /// Whether an answer was asked for, not a list, a token or a check.
    pub is_ask: bool,
    /// Such as `POST`.
    pub method: String,
    /// Path, such as `/groq/openai/v1/chat/completions`.
    pub path: String,
    /// Raw query string; the value of `key` in it is replaced.
    pub query: String,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Credentials found, and where.
    pub credentials: Vec<Credential>,
    /// The body as JSON; `null` if it is none.
    pub body: Value,
    /// Length of the body in bytes.
    pub body_bytes: usize,
    /// HTTP status answered; 0 while there is none.
    pub status: u16,
    /// How often providers were asked for it (more than once only by the gateway).
    pub attempts: usize,
    /// Bytes of the body answered so far.
    pub sent: usize,
    /// How it ended; `None` while it goes on.
    pub end: Option<End>,
}

impl Request {
    /// First value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The credential for this purpose, if one was sent.
    pub fn credential(&self, purpose: Purpose) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.purpose == purpose)
    }
}

/// A way through the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passage {
    /// Account id.
    pub account: String,
    /// Gateway id.
    pub gateway: String,
    /// What follows them: a provider's slug, `compat`, or nothing (the universal endpoint).
    pub slug: String,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All that was to be said was sent.
    Complete,
    /// The client went away before.
    ByClient,
    /// The server dropped the connection.
    Cut,
}

/// Something wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// [`Request::number`].
    pub request: usize,
    /// What is wrong, without the values.
    pub message: String,
}
