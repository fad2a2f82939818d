//! The JSON schemas of the protocol, and how the server words a breach of them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, ValidatorMap};
use serde_json::Value;

/// Types the WebSocket endpoint takes.
pub(crate) const CLIENT_EVENTS: [&str; 10] = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
];

static CLIENT: LazyLock<Option<ValidatorMap>> =
    LazyLock::new(|| compile(include_str!("../schemas/openai-realtime-client-events.schema.json")));
static SERVER: LazyLock<Option<ValidatorMap>> =
    LazyLock::new(|| compile(include_str!("../schemas/openai-realtime-server-events.schema.json")));

pub(crate) fn compile(text: &str) -> Option<ValidatorMap> {
    let schema: Value = serde_json::from_str(text).ok()?;
    jsonschema::validator_map_for(&schema).ok()
}

/// Compiles the client schema ahead of the first event (some 10 ms).
pub(crate) fn warm_up() {
    LazyLock::force(&CLIENT);
}

/// What a server event breaks in the schema of server events, if anything.
pub fn server_violation(event: &Value) -> Option<String> {
    violation(SERVER.as_ref(), event).map(|refusal| refusal.message)
}

/// What the client event breaks in the schema of client events, if anything. Messages never contain the values.
pub fn client_violation(event: &Value) -> Option<String> {
    check(event).err().map(|refusal| refusal.message)
}

/// Why an event is refused, as the `error` object tells it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Option<&'static str>, param: Option<&str>, message: impl Into<String>) -> Self {
        Self { kind: "invalid_request_error", code, message: message.into(), param: param.map(str::to_owned) }
    }
}

/// Checks a client event. Appends, the bulk of the traffic, are checked by hand: base64 and keys.
pub(crate) fn check(event: &Value) -> Result<(), Refusal> {
    let Some(kind) = event.get("type").and_then(Value::as_str) else {
        return Err(Refusal::new(
            Some("missing_required_parameter"),
            Some("type"),
            "Missing required parameter: 'type'.",
        ));
    };
    if !CLIENT_EVENTS.contains(&kind) {
        let allowed = CLIENT_EVENTS.map(|name| format!("'{name}'")).join(", ");
        let message = format!("Invalid value: '{kind}'. Supported values are: {allowed}.");
        return Err(Refusal::new(Some("invalid_value"), Some("type"), message));
    }
    if kind == "input_audio_buffer.append" {
        return check_append(event);
    }
    violation(CLIENT.as_ref(), event).map_or(Ok(()), Err)
}

fn check_append(event: &Value) -> Result<(), Refusal> {
    let keys = event.as_object().into_iter().flatten();
    if let Some((key, _)) = keys.into_iter().find(|(key, _)| !["type", "event_id", "audio"].contains(&key.as_str())) {
        return Err(Refusal::new(Some("unknown_parameter"), Some(key), format!("Unknown parameter: '{key}'.")));
    }
    let id = event.get("event_id");
    if id.is_some_and(|id| id.as_str().is_none_or(|id| id.is_empty() || id.len() > 512)) {
        return Err(Refusal::new(Some("invalid_value"), Some("event_id"), "Invalid 'event_id'."));
    }
    audio(event).map(drop)
}

/// The audio of an append event, decoded.
pub(crate) fn audio(event: &Value) -> Result<Vec<i16>, Refusal> {
    let Some(audio) = event.get("audio").and_then(Value::as_str) else {
        return Err(Refusal::new(
            Some("missing_required_parameter"),
            Some("audio"),
            "Missing required parameter: 'audio'.",
        ));
    };
    decode(audio)
        .map_err(|message| Refusal::new(Some("invalid_value"), Some("audio"), format!("Invalid 'audio'. {message}")))
}

/// Base64 of PCM16, little endian, to samples.
pub(crate) fn decode(audio: &str) -> Result<Vec<i16>, &'static str> {
    let bytes = BASE64_STANDARD.decode(audio).map_err(|_| "Expected base64-encoded audio bytes.")?;
    let (samples, rest) = bytes.as_chunks::<2>();
    if samples.is_empty() || !rest.is_empty() {
        return Err("Expected a positive even number of bytes.");
    }
    Ok(samples.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

/// Samples to base64 of PCM16, little endian.
pub(crate) fn encode(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

pub(crate) fn violation(schema: Option<&ValidatorMap>, event: &Value) -> Option<Refusal> {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some(validator) = schema.and_then(|schema| schema.get(&format!("#/$defs/{kind}"))) else {
        return Some(Refusal::new(Some("invalid_value"), Some("type"), format!("No schema for '{kind}'.")));
    };
    if validator.is_valid(event) {
        return None;
    }
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(event).collect();
    // A wrong type makes everything else about the object wrong too.
    errors.iter().find(|error| is_about_type(error)).or_else(|| errors.first()).map(worded)
}

/// The server's code and words for a breach: it names the parameter, by dots, and what is wrong with it.
fn worded(error: &ValidationError<'_>) -> Refusal {
    if let ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } = error.kind()
        && let Some(inner) = nearest(context)
    {
        return worded(inner);
    }
    let place = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let inside = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the server has one code for all the rest")]
    let (code, param, message) = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let param = inside(unexpected.first().map_or("", String::as_str));
            ("unknown_parameter", param.clone(), format!("Unknown parameter: '{param}'."))
        }
        ValidationErrorKind::Required { property } => {
            let param = inside(property.as_str().unwrap_or_default());
            ("missing_required_parameter", param.clone(), format!("Missing required parameter: '{param}'."))
        }
        ValidationErrorKind::Constant { .. }
            if place.ends_with("format.rate") && is_below(error.instance(), 24_000) =>
        {
            ("integer_below_min_value", place.clone(), format!("Invalid '{place}': expected a value >= 24000."))
        }
        ValidationErrorKind::Minimum { limit } => {
            ("integer_below_min_value", place.clone(), format!("Invalid '{place}': expected a value >= {limit}."))
        }
        ValidationErrorKind::Maximum { limit } => {
            ("integer_above_max_value", place.clone(), format!("Invalid '{place}': expected a value <= {limit}."))
        }
        ValidationErrorKind::MaxLength { limit } => {
            let message = format!("Invalid '{place}': string too long. Expected a string with maximum length {limit}.");
            ("string_above_max_length", place.clone(), message)
        }
        ValidationErrorKind::Type { .. } => {
            ("invalid_type", place.clone(), format!("Invalid type for '{place}': {}.", error.masked_with("it")))
        }
        _ => ("invalid_value", place.clone(), format!("Invalid value for '{place}': {}.", error.masked_with("it"))),
    };
    Refusal::new(Some(code), Some(&param), message)
}

/// Of the alternatives tried, the breach of the one whose `type` fits.
fn nearest<'a>(context: &'a [Vec<ValidationError<'static>>]) -> Option<&'a ValidationError<'static>> {
    let is_other_type = |branch: &[ValidationError<'_>]| {
        branch.iter().any(|error| is_about_type(error) || matches!(error.kind(), ValidationErrorKind::Type { .. }))
    };
    context.iter().find(|branch| !branch.is_empty() && !is_other_type(branch))?.first()
}

fn is_about_type(error: &ValidationError<'_>) -> bool {
    error.instance_path().as_str().ends_with("/type")
}

fn is_below(value: &Value, limit: i64) -> bool {
    value.as_i64().is_some_and(|value| value < limit)
}
