//! Text requests and answers, whatever the provider: what is asked, how it is written on each [`Wire`], and how the
//! answer is read, streamed or whole. No sockets: the caller moves [`Call`]s and feeds a [`Decoder`].

mod answer;
mod anthropic;
mod call;
mod calls;
mod decoder;
mod google;
mod limits;
mod moment;
mod openai;
mod raw;
mod redaction;
mod refusal;
mod responses;
#[cfg(test)]
mod tests;
mod usage;
mod verdict;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Tool;

pub(crate) use refusal::wait_in_words;

pub use call::{Call, Dialect, write};
pub use decoder::Decoder;
pub use limits::{RateLimit, rate_limit};
pub use raw::Raw;
pub use refusal::refusal;

/// A request, the same for every provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Model id as the provider spells it.
    pub model: String,
    /// The conversation, oldest first. A system message may only come first.
    pub messages: Vec<Message>,
    /// 0 to 2; `None`: the provider's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Most tokens of the answer; `None`: the provider's default (Anthropic needs one: 8192).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// How much the model should think; `None`: its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// What the model may call; what it called shows as [`Delta::Call`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// In place of `messages`, `temperature`, `effort` and `tools`; for [`Wire::OpenaiChat`] only. What comes of it shows as
    /// [`Delta::Raw`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Raw>,
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// As little as it can.
    Low,
    /// In between.
    Medium,
    /// Much.
    High,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whose.
    pub role: Speaker,
    /// What it consists of, in order.
    pub parts: Vec<Part>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Instructions.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// Such as `image/png`.
        mime: String,
        /// The file, base64.
        data: String,
    },
    /// The model called a tool. What came of each call of a message stands in the next message, which is the user's.
    Call(ToolCall),
    /// What came of a call.
    Output {
        /// The call's id and the tool's name.
        id: String,
        /// See `id`.
        name: String,
        /// Text, or JSON.
        output: String,
    },
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's name of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// A JSON object, as the model wrote it.
    pub arguments: String,
    /// What the provider wants to see again with this call (Google's `thoughtSignature`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// `POST …/chat/completions`, as by OpenAI and most others.
    OpenaiChat,
    /// `POST …/responses` (Perplexity's Agent API, OpenAI).
    OpenaiResponses,
    /// `POST …/messages` (Anthropic).
    AnthropicMessages,
    /// `POST …/models/{model}:streamGenerateContent?alt=sse` (Google AI Studio, Vertex AI).
    GoogleGenerate,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Delta {
    /// More of the answer.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// A source.
    Citation {
        /// Where.
        url: String,
        /// What it is called; may be empty.
        title: String,
    },
    /// A tool that the model called, told before the end of the answer; only of one that is whole.
    Call(ToolCall),
    /// A piece of the answer to a [`Raw`] request.
    Raw {
        /// JSON: the data of one event, or the whole body.
        data: String,
        /// Bytes of what the model says in it.
        said: usize,
    },
    /// The model that really answers, when it is told.
    Model(String),
    /// What was consumed so far; the last one counts.
    Usage(Tokens),
    /// What the provider says that this request costs, in nano-dollars; the last one counts. It beats every estimate
    /// (OpenRouter and Perplexity `usage.cost`, xAI `usage.cost_in_usd_ticks`).
    Charged(u64),
    /// The answer is over.
    Finished(Finish),
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Said all.
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// The provider withheld it.
    Filtered,
    /// It wanted a tool.
    Tool,
}

/// Tokens of one answer. Cached and written ones are part of `input`, reasoning ones part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// All of the prompt.
    pub input: u64,
    /// Of these, read from the provider's cache.
    pub cached: u64,
    /// Of these, written to the provider's cache (Anthropic).
    pub cache_written: u64,
    /// All of the answer, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
    /// Of the input, audio.
    pub input_audio: u64,
    /// Of the output, audio.
    pub output_audio: u64,
}

/// What went wrong, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The key is missing, wrong, or not allowed to.
    Credential,
    /// No credit left; waiting does not help.
    Quota,
    /// Too many requests; waiting helps.
    RateLimited,
    /// The provider has no such model.
    Model,
    /// The server knows nothing at this address, or points to another one.
    Address,
    /// The conversation is longer than the model takes.
    TooLong,
    /// The request is wrong in another way.
    Invalid,
    /// The provider or a guardrail of the gateway will not answer this.
    Refused,
    /// The provider is overloaded or failed.
    Unavailable,
    /// Nothing came in time.
    TimedOut,
    /// There is no way to the server.
    Unreachable,
    /// The stream broke off, or what came makes no sense.
    Broken,
    /// The gateway itself: its token, its address, its settings.
    Gateway,
    /// A budget of the user's own is spent.
    Budget,
    /// The user stopped it.
    Cancelled,
}

/// A refusal or a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What can be done about it.
    pub kind: FailureKind,
    /// The provider's words, without secrets; at most 500 characters.
    pub message: String,
    /// The provider's or gateway's code, if any.
    pub code: Option<String>,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Wait this long before the next try.
    #[serde(default, skip)]
    pub retry_after: Option<Duration>,
}

impl FailureKind {
    /// Whether the same request may work at the same provider a moment later.
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::TimedOut | Self::Unreachable | Self::Broken => true,
            Self::Credential
            | Self::Quota
            | Self::Model
            | Self::Address
            | Self::TooLong
            | Self::Invalid
            | Self::Refused
            | Self::Gateway
            | Self::Budget
            | Self::Cancelled => false,
        }
    }
}

impl Failure {
    /// A failure in our own words or somebody else's: cut to 500 characters, and without anything that looks like a key.
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: redaction::presentable(message.as_ref()), code: None, status: None, retry_after: None }
    }

    /// More was to come, and nobody says why it does not.
    pub fn broken_off() -> Self {
        Self::new(FailureKind::Broken, "The answer broke off.")
    }
}
