//! What a response consumed.

/// Tokens of one response (OpenAI Realtime: `response.done.response.usage`). Cached tokens are part of the input
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
}
