//! What we send. Only fields that every model takes: an unknown one ends the connection (close 1007).

use serde_json::{Value, json};

use super::Setup;
use crate::{Config, Detector, Tool, TurnTaking, pcm};

/// Something that was said, as text.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) is_by_user: bool,
    pub(super) text: String,
}

/// The first message of a connection.
pub(super) fn setup(setup: &Setup, config: &Config, handle: Option<&str>) -> Value {
    let mut generation = json!({ "responseModalities": ["AUDIO"] });
    if !config.voice.is_empty() {
        generation["speechConfig"] = json!({ "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": config.voice } } });
    }
    if let Some(level) = thinking_level(&setup.model, config.reasoning_effort.as_deref()) {
        generation["thinkingConfig"] = json!({ "thinkingLevel": level });
    }
    let mut fields = json!({
        "model": model_path(&setup.model),
        "generationConfig": generation,
        "realtimeInputConfig": { "automaticActivityDetection": detection(config.turn_taking) },
        "outputAudioTranscription": {},
        "sessionResumption": handle.map_or_else(|| json!({}), |handle| json!({ "handle": handle })),
        "contextWindowCompression": compression(setup, config),
    });
    if !config.tools.is_empty() {
        let declarations: Vec<Value> = config.tools.iter().map(declaration).collect();
        fields["tools"] = json!([{ "functionDeclarations": declarations }]);
    }
    if !config.instructions.is_empty() {
        fields["systemInstruction"] = json!({ "parts": [{ "text": config.instructions }] });
    }
    if let Some(transcription) = &config.transcription {
        fields["inputAudioTranscription"] = match &transcription.language {
            Some(language) => json!({ "languageCodes": [language] }),
            None => json!({}),
        };
    }
    json!({ "setup": fields })
}

fn declaration(tool: &Tool) -> Value {
    json!({ "name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters })
}

fn model_path(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

/// Only the model that thinks while it talks takes a level, and it needs one (it has no `MINIMAL`).
fn thinking_level(model: &str, effort: Option<&str>) -> Option<&'static str> {
    let level = match effort {
        Some("medium") => "MEDIUM",
        Some("high" | "xhigh") => "HIGH",
        Some(_) | None => "LOW",
    };
    model.contains("extended-thinking").then_some(level)
}

fn detection(turn_taking: TurnTaking) -> Value {
    match turn_taking {
        TurnTaking::PushToTalk => json!({ "disabled": true }),
        TurnTaking::Open { detector: Detector::Silence, .. } => json!({ "silenceDurationMs": silence_ms(turn_taking) }),
        TurnTaking::Open { detector: Detector::Meaning, patience } => {
            let end = if patience < 0.5 { "END_SENSITIVITY_HIGH" } else { "END_SENSITIVITY_LOW" };
            json!({ "silenceDurationMs": silence_ms(turn_taking), "endOfSpeechSensitivity": end })
        }
    }
}

/// How much silence ends a turn: 300 ms (quick) ..= 1200 ms (patient), linear.
pub(super) fn silence_ms(turn_taking: TurnTaking) -> u32 {
    match turn_taking {
        TurnTaking::PushToTalk => 0,
        TurnTaking::Open { patience, .. } => {
            let patience = if patience.is_finite() { patience.clamp(0.0, 1.0) } else { 0.5 };
            (300.0 + 900.0 * patience).round() as u32
        }
    }
}

/// Without it a session ends after 15 minutes of sound; every turn is billed with the whole context besides.
fn compression(setup: &Setup, config: &Config) -> Value {
    let mut compression = json!({ "slidingWindow": {} });
    if let Some(trigger) = setup.compressed_at {
        compression["triggerTokens"] = json!(trigger);
        if let Some(ratio) = config.retention_ratio.filter(|ratio| ratio.is_finite()) {
            let kept = (f64::from(trigger) * f64::from(ratio.clamp(0.0, 1.0))) as u32;
            compression["slidingWindow"]["targetTokens"] = json!(kept);
        }
    }
    compression
}

pub(super) fn audio(sound: &[i16]) -> Value {
    let mime = format!("audio/pcm;rate={}", super::HEARD_RATE);
    json!({ "realtimeInput": { "audio": { "data": pcm::base64(&pcm::bytes(sound)), "mimeType": mime } } })
}

pub(super) fn activity_start() -> Value {
    json!({ "realtimeInput": { "activityStart": {} } })
}

pub(super) fn activity_end() -> Value {
    json!({ "realtimeInput": { "activityEnd": {} } })
}

pub(super) fn stream_end() -> Value {
    json!({ "realtimeInput": { "audioStreamEnd": true } })
}

pub(super) fn live_text(text: &str) -> Value {
    json!({ "realtimeInput": { "text": text } })
}

/// What was said before, or in writing; `is_complete`: the model shall answer.
pub(super) fn content(said: &[Said], is_complete: bool) -> Value {
    let turn = |said: &Said| {
        let role = if said.is_by_user { "user" } else { "model" };
        json!({ "role": role, "parts": [{ "text": said.text }] })
    };
    let mut content = json!({ "turnComplete": is_complete });
    if !said.is_empty() {
        content["turns"] = said.iter().map(turn).collect();
    }
    json!({ "clientContent": content })
}

pub(super) fn tool_response(call: &str, name: &str, output: &str) -> Value {
    let response = json!({ "id": call, "name": name, "response": { "output": output } });
    json!({ "toolResponse": { "functionResponses": [response] } })
}

/// What is left to the next connection: a handle is good for the model that gave it.
pub(super) fn memory(model: &str, handle: &str) -> String {
    format!("gemini {model} {handle}")
}

pub(super) fn handle_of(memory: &str, model: &str) -> Option<String> {
    let (of, handle) = memory.strip_prefix("gemini ")?.split_once(' ')?;
    (of == model && !handle.is_empty()).then(|| handle.to_owned())
}
