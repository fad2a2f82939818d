//! The session object: what it is at first, and how updates change it.

use serde_json::{Value, json};

use crate::schema::Refusal;

const INSTRUCTIONS: &str = "You are the practice partner. Repeat what the user says.";

/// The effective session, as `session.created` and `session.updated` tell it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) json: Value,
    /// The voice is fixed by the first assistant audio.
    pub(crate) is_voice_locked: bool,
}

/// How the server takes turns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turns {
    /// 0..1.
    pub(crate) threshold: f32,
    pub(crate) prefix_ms: u64,
    pub(crate) silence_ms: u64,
    pub(crate) creates_response: bool,
    pub(crate) interrupts_response: bool,
    pub(crate) idle_ms: Option<u64>,
}

impl Session {
    /// A session as the live server opens it; `expires_at` in Unix seconds.
    pub(crate) fn new(id: &str, model: &str, expires_at: u64) -> Self {
        let format = json!({"type": "audio/pcm", "rate": 24_000});
        let json = json!({
            "type": "realtime", "object": "realtime.session", "id": id, "model": model,
            "output_modalities": ["audio"], "instructions": INSTRUCTIONS, "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": expires_at, "include": null,
            "audio": {
                "input": {"format": format, "transcription": null, "noise_reduction": null, "turn_detection": server_vad()},
                "output": {"format": format, "voice": "alloy", "speed": 1.0},
            },
        });
        Self { json, is_voice_locked: false }
    }

    /// Applies the `session` of an update, or nothing of it.
    pub(crate) fn update(&mut self, change: &Value) -> Result<(), Refusal> {
        self.check(change)?;
        for (key, value) in change.as_object().into_iter().flatten() {
            match key.as_str() {
                "type" | "model" => {}
                "audio" => self.update_audio(value),
                _ => set(&mut self.json, key, value.clone()),
            }
        }
        Ok(())
    }

    fn update_audio(&mut self, change: &Value) {
        for side in ["input", "output"] {
            for (key, value) in change.get(side).and_then(Value::as_object).into_iter().flatten() {
                // An object given in part gets the rest from the defaults, not from what was there.
                let value = if key == "turn_detection" { completed(value) } else { value.clone() };
                if let Some(target) = self.json.get_mut("audio").and_then(|audio| audio.get_mut(side)) {
                    set(target, key, value);
                }
            }
        }
    }

    fn check(&self, change: &Value) -> Result<(), Refusal> {
        let refuse = |code, param: &str, message: &str| Err(Refusal::new(code, Some(param), message));
        if change.get("type").and_then(Value::as_str) != Some("realtime") {
            return refuse(
                None,
                "session.type",
                "Passing a transcription session update to a realtime session is not allowed.",
            );
        }
        if change.get("model").is_some_and(|model| model != &self.json["model"]) {
            return refuse(Some("invalid_value"), "session.model", "The model of a session cannot be changed.");
        }
        if change.get("reasoning").is_some_and(|reasoning| !reasoning.is_null()) && !self.can_reason() {
            return refuse(Some("unknown_parameter"), "session.reasoning", "This model does not reason.");
        }
        if self.is_voice_locked && change.pointer("/audio/output/voice").is_some() {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return refuse(Some("cannot_update_voice"), "session.audio.output.voice", message);
        }
        for side in ["input", "output"] {
            let kind = change.pointer(&format!("/audio/{side}/format/type")).and_then(Value::as_str);
            if kind.is_some_and(|kind| kind != "audio/pcm") {
                let param = format!("session.audio.{side}.format.type");
                return refuse(Some("invalid_value"), &param, "This emulator speaks audio/pcm only.");
            }
        }
        Ok(())
    }

    /// Earlier models refuse the key `reasoning`.
    fn can_reason(&self) -> bool {
        let model = self.json["model"].as_str().unwrap_or_default();
        !["gpt-realtime", "gpt-realtime-mini", "gpt-realtime-1.5"].contains(&model) && !model.contains("2025")
    }

    /// Voice detection; `None` = the client commits.
    pub(crate) fn turns(&self) -> Option<Turns> {
        let detection = self.json.pointer("/audio/input/turn_detection")?;
        let millis = |key: &str| detection.get(key).and_then(Value::as_u64);
        let is_on = |key: &str| detection.get(key).and_then(Value::as_bool).unwrap_or(true);
        // Meaning cannot be judged here, so patience stands in for it.
        let silence_ms = match (detection.get("type")?.as_str()?, detection.get("eagerness").and_then(Value::as_str)) {
            ("server_vad", _) => millis("silence_duration_ms").unwrap_or(200),
            (_, Some("low")) => 1500,
            (_, Some("high")) => 400,
            _ => 800,
        };
        Some(Turns {
            threshold: detection.get("threshold").and_then(Value::as_f64).unwrap_or(0.5) as f32,
            prefix_ms: millis("prefix_padding_ms").unwrap_or(300),
            silence_ms,
            creates_response: is_on("create_response"),
            interrupts_response: is_on("interrupt_response"),
            idle_ms: millis("idle_timeout_ms"),
        })
    }

    /// Model that writes down the user's speech, if one is asked for.
    pub(crate) fn transcription_model(&self) -> Option<&str> {
        let transcription = self.json.pointer("/audio/input/transcription")?.as_object()?;
        Some(transcription.get("model").and_then(Value::as_str).unwrap_or("gpt-4o-mini-transcribe"))
    }

    /// Whether answers are spoken, unless a response says otherwise.
    pub(crate) fn is_spoken(&self) -> bool {
        is_spoken(&self.json["output_modalities"]).unwrap_or(true)
    }

    /// Characters that stand at the front of every context: instructions and tools.
    pub(crate) fn preamble(&self) -> usize {
        let tools = if self.json["tools"].as_array().is_some_and(|tools| !tools.is_empty()) {
            self.json["tools"].to_string().len()
        } else {
            0
        };
        self.json["instructions"].as_str().map_or(0, str::len) + tools
    }
}

/// What a list of modalities says.
pub(crate) fn is_spoken(modalities: &Value) -> Option<bool> {
    modalities.get(0).and_then(Value::as_str).map(|modality| modality == "audio")
}

fn server_vad() -> Value {
    json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
           "idle_timeout_ms": null, "create_response": true, "interrupt_response": true})
}

fn completed(detection: &Value) -> Value {
    let mut whole = match detection.get("type").and_then(Value::as_str) {
        Some("server_vad") => server_vad(),
        Some(_) => {
            json!({"type": "semantic_vad", "eagerness": "auto", "create_response": true, "interrupt_response": true})
        }
        None => return Value::Null,
    };
    for (key, value) in detection.as_object().into_iter().flatten() {
        set(&mut whole, key, value.clone());
    }
    whole
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
