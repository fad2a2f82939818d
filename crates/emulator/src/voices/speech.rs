//! A fake of OpenAI's `/v1/audio/transcriptions` and `/v1/audio/speech`, as local servers have them too. Words are those
//! of the plan; speech is a tone that lasts as long as the text would.
//!
//! Faults (`Plan::fault`) are `transcriptions:` or `speech:` and `401`, `429`, `500`, `garbage`, `cut` (in mid-body),
//! `drip` (slowly); with ` once` behind it only the first time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::Message;
use super::sound::{Detector, RATE, bytes, loudness, samples, tone};
use super::stage::{Request, Seen, Stage, told};

/// How long a character takes to say.
const MS_PER_CHARACTER: u32 = 60;
/// 100 ms of speech.
const PIECE: usize = 4_800;
/// The longest text that the service takes, in characters.
const LONGEST: usize = 4_096;

pub(super) fn routes() -> Router<Arc<Stage>> {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcribe))
        .route("/v1/audio/speech", post(speak))
        .layer(DefaultBodyLimit::max(25 << 20))
}

/// One request: recorded, with what is wrong with it.
struct Visit {
    stage: Arc<Stage>,
    connection: usize,
}

impl Visit {
    fn new(stage: Arc<Stage>, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Self {
        let connection = stage.number();
        let request = Request { path: uri.path().to_owned(), query: Default::default(), headers: told(headers) };
        stage.note(Seen::Opened { connection, request });
        stage.note(Seen::Message { connection, message: Message::Binary(body.to_vec()) });
        Self { stage, connection }
    }

    fn insist(&self, is_so: bool, what: &str) {
        if !is_so {
            self.stage.violation(self.connection, what.to_owned());
        }
    }

    /// The fault of this service, if there is one now.
    fn fault(&self, service: &str) -> Option<String> {
        let fault = self.stage.plan().fault.as_deref()?.strip_prefix(service)?.strip_prefix(':')?;
        match fault.strip_suffix(" once") {
            Some(fault) => self.stage.is_first_time().then(|| fault.to_owned()),
            None => Some(fault.to_owned()),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.stage.note(Seen::Closed { connection: self.connection });
    }
}

async fn transcribe(State(stage): State<Arc<Stage>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let visit = Visit::new(stage, &uri, &headers, &body);
    let fault = visit.fault("transcriptions");
    if let Some(refusal) = refusal(fault.as_deref()) {
        return refusal;
    }
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let parts = parts(kind, &body);
    let field = |name: &str| parts.iter().find(|part| part.0 == name).map(|part| part.1);
    visit.insist(field("model").is_some_and(|model| !model.is_empty()), "a transcription names its model");
    let format = field("response_format");
    visit.insist(format.is_none_or(|format| format == b"json"), "only json is read");
    let heard = field("file").and_then(pcm_of_wav);
    visit.insist(heard.is_some(), "the file is a WAV file of 16 bit, mono");
    let (rate, pcm) = heard.unwrap_or((RATE, Vec::new()));
    visit.insist(pcm.len() >= rate as usize / 10, "no file is shorter than 100 ms");
    let words = match (pcm.chunks(480).any(|piece| loudness(piece) > 0.01), visit.stage.plan().words.as_str()) {
        (false, _) => String::new(),
        (true, "") => {
            let mut detector = Detector::new(rate, 2_000);
            detector.hear(&pcm);
            detector.words()
        }
        (true, words) => words.to_owned(),
    };
    let answer =
        json!({ "text": words, "usage": { "type": "duration", "seconds": pcm.len() as f64 / f64::from(rate) } });
    match fault.as_deref() {
        Some("garbage") => "<html>no</html>".into_response(),
        Some("cut") => broken(answer.to_string().into_bytes().get(..8).unwrap_or_default().to_vec()),
        Some("drip") => {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            axum::Json(answer).into_response()
        }
        _ => axum::Json(answer).into_response(),
    }
}

async fn speak(State(stage): State<Arc<Stage>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let visit = Visit::new(stage, &uri, &headers, &body);
    let fault = visit.fault("speech");
    if let Some(refusal) = refusal(fault.as_deref()) {
        return refusal;
    }
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| wanted.get(key).and_then(Value::as_str).unwrap_or_default();
    let known = ["model", "input", "voice", "response_format", "speed", "instructions", "stream_format"];
    let keys = wanted.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    visit.insist(keys.iter().all(|key| known.contains(&key.as_str())), "speech has no such key");
    visit.insist(!text("model").is_empty() && !text("voice").is_empty(), "speech names model and voice");
    let length = text("input").chars().count();
    visit.insist((1..=LONGEST).contains(&length), "the text has 1 to 4096 characters");
    visit.insist(text("response_format") == "pcm", "only pcm is played");
    let speed = wanted.get("speed").map_or(Some(1.0), Value::as_f64).unwrap_or_default();
    visit.insist((0.25..=4.0).contains(&speed), "speed is 0.25 to 4");
    let ms = (length as f64 * f64::from(MS_PER_CHARACTER) / speed.max(0.25)) as u32;
    let sound = bytes(&tone(440.0, ms, RATE));
    match fault.as_deref() {
        Some("garbage") => axum::Json(json!({ "audio": "none" })).into_response(),
        Some("cut") => broken(sound.get(..sound.len() / 3).unwrap_or_default().to_vec()),
        Some("drip") => dripping(sound, Duration::from_millis(300)),
        _ => dripping(sound, Duration::from_millis(2)),
    }
}

fn refusal(fault: Option<&str>) -> Option<Response> {
    let (status, kind, code) = match fault? {
        "401" => (StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_api_key"),
        "429" => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "insufficient_quota"),
        "500" => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal_error"),
        _ => return None,
    };
    let error = json!({ "error": { "message": "This is refused.", "type": kind, "param": null, "code": code } });
    Some((status, axum::Json(error)).into_response())
}

/// A body that comes piece by piece.
fn dripping(body: Vec<u8>, pause: Duration) -> Response {
    let pieces: Vec<Bytes> = body.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        std::io::Result::Ok(piece)
    });
    ([("content-type", "audio/pcm")], Body::from_stream(pieces)).into_response()
}

/// A body whose connection breaks.
fn broken(begun: Vec<u8>) -> Response {
    let pieces = [Ok(Bytes::from(begun)), Err(std::io::Error::other("cut"))];
    let pieces = stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        piece
    });
    Body::from_stream(pieces).into_response()
}

/// The parts of a `multipart/form-data` body, by name.
fn parts<'a>(content_type: &str, body: &'a [u8]) -> Vec<(String, &'a [u8])> {
    let Some(boundary) = content_type.strip_prefix("multipart/form-data; boundary=") else { return Vec::new() };
    let line = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(begin) = find(rest, line.as_bytes()) {
        let after = rest.get(begin + line.len()..).unwrap_or_default();
        let Some(part) = after.strip_prefix(b"\r\n") else { break };
        let end = find(part, format!("\r\n{line}").as_bytes()).unwrap_or(part.len());
        let (part, more) = part.split_at(end);
        rest = more;
        let Some(head) = find(part, b"\r\n\r\n") else { continue };
        let headers = String::from_utf8_lossy(part.get(..head).unwrap_or_default()).into_owned();
        let name = headers.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        parts.push((name.to_owned(), part.get(head + 4..).unwrap_or_default()));
    }
    parts
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

/// Rate and samples of a plain WAV file.
fn pcm_of_wav(file: &[u8]) -> Option<(u32, Vec<i16>)> {
    let number = |at: usize| file.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let is_plain = file.get(..4)? == b"RIFF"
        && file.get(8..16)? == b"WAVEfmt "
        && file.get(20..24)? == [1, 0, 1, 0]
        && file.get(34..36)? == [16, 0]
        && file.get(36..40)? == b"data"
        && number(40)? as usize == file.len() - 44
        && number(4)? as usize == file.len() - 8;
    is_plain.then(|| Some((number(24)?, samples(file.get(44..)?))))?
}
