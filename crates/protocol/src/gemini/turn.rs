//! Whose turn it is, as far as the provider tells.
//!
//! A turn of the model ends twice: `generationComplete` when all of it was made, `turnComplete` when it should have been
//! heard. In between the provider still counts as speaking, and can be interrupted; for the conversation the answer is
//! over with the first. A cancelled answer goes on at the provider until one of the two comes, or `interrupted`.

use std::time::Instant;

use crate::pcm::Pieces;

/// What the provider is doing.
#[derive(Debug)]
pub(super) enum Turn {
    /// It listens.
    None,
    /// It answers.
    Heard(Response),
    /// It answers and nobody wants to know.
    Dropped,
    /// No more sound of its answer will come; `turnComplete` is still to come.
    Over,
}

/// An answer that the conversation follows.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) name: String,
    pub(super) item: String,
    pub(super) is_written: bool,
    /// Something of it could be heard or read.
    pub(super) has_content: bool,
    /// Words of its sound came.
    pub(super) has_words: bool,
    /// Its sound, whose pieces may end in the middle of a sample.
    pub(super) pieces: Pieces,
    /// All of it was made, and its last captions are waited for until then.
    pub(super) tail: Option<Instant>,
}

/// What the user said last, or is saying.
#[derive(Debug)]
pub(super) struct User {
    pub(super) item: String,
    /// Open microphone: the end of it has not been told.
    pub(super) is_speaking: bool,
    /// Its words were told as final.
    pub(super) is_final: bool,
}

impl Turn {
    pub(super) fn response_mut(&mut self) -> Option<&mut Response> {
        match self {
            Self::Heard(response) => Some(response),
            Self::None | Self::Dropped | Self::Over => None,
        }
    }

    pub(super) fn tail(&self) -> Option<Instant> {
        match self {
            Self::Heard(response) => response.tail,
            Self::None | Self::Dropped | Self::Over => None,
        }
    }

    pub(super) fn is_heard(&self) -> bool {
        matches!(self, Self::Heard(_))
    }
}
