//! The commands that we send (GPT-Live over WebSocket, types of OpenAI's Python SDK 3.52.0).
//!
//! The server refuses keys that it does not know anywhere in them: absent options are left out.

use serde::Serialize;

use crate::SAMPLE_RATE;

/// A command with its id, which an acknowledgement or a refusal names. Sound is not acknowledged and has none.
#[derive(Serialize)]
pub(super) struct Frame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_id: Option<String>,
    #[serde(flatten)]
    pub(super) event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Event<'a> {
    #[serde(rename = "session.start")]
    Start { session: Session<'a> },
    #[serde(rename = "session.input_audio.append")]
    Audio {
        #[serde(rename = "audio", serialize_with = "crate::pcm::serialize")]
        pcm: &'a [i16],
    },
    #[serde(rename = "session.instructions.append")]
    Instructions(Text<'a>),
    #[serde(rename = "session.thinking.append")]
    Thinking(Text<'a>),
    #[serde(rename = "session.commentary.append")]
    Commentary(Text<'a>),
}

/// What one of the three appends carries. The delegation is named even where there is none (`null`).
#[derive(Serialize)]
pub(super) struct Text<'a> {
    pub(super) content: &'a str,
    pub(super) delegation_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Session<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    audio: Audio<'a>,
    delegation: Delegation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    input: Vec<Message<'a>>,
    store: bool,
}

#[derive(Serialize)]
struct Audio<'a> {
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output<'a>>,
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    rate: u32,
}

#[derive(Serialize)]
struct Output<'a> {
    voice: &'a str,
}

#[derive(Serialize)]
struct Delegation {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement_delay_ms: Option<u32>,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    content: [Part<'a>; 1],
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
}

impl<'a> Session<'a> {
    /// `history`: the conversation so far, within the limits of the provider. `is_plain`: without the option that not
    /// every server knows yet.
    pub(super) fn new(
        model: &'a str,
        voice: &'a str,
        instructions: &'a str,
        history: impl Iterator<Item = (crate::Role, &'a str)>,
        is_plain: bool,
    ) -> Self {
        let message = |(role, text)| match role {
            crate::Role::User => Message { kind: "message", role: "user", content: [Part::InputText { text }] },
            crate::Role::Assistant => {
                Message { kind: "message", role: "assistant", content: [Part::OutputText { text }] }
            }
        };
        Self {
            model,
            instructions,
            audio: Audio {
                format: Format { kind: "audio/pcm", rate: SAMPLE_RATE },
                output: Some(Output { voice }).filter(|output| !output.voice.is_empty()),
            },
            delegation: Delegation { kind: "client", acknowledgement_delay_ms: (!is_plain).then_some(600) },
            input: history.map(message).collect(),
            // What is stored is stored for 30 days, sound included.
            store: false,
        }
    }
}
