#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::*;
use crate::voices::definitions::Definitions;
use crate::voices::sound::{bytes, tone};
use crate::voices::{Act, Message};

fn request(path: &str, query: &[(&str, &str)]) -> Request {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = BTreeMap::from([("xi-api-key".to_owned(), "fingerprint".to_owned())]);
    Request { path: path.to_owned(), query: query.iter().map(pair).collect(), headers }
}

/// An actor with an open socket, and what it said then.
fn play(path: &str, query: &[(&str, &str)], fault: &str) -> (Box<dyn Actor>, Vec<Act>) {
    let plan = Plan { fault: Some(fault.to_owned()), ..Plan::default() };
    let request = request(path, query);
    let mut actor = cast(&request, &plan).unwrap();
    actor.admit(&request).unwrap();
    let acts = actor.open();
    (actor, acts)
}

fn tell(actor: &mut dyn Actor, message: &Value) -> Vec<Act> {
    actor.receive(&Message::Text(message.to_string()))
}

fn sent(acts: &[Act]) -> Vec<Value> {
    let value = |act: &Act| match act {
        Act::Send(Message::Text(text)) => Some(serde_json::from_str(text).unwrap()),
        Act::Send(Message::Binary(_)) => panic!("a binary frame"),
        Act::Violation(what) => panic!("{what}"),
        Act::Close(..) => None,
    };
    acts.iter().filter_map(value).collect()
}

fn is_violation(acts: &[Act]) -> bool {
    acts.iter().any(|act| matches!(act, Act::Violation(_)))
}

const SCRIBE: &str = "/v1/speech-to-text/realtime";
const AGENT: &str = "/v1/convai/conversation";

fn chunk(ms: u32, is_loud: bool, commit: bool) -> Value {
    let pcm = if is_loud { tone(300.0, ms, 24_000) } else { vec![0; 24 * ms as usize] };
    let audio = BASE64_STANDARD.encode(bytes(&pcm));
    json!({ "message_type": "input_audio_chunk", "audio_base_64": audio, "commit": commit, "sample_rate": 24_000 })
}

#[test]
fn keys_and_formats_are_wanted() {
    let plan = Plan::default();
    let mut request = request(SCRIBE, &[("audio_format", "pcm_24000")]);
    assert!(cast(&request, &plan).unwrap().admit(&request).is_ok());
    request.headers.clear();
    assert_eq!(cast(&request, &plan).unwrap().admit(&request).unwrap_err().0, 401);
    assert!(cast(&self::request("/v1/other", &[]), &plan).is_none());
}

#[test]
fn scribe_tells_what_its_schema_says() {
    let names = [
        "SessionStartedPayload",
        "PartialTranscriptPayload",
        "CommittedTranscriptPayload",
        "CommittedTranscriptWithTimestampsPayload",
    ];
    let schema = Definitions::new(include_str!("../../../schemas/elevenlabs-scribe-realtime.schema.json"), &names);
    let query = [("audio_format", "pcm_24000"), ("commit_strategy", "vad"), ("vad_silence_threshold_secs", "0.5")];
    let (mut actor, mut acts) = play(SCRIBE, &query, "doubled");
    acts.extend(tell(&mut *actor, &chunk(1_000, true, false)));
    acts.extend(tell(&mut *actor, &chunk(600, false, false)));
    let frames = sent(&acts);
    assert_eq!(frames.len(), 4);
    for (frame, name) in frames.iter().zip(names) {
        assert_eq!(schema.breach(name, frame), None);
    }
    assert_eq!(frames[2]["text"], "I spoke for 1.5 seconds.");
}

#[test]
fn scribe_takes_no_short_commits() {
    let (mut actor, _) = play(SCRIBE, &[("audio_format", "pcm_24000")], "");
    tell(&mut *actor, &chunk(200, true, false));
    assert!(is_violation(&tell(&mut *actor, &chunk(0, true, true))));
    let (mut actor, _) = play(SCRIBE, &[("audio_format", "pcm_24000")], "");
    tell(&mut *actor, &chunk(400, true, false));
    assert_eq!(sent(&tell(&mut *actor, &chunk(0, true, true)))[0]["message_type"], "committed_transcript");
}

#[test]
fn contexts_are_checked() {
    let query = [("model_id", "eleven_flash_v2_5"), ("output_format", "pcm_24000")];
    let (mut actor, _) = play("/v1/text-to-speech/VOICE/multi-stream-input", &query, "");
    let mut say = |message: Value| tell(&mut *actor, &message);
    assert!(is_violation(&say(json!({ "text": "Hello. ", "context_id": "c1", "flush": true }))));
    assert!(sent(&say(json!({ "text": " ", "context_id": "c1" }))).is_empty());
    assert!(!sent(&say(json!({ "text": "Hello. ", "context_id": "c1", "flush": true }))).is_empty());
    assert!(is_violation(&say(json!({ "text": "Hello.", "context_id": "c1", "flush": true }))));
    assert!(is_violation(&say(json!({ "text": "Hello. ", "context_id": "c1", "flash": true }))));
    let last = sent(&say(json!({ "context_id": "c1", "close_context": true })));
    assert_eq!(last[1], json!({ "isFinal": true, "contextId": "c1" }));
    assert!(is_violation(&say(json!({ "text": " ", "context_id": "c1" }))));
    for context in 2..=6 {
        sent(&say(json!({ "text": " ", "context_id": format!("c{context}") })));
    }
    assert!(is_violation(&say(json!({ "text": " ", "context_id": "c7" }))));
}

#[test]
fn newer_models_are_refused_where_they_are_not_served() {
    let query = [("model_id", "eleven_v4_turbo"), ("output_format", "pcm_24000")];
    let (_, acts) = play("/v1/text-to-speech/VOICE/multi-stream-input", &query, "");
    assert!(matches!(acts.last(), Some(Act::Close(1008, _))));
    assert!(play("/v1/text-to-dialogue/multi-stream-input", &query, "").1.is_empty());
}

#[test]
fn an_agent_tells_what_its_schema_says() {
    let kinds = [
        ("conversation_initiation_metadata", "ConversationMetadataPayload"),
        ("ping", "PingPayload"),
        ("agent_response", "AgentResponsePayload"),
        ("audio", "AudioPayload"),
        ("interruption", "InterruptionPayload"),
        ("agent_response_correction", "AgentResponseCorrectionPayload"),
        ("user_transcript", "UserTranscriptPayload"),
        ("client_tool_call", "ClientToolCallPayload"),
    ];
    let names = kinds.map(|(_, name)| name);
    let schema = Definitions::new(include_str!("../../../schemas/elevenlabs-agents.schema.json"), &names);
    let (mut actor, mut acts) = play(AGENT, &[("agent_id", "a")], "greets");
    acts.extend(tell(&mut *actor, &json!({ "type": "conversation_initiation_client_data" })));
    let sound = |loud: bool, ms: u32| {
        let pcm = if loud { tone(300.0, ms, 16_000) } else { vec![0; 16 * ms as usize] };
        json!({ "user_audio_chunk": BASE64_STANDARD.encode(bytes(&pcm)) })
    };
    acts.extend(tell(&mut *actor, &sound(true, 500)));
    acts.extend(tell(&mut *actor, &sound(false, 700)));
    let (mut painter, _) = play(AGENT, &[("agent_id", "a")], "picture");
    tell(&mut *painter, &json!({ "type": "conversation_initiation_client_data" }));
    let asked = tell(&mut *painter, &json!({ "type": "user_message", "text": "A fox." }));
    let call = sent(&asked).iter().find_map(|frame| frame.pointer("/client_tool_call/tool_call_id").cloned()).unwrap();
    acts.extend(asked);
    let mut result =
        json!({ "type": "client_tool_result", "tool_call_id": call, "result": "{\"ok\":true}", "is_error": false });
    assert!(sent(&tell(&mut *painter, &result))[0].to_string().contains("It is done."));
    assert!(is_violation(&tell(&mut *painter, &result)), "once");
    result["result"] = json!({ "ok": true });
    assert!(is_violation(&tell(&mut *painter, &result)), "a result is text");
    let frames = sent(&acts);
    for (kind, name) in kinds {
        let frame = frames.iter().find(|frame| frame["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
        assert_eq!(schema.breach(name, frame), None);
    }
    assert!(is_violation(&tell(&mut *actor, &json!({ "type": "pong", "event_id": 99 }))));
    assert!(is_violation(&tell(&mut *actor, &json!({ "type": "response.create" }))));
}
