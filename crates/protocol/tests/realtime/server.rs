//! What the provider says, event by event.

use base64::Engine as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// Names every event differently, as servers do.
static LAST: AtomicU64 = AtomicU64::new(0);

pub(crate) fn session() -> Value {
    json!({
        "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
        "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
        "expires_at": 1_789_728_574_u64, "include": null,
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": null, "noise_reduction": null,
                      "turn_detection": null},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
    })
}

fn event(kind: &str, keys: Value) -> Value {
    let mut event = json!({"type": kind, "event_id": format!("event_{}", LAST.fetch_add(1, Ordering::Relaxed))});
    event.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    event
}

pub(crate) fn created() -> Value {
    event("session.created", json!({"session": session()}))
}

pub(crate) fn updated() -> Value {
    event("session.updated", json!({"session": session()}))
}

pub(crate) fn error(code: Option<&str>, event_id: Option<&str>) -> Value {
    let kind = "invalid_request_error";
    event(
        "error",
        json!({"error": {"type": kind, "code": code, "message": "No.", "param": null, "event_id": event_id}}),
    )
}

pub(crate) fn committed(item: &str, previous: Option<&str>) -> Value {
    event("input_audio_buffer.committed", json!({"item_id": item, "previous_item_id": previous}))
}

pub(crate) fn speech_started(item: &str, ms: u64) -> Value {
    event("input_audio_buffer.speech_started", json!({"item_id": item, "audio_start_ms": ms}))
}

pub(crate) fn speech_stopped(item: &str, ms: u64) -> Value {
    event("input_audio_buffer.speech_stopped", json!({"item_id": item, "audio_end_ms": ms}))
}

fn response(id: &str, status: &str, keys: Value) -> Value {
    let mut response = json!({
        "id": id, "object": "realtime.response", "status": status, "status_details": null, "output": [],
        "conversation_id": "conv_1", "output_modalities": ["audio"], "max_output_tokens": "inf", "usage": null,
        "metadata": null,
    });
    response.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    response
}

pub(crate) fn response_created(id: &str) -> Value {
    event("response.created", json!({"response": response(id, "in_progress", json!({}))}))
}

pub(crate) fn usage() -> Value {
    json!({"total_tokens": 127, "input_tokens": 120, "output_tokens": 7,
        "input_token_details": {"text_tokens": 20, "audio_tokens": 100, "image_tokens": 0, "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 14, "audio_tokens": 50, "image_tokens": 0}},
        "output_token_details": {"text_tokens": 2, "audio_tokens": 5}})
}

pub(crate) fn response_done(id: &str) -> Value {
    event("response.done", json!({"response": response(id, "completed", json!({"usage": usage()}))}))
}

pub(crate) fn response_cancelled(id: &str, reason: &str) -> Value {
    let details = json!({"status_details": {"type": "cancelled", "reason": reason}});
    event("response.done", json!({"response": response(id, "cancelled", details)}))
}

pub(crate) fn response_incomplete(id: &str, reason: &str) -> Value {
    let details = json!({"status_details": {"type": "incomplete", "reason": reason}});
    event("response.done", json!({"response": response(id, "incomplete", details)}))
}

pub(crate) fn response_failed(id: &str, kind: &str, code: Option<&str>) -> Value {
    let error = json!({"type": kind, "code": code, "message": "It did not work."});
    let details = json!({"status_details": {"type": "failed", "error": error}});
    event("response.done", json!({"response": response(id, "failed", details)}))
}

pub(crate) fn assistant_item(id: &str, status: &str) -> Value {
    json!({"id": id, "object": "realtime.item", "type": "message", "role": "assistant", "status": status, "content": []})
}

pub(crate) fn call_item(id: &str, call_id: &str, status: &str) -> Value {
    json!({"id": id, "object": "realtime.item", "type": "function_call", "status": status, "name": "lights",
        "call_id": call_id, "arguments": "{\"on\":true}"})
}

pub(crate) fn user_item(id: &str) -> Value {
    json!({"id": id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_audio", "transcript": null}]})
}

pub(crate) fn item_added(item: Value, previous: Option<&str>) -> Value {
    event("conversation.item.added", json!({"item": item, "previous_item_id": previous}))
}

pub(crate) fn item_done(item: Value, previous: Option<&str>) -> Value {
    event("conversation.item.done", json!({"item": item, "previous_item_id": previous}))
}

pub(crate) fn output_item_added(response: &str, item: Value) -> Value {
    event("response.output_item.added", json!({"response_id": response, "output_index": 0, "item": item}))
}

pub(crate) fn output_item_done(response: &str, item: Value) -> Value {
    event("response.output_item.done", json!({"response_id": response, "output_index": 0, "item": item}))
}

fn of_part(kind: &str, response: &str, item: &str, keys: Value) -> Value {
    let mut all = json!({"response_id": response, "item_id": item, "output_index": 0, "content_index": 0});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    event(kind, all)
}

pub(crate) fn base64_of(ms: usize) -> String {
    base64::engine::general_purpose::STANDARD.encode(vec![0x11_u8; ms * 48])
}

pub(crate) fn audio(response: &str, item: &str, ms: usize) -> Value {
    of_part("response.output_audio.delta", response, item, json!({"delta": base64_of(ms)}))
}

pub(crate) fn audio_done(response: &str, item: &str) -> Value {
    of_part("response.output_audio.done", response, item, json!({}))
}

pub(crate) fn caption(response: &str, item: &str, words: &str) -> Value {
    of_part("response.output_audio_transcript.delta", response, item, json!({"delta": words}))
}

pub(crate) fn caption_done(response: &str, item: &str, words: &str) -> Value {
    of_part("response.output_audio_transcript.done", response, item, json!({"transcript": words}))
}

pub(crate) fn text(response: &str, item: &str, words: &str) -> Value {
    of_part("response.output_text.delta", response, item, json!({"delta": words}))
}

pub(crate) fn user_caption_delta(item: &str, words: &str) -> Value {
    let kind = "conversation.item.input_audio_transcription.delta";
    event(kind, json!({"item_id": item, "content_index": 0, "delta": words}))
}

pub(crate) fn user_caption(item: &str, words: &str) -> Value {
    let kind = "conversation.item.input_audio_transcription.completed";
    let usage = json!({"type": "duration", "seconds": 1.0});
    event(kind, json!({"item_id": item, "content_index": 0, "transcript": words, "usage": usage}))
}

pub(crate) fn user_caption_failed(item: &str) -> Value {
    let kind = "conversation.item.input_audio_transcription.failed";
    event(kind, json!({"item_id": item, "content_index": 0, "error": {"code": "audio_unintelligible"}}))
}

/// The head of a spoken answer, in the order of live captures: `ms` of audio and the words.
pub(crate) fn answer_begins(response: &str, item: &str, previous: Option<&str>, ms: usize, words: &str) -> Vec<Value> {
    vec![
        response_created(response),
        output_item_added(response, assistant_item(item, "in_progress")),
        item_added(assistant_item(item, "in_progress"), previous),
        caption(response, item, words),
        audio(response, item, ms),
    ]
}

/// What follows [`answer_begins`].
pub(crate) fn answer_ends(response: &str, item: &str, previous: Option<&str>, words: &str) -> Vec<Value> {
    vec![
        audio_done(response, item),
        caption_done(response, item, words),
        item_done(assistant_item(item, "completed"), previous),
        output_item_done(response, assistant_item(item, "completed")),
        response_done(response),
    ]
}

/// A whole spoken answer.
pub(crate) fn answer(response: &str, item: &str, previous: Option<&str>, ms: usize, words: &str) -> Vec<Value> {
    let mut events = answer_begins(response, item, previous, ms, words);
    events.extend(answer_ends(response, item, previous, words));
    events
}
