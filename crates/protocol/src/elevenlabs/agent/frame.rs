//! The frames that an agent is sent.

use serde_json::{Value, json};

use crate::Config;
use crate::elevenlabs::{Setup, language};

/// The first frame. What it overrides must be allowed in the agent's settings, else the agent refuses the connection.
pub(super) fn initiation(setup: &Setup, config: &Config) -> Value {
    let mut frame = json!({ "type": "conversation_initiation_client_data" });
    if !setup.overrides {
        return frame;
    }
    let mut agent = json!({});
    if !config.instructions.is_empty() {
        agent["prompt"] = json!({ "prompt": config.instructions });
        // It belongs to the prompt that is replaced.
        agent["first_message"] = json!("");
    }
    if let Some(language) = language(config) {
        agent["language"] = json!(language);
    }
    if agent != json!({}) {
        frame["conversation_config_override"] = json!({ "agent": agent });
    }
    frame
}

/// Sound has no type.
pub(super) fn sound(base64: &str) -> Value {
    json!({ "user_audio_chunk": base64 })
}

pub(super) fn pong(id: i64) -> Value {
    json!({ "type": "pong", "event_id": id })
}

/// As if the user had said it.
pub(super) fn message(text: &str) -> Value {
    json!({ "type": "user_message", "text": text })
}

/// Something that the agent should know; it does not answer it.
pub(super) fn remark(text: &str) -> Value {
    json!({ "type": "contextual_update", "text": text })
}

/// The user is busy: the agent does not begin to speak for a moment.
pub(super) fn activity() -> Value {
    json!({ "type": "user_activity" })
}

pub(super) fn tool_result(id: &str, output: &str) -> Value {
    json!({ "type": "client_tool_result", "tool_call_id": id, "result": output, "is_error": false })
}

pub(super) fn no_tool(id: &str, why: &str) -> Value {
    json!({ "type": "client_tool_result", "tool_call_id": id, "result": why, "is_error": true })
}

pub(super) fn no_approval(id: &str) -> Value {
    json!({ "type": "mcp_tool_approval_result", "tool_call_id": id, "is_approved": false })
}
