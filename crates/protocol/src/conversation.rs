//! The items of a conversation, as the user sees them.

use std::time::Duration;

use crate::{Fault, Usage};

/// Our own name of an item: it stays the same over reconnects (the provider's ids do not).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// How it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// By voice.
    Spoken,
    /// In writing.
    Typed,
    /// The model asked for a tool.
    ToolCall {
        /// The tool's name.
        name: String,
    },
}

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The user is speaking it.
    Recording,
    /// On its way to the provider or waiting for its answer on a live connection.
    Sent,
    /// Kept here: it could not be sent or was not answered. It goes out with the next connection.
    Kept,
    /// A user item that was answered.
    Answered,
    /// An assistant item that is being generated.
    Arriving,
    /// An assistant item that is whole.
    Complete,
    /// An assistant item that was cut short by the user.
    Interrupted,
    /// An assistant item that the provider ended early (failed, incomplete), or a user item it refused.
    Failed,
}

/// One thing that was said or written.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Stable id.
    pub id: ItemId,
    /// Who.
    pub role: Role,
    /// How.
    pub kind: Kind,
    /// The words: message, caption, or the heard part of an interrupted answer.
    pub text: String,
    /// The tail of an interrupted answer that was generated and never heard; empty otherwise.
    pub unheard: String,
    /// Whether `text` can still change.
    pub is_final: bool,
    /// How far it has come.
    pub delivery: Delivery,
    /// Audio spoken (user) or received (assistant).
    pub duration: Duration,
    /// How much of an interrupted answer was really played.
    pub heard: Option<Duration>,
    /// Tokens of the response that made this item (on the last item of a response); `None` = unknown.
    pub usage: Option<Usage>,
    /// Why it failed or waits, in the provider's words.
    pub fault: Option<Fault>,
}
