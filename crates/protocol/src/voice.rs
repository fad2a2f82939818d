//! Voices: who listens and speaks, over which legs.

use crate::chat::{self, ToolCall};
use crate::{Fault, Tool};

/// One road to a voice. A provider of whole conversations has one; a cascade has an ear and a mouth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// The one socket of a provider that listens, thinks and speaks.
    Voice,
    /// Speech to text.
    Ears,
    /// Text to speech.
    Mouth,
}

/// A WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// What came over a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
}

/// Names a question to a text model or an HTTP request, so that its answer finds home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errand(pub u64);

/// A question to the text model behind a voice that only listens and speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The system's instructions; empty = none.
    pub instructions: String,
    /// The conversation so far, the question last.
    pub messages: Vec<chat::Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
}

/// What comes of a [`Question`], in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Thought<'a> {
    /// More words.
    Delta(&'a str),
    /// It calls a tool of the question's.
    Call(&'a ToolCall),
    /// That was all.
    Done,
    /// It failed; words that came before stand.
    Failed(&'a Fault),
}

/// An HTTP request to the service of a leg, below the base URL that the caller knows for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Path below the base URL, query included: `audio/speech`.
    pub path: String,
    /// The body's `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What comes of a [`Post`], in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reply<'a> {
    /// More of the body of a good answer (2xx).
    Body(&'a [u8]),
    /// That was all.
    Done,
    /// It failed.
    Failed(&'a Fault),
}

/// Where a leg's socket is, below the base URL that the caller knows for its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which leg.
    pub leg: Leg,
    /// Path below the base URL: `v2/listen`.
    pub path: String,
    /// Query, not encoded yet.
    pub query: Vec<(&'static str, String)>,
}
