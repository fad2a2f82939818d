//! What a response consumed.

use std::time::Duration;

/// Tokens of one response, or time of a voice that is paid by the second (OpenAI Realtime: `response.done.response.usage`). Cached tokens are part of the input
/// counts, not extra.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Text tokens of the whole context.
    pub input_text: u64,
    /// Audio tokens of the whole context.
    pub input_audio: u64,
    /// How many of `input_text` came from the provider's cache.
    pub cached_text: u64,
    /// How many of `input_audio` came from the provider's cache.
    pub cached_audio: u64,
    /// Text tokens generated.
    pub output_text: u64,
    /// Audio tokens generated.
    pub output_audio: u64,
    /// How long the session was open, answers and silence, since the response before this one; zero where tokens count.
    pub session: Duration,
}

impl Usage {
    /// Of each count what `combine` makes of the two.
    fn with(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            input_text: combine(self.input_text, other.input_text),
            input_audio: combine(self.input_audio, other.input_audio),
            cached_text: combine(self.cached_text, other.cached_text),
            cached_audio: combine(self.cached_audio, other.cached_audio),
            output_text: combine(self.output_text, other.output_text),
            output_audio: combine(self.output_audio, other.output_audio),
            session: self.session,
        }
    }

    /// What both know of the same response: neither need be whole.
    pub(crate) fn most(self, other: Self) -> Self {
        Self { session: self.session.max(other.session), ..self.with(other, u64::max) }
    }

    /// What this has beyond an earlier state of the same response.
    #[must_use]
    pub fn beyond(self, earlier: Self) -> Self {
        Self { session: self.session.saturating_sub(earlier.session), ..self.with(earlier, u64::saturating_sub) }
    }
}
