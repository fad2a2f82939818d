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
