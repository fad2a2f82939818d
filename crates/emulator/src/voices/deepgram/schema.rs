//! The JSON schemas of Deepgram's text frames.

use std::sync::LazyLock;

use jsonschema::ValidatorMap;
use serde_json::Value;

/// One service, and what its frames are called in its schema.
pub(super) struct Schema {
    validators: Option<ValidatorMap>,
    prefix: &'static str,
}

pub(super) static LISTEN_V1: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/deepgram-listen-v1.schema.json"), "ListenV1"));
pub(super) static LISTEN_V2: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/deepgram-listen-v2.schema.json"), "ListenV2"));
pub(super) static SPEAK_V1: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/deepgram-speak-v1.schema.json"), "SpeakV1"));
pub(super) static SPEAK_V2: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/deepgram-speak-v2.schema.json"), "SpeakV2"));
pub(super) static AGENT_V1: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/deepgram-agent-v1.schema.json"), "AgentV1"));

impl Schema {
    fn of(text: &str, prefix: &'static str) -> Self {
        let schema = serde_json::from_str::<Value>(text).ok();
        Self { validators: schema.and_then(|schema| jsonschema::validator_map_for(&schema).ok()), prefix }
    }

    /// What a frame of this type breaks.
    pub(super) fn violation(&self, kind: &str, frame: &Value) -> Option<String> {
        let name = match (self.prefix, kind) {
            ("SpeakV1", "Speak") => "Text".to_owned(),
            ("ListenV2", "Error") => "FatalError".to_owned(),
            ("AgentV1", "FunctionCallResponse") => "SendFunctionCallResponse".to_owned(),
            _ => kind.to_owned(),
        };
        let place = format!("#/$defs/{}{name}", self.prefix);
        let Some(validator) = self.validators.as_ref().and_then(|validators| validators.get(&place)) else {
            return Some("no such message".to_owned());
        };
        validator.validate(frame).err().map(|error| error.masked().to_string())
    }
}
