//! What is the same about a request on every wire.

use serde_json::{Value, json};

use super::{Effort, Message, Part, Request, Speaker, ToolCall, Wire, anthropic, google, openai, responses};
use crate::Role;

/// A request written for one wire: what goes behind the base URL, and the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Behind the provider's base URL, such as `/chat/completions`; may hold a query.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// What a provider does differently on the same wire. All `false`: the plainest form, which every server understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// The limit is called `max_completion_tokens` (OpenAI's newer models refuse `max_tokens`).
    pub max_completion_tokens: bool,
    /// Usage comes only when `stream_options.include_usage` asks for it.
    pub stream_options: bool,
    /// Takes [`Request::effort`]: `reasoning_effort`, `reasoning.effort`, `output_config.effort` or `thinkingLevel`,
    /// as the wire has it. Otherwise the effort is not sent.
    pub reasoning_effort: bool,
    /// Tells what it thinks apart from the answer only when `reasoning_format` is `parsed` (Groq).
    pub reasoning_format: bool,
    /// Keeps every answer unless `store` is `false` (OpenAI's Responses).
    pub store: bool,
    /// Searches the web only when it is given the tool `web_search` (Perplexity's Agent API).
    pub web_search: bool,
}

/// Writes a request. `is_stream`: whether the answer is to come as server-sent events.
pub fn write(wire: Wire, dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    match wire {
        Wire::OpenaiChat => openai::write(dialect, request, is_stream),
        Wire::OpenaiResponses => responses::write(dialect, request, is_stream),
        Wire::AnthropicMessages => anthropic::write(dialect, request, is_stream),
        Wire::GoogleGenerate => google::write(dialect, request, is_stream),
    }
}

impl Request {
    /// All instructions as one text, empty without any.
    pub(super) fn instructions(&self) -> String {
        let system = self.messages.iter().filter(|message| message.role == Speaker::System);
        system.map(Message::text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// What the user and the model said, without messages that are empty: Anthropic and Google refuse those.
    pub(super) fn dialogue(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.role != Speaker::System && !message.is_empty())
    }
}

impl Message {
    /// These words.
    pub fn of(role: Speaker, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text { text: text.into() }] }
    }

    /// Its texts, a blank line between them.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            Part::Image { .. } | Part::Call(_) | Part::Output { .. } => None,
        });
        texts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    fn is_empty(&self) -> bool {
        self.shown().next().is_none()
    }

    /// The parts that a provider is sent. A call is the model's, and what came of it is not.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Part> {
        let is_model = self.role == Speaker::Assistant;
        self.parts.iter().filter(move |part| match part {
            Part::Text { .. } => !part.is_empty(),
            Part::Image { .. } => self.has_image() && !part.is_empty(),
            Part::Call(_) => is_model,
            Part::Output { .. } => !is_model,
        })
    }

    /// Whether it needs more than one text.
    pub(super) fn is_plain(&self) -> bool {
        self.shown().all(|part| matches!(part, Part::Text { .. }))
    }

    /// The tools that the model called in it.
    pub(super) fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.shown().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            Part::Text { .. } | Part::Image { .. } | Part::Output { .. } => None,
        })
    }

    /// What came of the model's calls: the call's id, and the output.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (&String, &String)> {
        self.shown().filter_map(|part| match part {
            Part::Output { id, output, .. } => Some((id, output)),
            Part::Text { .. } | Part::Image { .. } | Part::Call(_) => None,
        })
    }

    /// Whether it needs more than text. Only the user shows pictures: no provider takes one back from its model.
    pub(super) fn has_image(&self) -> bool {
        self.role == Speaker::User
            && self.parts.iter().any(|part| matches!(part, Part::Image { data, .. } if !data.is_empty()))
    }
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            // Anthropic refuses a text of blanks too.
            Self::Text { text } => text.trim().is_empty(),
            Self::Image { data, .. } => data.is_empty(),
            Self::Call(_) | Self::Output { .. } => false,
        }
    }
}

impl ToolCall {
    /// The arguments as an object, as Anthropic and Google want them.
    pub(super) fn object(&self) -> Value {
        serde_json::from_str(&self.arguments).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
    }
}

impl Speaker {
    /// OpenAI's word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl From<Role> for Speaker {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Assistant => Self::Assistant,
        }
    }
}

impl Effort {
    /// The word that every wire has for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
