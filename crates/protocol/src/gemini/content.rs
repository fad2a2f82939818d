//! What the provider sends. One message can hold several things, so nothing here is one of many; names come in
//! camelCase and `snake_case`, numbers also as strings, durations as `"1.5s"` (JSON form of Protocol Buffers).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Usage, pcm};

/// Words that are said twice in one go are shorter.
const REPEATED_WORDS: usize = 12;

/// A message of the provider.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) is_setup_complete: bool,
    pub(super) heard: Option<Words>,
    /// Little-endian PCM16 at 24 kHz.
    pub(super) audio: Vec<u8>,
    /// Text in the place of sound.
    pub(super) text: String,
    pub(super) spoken: Option<Words>,
    pub(super) is_generated: bool,
    pub(super) is_interrupted: bool,
    pub(super) is_turn_complete: bool,
    pub(super) reason: Option<String>,
    /// More utterances come before the exchange is over.
    pub(super) is_in_progress: bool,
    pub(super) calls: Vec<Call>,
    pub(super) cancelled: Vec<String>,
    pub(super) usage: Option<Usage>,
    pub(super) time_left: Option<Duration>,
    pub(super) handle: Option<String>,
    pub(super) activity: Option<Activity>,
    pub(super) error: Option<String>,
}

/// A piece of a transcription.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) is_final: bool,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Start,
    End,
}

impl Received {
    /// Whether the very same can come twice and mean something each time.
    pub(super) fn is_repeatable(&self) -> bool {
        let is_short = |words: &Option<Words>| words.as_ref().is_none_or(|words| words.text.len() < REPEATED_WORDS);
        self.audio.iter().all(|byte| *byte == 0) && is_short(&self.heard) && is_short(&self.spoken)
    }
}

/// Reads a message; what is missing, unknown or of another form is left out.
pub(super) fn read(message: Value) -> Received {
    let mut read = Received::default();
    let Some(message) = message.as_object() else { return read };
    read.is_setup_complete = get(message, "setupComplete").is_some();
    read.error = object(message, "error").map(|error| string(error, "message").unwrap_or_default());
    read.usage = object(message, "usageMetadata").and_then(usage);
    read.time_left = object(message, "goAway")
        .map(|away| string(away, "timeLeft").and_then(|left| duration(&left)).unwrap_or_default());
    if let Some(update) = object(message, "sessionResumptionUpdate") {
        let is_resumable = get(update, "resumable").and_then(Value::as_bool).unwrap_or(false);
        read.handle = string(update, "newHandle").filter(|handle| is_resumable && !handle.is_empty());
    }
    if let Some(activity) = object(message, "voiceActivity") {
        read.activity = match string(activity, "type").as_deref() {
            Some("ACTIVITY_START") => Some(Activity::Start),
            Some("ACTIVITY_END") => Some(Activity::End),
            Some(_) | None => None,
        };
    }
    if let Some(calls) = object(message, "toolCall").and_then(|calls| get(calls, "functionCalls")) {
        read.calls = calls.as_array().into_iter().flatten().filter_map(call).collect();
    }
    if let Some(ids) = object(message, "toolCallCancellation").and_then(|cancelled| get(cancelled, "ids")) {
        let ids = ids.as_array().into_iter().flatten();
        read.cancelled = ids.filter_map(Value::as_str).map(str::to_owned).collect();
    }
    if let Some(content) = object(message, "serverContent") {
        read_content(content, &mut read);
    }
    read
}

fn read_content(content: &Map<String, Value>, read: &mut Received) {
    let is = |name: &str| get(content, name).and_then(Value::as_bool).unwrap_or(false);
    read.is_generated = is("generationComplete");
    read.is_interrupted = is("interrupted");
    read.is_turn_complete = is("turnComplete");
    read.reason = string(content, "turnCompleteReason").filter(|reason| !reason.ends_with("_UNSPECIFIED"));
    read.is_in_progress = string(content, "interactionStatus").as_deref() == Some("IN_PROGRESS");
    read.heard = object(content, "inputTranscription").and_then(words);
    read.spoken = object(content, "outputTranscription").and_then(words);
    let parts = object(content, "modelTurn").and_then(|turn| get(turn, "parts"));
    for part in parts.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        if get(part, "thought").and_then(Value::as_bool).unwrap_or(false) {
            continue;
        }
        if let Some(text) = string(part, "text") {
            read.text.push_str(&text);
        }
        if let Some(data) = object(part, "inlineData") {
            read_audio(data, &mut read.audio);
        }
    }
}

fn read_audio(data: &Map<String, Value>, audio: &mut Vec<u8>) {
    let is_sound = string(data, "mimeType").is_none_or(|mime| mime.starts_with("audio/"));
    let Some(encoded) = get(data, "data").and_then(Value::as_str).filter(|_| is_sound) else { return };
    // Both alphabets are in use.
    let bytes = if encoded.contains(['-', '_']) {
        pcm::decoded(&encoded.replace('-', "+").replace('_', "/"))
    } else {
        pcm::decoded(encoded)
    };
    audio.extend(bytes.unwrap_or_default());
}

fn words(of: &Map<String, Value>) -> Option<Words> {
    let text = string(of, "text").unwrap_or_default();
    let is_final = get(of, "finished").and_then(Value::as_bool).unwrap_or(false);
    (is_final || !text.is_empty()).then_some(Words { text, is_final })
}

fn call(value: &Value) -> Option<Call> {
    let call = value.as_object()?;
    let arguments = get(call, "args").map_or_else(|| "{}".to_owned(), Value::to_string);
    let id = string(call, "id").filter(|id| !id.is_empty())?;
    Some(Call { id, name: string(call, "name").unwrap_or_default(), arguments })
}

/// Details need not add up to the totals: what they leave out of the input is taken for text, of the output for sound.
fn usage(of: &Map<String, Value>) -> Option<Usage> {
    let total = |name: &str| get(of, name).and_then(number);
    let prompt = total("promptTokenCount");
    let response = total("responseTokenCount");
    if prompt.is_none() && response.is_none() {
        return None;
    }
    let details = |name: &str| {
        let rows = get(of, name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        rows.fold((0, 0), |(text, audio), row| {
            let count = get(row, "tokenCount").and_then(number).unwrap_or(0);
            let is_audio = string(row, "modality").as_deref() == Some("AUDIO");
            if is_audio { (text, audio + count) } else { (text + count, audio) }
        })
    };
    let (text, input_audio) = details("promptTokensDetails");
    let prompt = prompt.unwrap_or(0);
    let input_text = text + prompt.saturating_sub(text + input_audio) + total("toolUsePromptTokenCount").unwrap_or(0);
    let (said, audio) = details("responseTokensDetails");
    let output_audio = audio + response.unwrap_or(0).saturating_sub(said + audio);
    let (cached_text, cached_audio) = details("cacheTokensDetails");
    let cached = total("cachedContentTokenCount").unwrap_or(0).saturating_sub(cached_text + cached_audio);
    Some(Usage {
        input_text,
        input_audio,
        cached_text: (cached_text + cached).min(input_text),
        cached_audio: cached_audio.min(input_audio),
        output_text: said + total("thoughtsTokenCount").unwrap_or(0),
        output_audio,
        ..Usage::default()
    })
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn duration(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The field by its camelCase name, or by the same in `snake_case`; `null` is as good as absent.
fn get<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    of.get(name).or_else(|| of.get(&snake(name))).filter(|value| !value.is_null())
}

fn object<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    get(of, name)?.as_object()
}

fn string(of: &Map<String, Value>, name: &str) -> Option<String> {
    get(of, name)?.as_str().map(str::to_owned)
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
