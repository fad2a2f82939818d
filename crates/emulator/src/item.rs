//! Items of the conversation, and what they cost.

use std::time::Instant;

use serde_json::{Value, json};

use crate::schema;
use crate::sound;

/// One item: its JSON as the server tells it, and the audio that the JSON leaves out.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) json: Value,
    /// The user's audio, at 24 kHz; dropped from old items.
    pub(crate) pcm: Vec<i16>,
    /// Length of its audio, the user's or the assistant's.
    pub(crate) audio_ms: u64,
    /// When the last loud sample came in.
    pub(crate) last_loud: Option<Instant>,
}

impl Item {
    /// An item with this JSON and no audio.
    pub(crate) fn new(id: &str, mut json: Value) -> Self {
        json["id"] = id.into();
        json["object"] = "realtime.item".into();
        Self { id: id.to_owned(), json, pcm: Vec::new(), audio_ms: 0, last_loud: None }
    }

    /// A user item made of committed audio.
    pub(crate) fn spoken(id: &str, pcm: Vec<i16>, last_loud: Option<Instant>) -> Self {
        let content = json!([{"type": "input_audio", "transcript": null}]);
        let json = json!({"type": "message", "role": "user", "status": "completed", "content": content});
        let audio_ms = sound::millis(pcm.len());
        Self { pcm, audio_ms, last_loud, ..Self::new(id, json) }
    }

    /// An item as a client sent it; its audio moves from the JSON to `pcm`.
    pub(crate) fn created(id: &str, mut json: Value) -> Result<Self, &'static str> {
        json["status"] = "completed".into();
        let mut pcm = Vec::new();
        for part in json.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(audio) = part.as_object_mut().and_then(|part| part.remove("audio")) {
                pcm.extend(schema::decode(audio.as_str().unwrap_or_default())?);
                part.as_object_mut().map(|part| part.entry("transcript").or_insert(Value::Null));
            }
        }
        let audio_ms = sound::millis(pcm.len());
        Ok(Self { pcm, audio_ms, ..Self::new(id, json) })
    }

    pub(crate) fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    pub(crate) fn role(&self) -> &str {
        self.json["role"].as_str().unwrap_or_default()
    }

    pub(crate) fn has_audio_part(&self) -> bool {
        let parts = self.json["content"].as_array().into_iter().flatten();
        parts
            .into_iter()
            .any(|part| part["type"].as_str().is_some_and(|kind| kind.ends_with("_audio") || kind == "audio"))
    }

    /// All text in it.
    pub(crate) fn text(&self) -> String {
        let parts = self.json["content"].as_array().into_iter().flatten();
        let texts = parts.into_iter().filter_map(|part| part["text"].as_str().or_else(|| part["transcript"].as_str()));
        let own = ["output", "arguments"].into_iter().filter_map(|key| self.json[key].as_str());
        texts.chain(own).collect::<Vec<_>>().join(" ")
    }

    /// Its JSON with the user's audio put back, for `conversation.item.retrieved`.
    pub(crate) fn with_audio(&self) -> Value {
        let mut json = self.json.clone();
        if !self.pcm.is_empty() {
            for part in json["content"].as_array_mut().into_iter().flatten() {
                if part["type"] == "input_audio" {
                    part["audio"] = schema::encode(&self.pcm).into();
                }
            }
        }
        json
    }

    /// (text, audio) tokens: 4 characters a text token; 100 ms of the user's or 50 ms of the assistant's audio an audio token.
    pub(crate) fn tokens(&self) -> (u64, u64) {
        let audio = if self.role() == "assistant" { self.audio_ms.div_ceil(50) } else { self.audio_ms.div_ceil(100) };
        // Words heard are billed as audio, words said are both.
        let is_heard = self.role() == "user" && self.audio_ms > 0;
        (if is_heard { 0 } else { text_tokens(self.text().len()) }, audio)
    }
}

/// Text tokens in this many characters.
pub(crate) fn text_tokens(characters: usize) -> u64 {
    characters.div_ceil(4) as u64
}

/// Tokens that a response takes in and gives out; cached ones are part of the input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) text_in: u64,
    pub(crate) audio_in: u64,
    pub(crate) cached_text: u64,
    pub(crate) cached_audio: u64,
    pub(crate) text_out: u64,
    pub(crate) audio_out: u64,
}

impl Usage {
    pub(crate) fn total(self) -> u64 {
        self.text_in + self.audio_in + self.text_out + self.audio_out
    }

    /// As `response.done` tells it.
    pub(crate) fn json(self) -> Value {
        json!({
            "total_tokens": self.total(),
            "input_tokens": self.text_in + self.audio_in,
            "output_tokens": self.text_out + self.audio_out,
            "input_token_details": {
                "text_tokens": self.text_in, "audio_tokens": self.audio_in, "image_tokens": 0,
                "cached_tokens": self.cached_text + self.cached_audio,
                "cached_tokens_details": {"text_tokens": self.cached_text, "audio_tokens": self.cached_audio, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": self.text_out, "audio_tokens": self.audio_out},
        })
    }
}
