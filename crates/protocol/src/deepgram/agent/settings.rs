//! What a Voice Agent is told about itself.

use serde_json::{Value, json};

use super::super::{Setup, flux_voice, is_push_to_talk, language, patience};
use crate::{Config, SAMPLE_RATE, Tool};

/// Names the messages of a conversation that went before.
pub(super) type History = Vec<(&'static str, String)>;

impl Setup {
    /// Whether the ear knows turns, and can be told that one is over.
    pub(super) fn knows_turns(&self) -> bool {
        self.listen_model.starts_with("flux")
    }

    /// `answers`: the agent may end turns by itself.
    pub(super) fn listen(&self, config: &Config, answers: bool) -> Value {
        let model = self.listen_model.trim();
        let mut provider = if self.knows_turns() {
            let (threshold, timeout_ms) = if is_push_to_talk(config) || !answers {
                (1.0, 30_000) // 1.0: never by itself
            } else {
                let patience = patience(config);
                (0.6 + 0.3 * f64::from(patience), 2_000 + (6_000.0 * patience) as u32)
            };
            let threshold = (threshold * 100.0).round() / 100.0;
            json!({
                "type": "deepgram",
                "version": "v2",
                "model": model,
                "eot_threshold": threshold,
                "eot_timeout_ms": timeout_ms,
            })
        } else {
            json!({ "type": "deepgram", "version": "v1", "model": model, "smart_format": true })
        };
        if let (Some(language), Some(object)) = (language(config), provider.as_object_mut()) {
            match (self.knows_turns(), model.contains("multi")) {
                (true, true) => drop(object.insert("language_hints".into(), json!([language]))),
                (true, false) => {}
                (false, _) => drop(object.insert("language".into(), json!(language))),
            }
        }
        json!({ "provider": provider })
    }

    pub(super) fn speak(&self, config: &Config) -> Value {
        let model = self.speak_model.trim();
        let mut provider = json!({ "type": "deepgram", "model": model });
        if let Some(object) = provider.as_object_mut() {
            let is_flux = model.starts_with("flux");
            if is_flux {
                object.insert("version".into(), json!("v2"));
            }
            let of_aura =
                || config.speed.filter(|speed| speed.is_finite() && *speed != 1.0).map(|speed| speed.clamp(0.7, 1.5));
            let speed = if is_flux { flux_voice::speed(config) } else { of_aura().map(f64::from) };
            if let Some(speed) = speed {
                object.insert("speed".into(), json!((speed * 100.0).round() / 100.0));
            }
        }
        json!({ "provider": provider })
    }

    pub(super) fn think(&self, config: &Config) -> Value {
        let mut think = json!({
            "provider": { "type": self.think_provider.trim(), "model": self.think_model.trim() },
        });
        let Some(object) = think.as_object_mut() else { return think };
        if !config.instructions.is_empty() {
            object.insert("prompt".into(), json!(config.instructions));
        }
        if !config.tools.is_empty() {
            let function = |tool: &Tool| json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters });
            object.insert("functions".into(), config.tools.iter().map(function).collect());
        }
        think
    }

    /// The first frame, with the conversation so far.
    pub(super) fn settings(&self, config: &Config, answers: bool, history: &History) -> Value {
        let mut agent = json!({
            "listen": self.listen(config, answers),
            "think": self.think(config),
            "speak": self.speak(config),
        });
        if let (false, Some(object)) = (history.is_empty(), agent.as_object_mut()) {
            let message =
                |(role, content): &(&str, String)| json!({ "type": "History", "role": role, "content": content });
            let messages: Vec<Value> = history.iter().map(message).collect();
            object.insert("context".into(), json!({ "messages": messages }));
        }
        json!({
            "type": "Settings",
            "audio": {
                "input": { "encoding": "linear16", "sample_rate": SAMPLE_RATE },
                "output": { "encoding": "linear16", "sample_rate": SAMPLE_RATE, "container": "none" },
            },
            "agent": agent,
        })
    }
}
