//! An answer in each format: in one piece, and as the events of a stream.

mod chat;
mod generate;
mod messages;
mod responses;

use serde_json::Value;

use super::provider::{Format, Provider};
use super::script::{Answer, Usage};

/// All that an answer is written from.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) provider: &'static Provider,
    /// The model that says it answers.
    pub(super) model: String,
    pub(super) answer: Answer,
    /// The answer's text, event by event.
    pub(super) words: Vec<String>,
    /// The answer's reasoning, event by event.
    pub(super) thoughts: Vec<String>,
    pub(super) usage: Usage,
    /// Whether the client asked for the usage in its stream.
    pub(super) is_usage_asked: bool,
    /// Makes ids differ.
    pub(super) number: usize,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; empty = none.
    pub(super) name: &'static str,
    pub(super) data: String,
    pub(super) mark: Mark,
}

/// Which part of a stream an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Some of the answer's text.
    Words,
    /// The mark of the end.
    Done,
    /// Any other.
    Other,
}

impl Event {
    pub(super) fn new(name: &'static str, data: &Value) -> Self {
        Self { name, data: data.to_string(), mark: Mark::Other }
    }

    /// Some of the answer's text.
    fn words(self) -> Self {
        Self { mark: Mark::Words, ..self }
    }

    /// The mark of the end.
    fn done(self) -> Self {
        Self { mark: Mark::Done, ..self }
    }
}

/// The answer in one piece.
pub(super) fn whole(format: Format, scene: &Scene) -> Value {
    match format {
        Format::Chat => chat::whole(scene),
        Format::Responses => responses::whole(scene),
        Format::Messages => messages::whole(scene),
        Format::Generate => generate::whole(scene),
    }
}

/// The answer as a stream.
pub(super) fn events(format: Format, scene: &Scene) -> Vec<Event> {
    match format {
        Format::Chat => chat::events(scene),
        Format::Responses => responses::events(scene),
        Format::Messages => messages::events(scene),
        Format::Generate => generate::events(scene),
    }
}

/// Harmless events that nobody knows, and what may stand between the others.
pub(super) fn noise(format: Format) -> Vec<Event> {
    match format {
        Format::Chat => chat::noise(),
        Format::Responses => responses::noise(),
        Format::Messages => messages::noise(),
        Format::Generate => generate::noise(),
    }
}

/// An error inside a stream; `body` is that of a refusal.
pub(super) fn error(format: Format, scene: &Scene, body: &Value) -> Event {
    match format {
        Format::Chat => chat::error(scene, body),
        Format::Responses => responses::error(scene, body),
        Format::Messages => Event::new("error", body),
        Format::Generate => Event::new("", body),
    }
}
