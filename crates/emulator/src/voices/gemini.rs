//! Gemini Live (`BidiGenerateContent`), directly and behind the gateway.
//!
//! Faults by name: `invalid-api-key`, `insufficient-quota`, `model-not-found`, `unsupported-location`, `no-handles`,
//! `stale-handles` (a setup with a handle is refused), `go-away` (after the first turn of a fresh session), `tool-call`
//! (before each answer), `bundled` (an answer in one message), `text-frames`, `snake-case`, `internal` (close 1011 in the
//! place of the first answer of a fresh session), `silent`.

mod check;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::sound::{Detector, Turn, bytes, samples, tone};
use super::{Act, Actor, Message, Plan, Request};

const HEARD_RATE: u32 = 16_000;
const SPOKEN_RATE: u32 = 24_000;
/// A piece of an answer, and how soon the next one follows: faster than it is heard.
const PIECE_MS: u32 = 40;
const PACE: Duration = Duration::from_millis(10);
/// How long it speaks for each letter.
const LETTER_MS: u32 = 50;

/// Gemini Live on its paths.
pub(super) fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    is_place(&request.path).then(|| Box::new(Gemini::new(plan)) as Box<dyn Actor>)
}

/// Whether the fake plays there: the service's own path, or the gateway's for it.
fn is_place(path: &str) -> bool {
    let versions = ["v1", "v1beta", "v1alpha"].map(|version| format!(".{version}.GenerativeService."));
    let is_own = path.starts_with("/ws/google.ai.generativelanguage.")
        && versions.iter().any(|version| path.contains(version))
        && (path.ends_with(".BidiGenerateContent") || path.ends_with(".BidiGenerateContentConstrained"));
    is_own || (path.starts_with("/gateway/") && path.ends_with("/google"))
}

/// One connection.
pub(super) struct Gemini {
    plan: Plan,
    /// `None` before the setup.
    session: Option<Session>,
}

struct Session {
    is_manual: bool,
    is_resumed: bool,
    hears: bool,
    detector: Detector,
    /// Samples of the manual activity that goes on.
    activity: Option<u64>,
    /// What is still to be sent, and when; empty = nobody speaks.
    script: VecDeque<(Instant, Value)>,
    turns: u32,
    /// The question that waits for a tool.
    waiting: Option<String>,
    /// The tool that it was offered first; empty: none.
    tool: String,
    samples: u64,
}

impl Gemini {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), session: None }
    }

    fn has(&self, fault: &str) -> bool {
        self.plan.fault.as_deref() == Some(fault)
    }

    fn send(&self, message: &Value) -> Act {
        let message = if self.has("snake-case") { check::snake(message) } else { message.clone() };
        if self.has("text-frames") { Act::json(&message) } else { Act::json_bytes(&message) }
    }

    fn broken(what: &str) -> Vec<Act> {
        let reason: String = what.chars().take(120).collect();
        vec![Act::Violation(what.to_owned()), Act::Close(1007, reason)]
    }

    fn set_up(&mut self, setup: &Value) -> Vec<Act> {
        let close = |code: u16, reason: &str| vec![Act::Close(code, reason.to_owned())];
        let model = setup["model"].as_str().unwrap_or_default();
        let handle = setup["sessionResumption"]["handle"].as_str();
        match self.plan.fault.as_deref() {
            Some("invalid-api-key") => return close(1007, "API key not valid. Please pass a valid API key."),
            Some("insufficient-quota") => {
                return close(1011, "You exceeded your current quota, please check your plan and billing details.");
            }
            Some("unsupported-location") => return close(1007, "User location is not supported for the API use."),
            Some("stale-handles") if handle.is_some() => return close(1007, "Request contains an invalid argument."),
            _ => {}
        }
        if self.has("model-not-found") || !model.contains("gemini") {
            let words = "is not found for API version v1beta, or is not supported for bidiGenerateContent.";
            return close(1008, &format!("{model} {words}"));
        }
        if !model.contains('/') {
            return Self::broken("the model has no path");
        }
        if setup["generationConfig"]["responseModalities"] != json!(["AUDIO"]) {
            return Self::broken("Cannot extract voices from a non-audio request.");
        }
        if handle.is_some_and(|handle| !handle.starts_with("handle-")) {
            return Self::broken("BidiGenerateContent session not found");
        }
        let detection = &setup["realtimeInputConfig"]["automaticActivityDetection"];
        let silence = detection["silenceDurationMs"].as_u64().and_then(|ms| u32::try_from(ms).ok()).unwrap_or(500);
        self.session = Some(Session {
            is_manual: detection["disabled"] == true,
            is_resumed: handle.is_some(),
            hears: setup.get("inputAudioTranscription").is_some(),
            detector: Detector::new(HEARD_RATE, silence),
            activity: None,
            script: VecDeque::new(),
            turns: 0,
            waiting: None,
            tool: setup
                .pointer("/tools/0/functionDeclarations/0/name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .into(),
            samples: 0,
        });
        vec![self.send(&json!({ "setupComplete": {} }))]
    }

    fn live_input(&mut self, input: &Value) -> Vec<Act> {
        let Some(session) = &mut self.session else { return Vec::new() };
        let is_manual = session.is_manual;
        if let Some(audio) = input.get("audio") {
            let pcm = match check::audio(audio) {
                Ok(pcm) => samples(&pcm),
                Err(what) => return Self::broken(what),
            };
            return self.hear(&pcm);
        }
        if input.get("activityStart").is_some() || input.get("activityEnd").is_some() {
            if !is_manual {
                return Self::broken("Explicit activity control is not supported with automatic activity detection.");
            }
            if input.get("activityStart").is_some() {
                session.activity = Some(0);
                return self.interrupt();
            }
            return match session.activity.take() {
                Some(spoken) => self.answer_speech(spoken),
                None => vec![Act::Violation("an activity ends that did not start".into())],
            };
        }
        if input.get("audioStreamEnd").is_some() {
            if is_manual {
                return Self::broken("audioStreamEnd is only for automatic activity detection.");
            }
            let was_speaking = session.detector.is_speaking();
            let spoken = session.detector.spoken;
            session.detector.end();
            return if was_speaking { self.answer_speech(spoken) } else { Vec::new() };
        }
        if let Some(text) = input["text"].as_str() {
            let mut acts = self.interrupt();
            acts.extend(self.answer(None, text));
            return acts;
        }
        Vec::new()
    }

    fn hear(&mut self, pcm: &[i16]) -> Vec<Act> {
        let Some(session) = &mut self.session else { return Vec::new() };
        session.samples += pcm.len() as u64;
        if session.is_manual {
            return match &mut session.activity {
                Some(spoken) => {
                    *spoken += pcm.len() as u64;
                    Vec::new()
                }
                None => vec![Act::Violation("sound outside of an activity".into())],
            };
        }
        let mut acts = Vec::new();
        for turn in session.detector.hear(pcm) {
            let spoken = self.session.as_ref().map_or(0, |session| session.detector.spoken);
            acts.extend(match turn {
                Turn::Began => self.interrupt(),
                Turn::Ended => self.answer_speech(spoken),
            });
        }
        acts
    }

    /// The user speaks: what was being said ends.
    fn interrupt(&mut self) -> Vec<Act> {
        let Some(session) = &mut self.session else { return Vec::new() };
        session.waiting = None;
        if session.script.is_empty() {
            return Vec::new();
        }
        session.script.clear();
        let mut acts = vec![self.send(&json!({ "serverContent": { "interrupted": true } }))];
        acts.extend(
            self.turn_over(json!({ "serverContent": { "turnComplete": true } })).iter().map(|told| self.send(told)),
        );
        acts
    }

    fn answer_speech(&mut self, spoken: u64) -> Vec<Act> {
        let words = match self.plan.words.as_str() {
            "" => format!("I spoke for {:.1} seconds.", spoken as f64 / f64::from(HEARD_RATE)),
            words => words.to_owned(),
        };
        self.answer(Some(&words), &words)
    }

    /// Answers what was heard, or written.
    fn answer(&mut self, heard: Option<&str>, question: &str) -> Vec<Act> {
        if self.has("silent") {
            return Vec::new();
        }
        let Some(session) = &mut self.session else { return Vec::new() };
        let is_fresh = !session.is_resumed && session.turns == 0;
        if is_fresh && self.plan.fault.as_deref() == Some("internal") {
            return vec![Act::Close(1011, "Internal error encountered.".into())];
        }
        let mut acts = Vec::new();
        if let Some(heard) = heard.filter(|_| session.hears) {
            let (first, rest) = halves(heard);
            for text in [first, rest] {
                acts.push(json!({ "serverContent": { "inputTranscription": { "text": text } } }));
            }
        }
        acts.push(json!({ "sessionResumptionUpdate": { "resumable": false } }));
        if self.has("tool-call") {
            let call = match self.session.as_ref().map_or("", |session| session.tool.as_str()) {
                "" => json!({ "id": "call-1", "name": "look_up", "args": { "question": question } }),
                tool => json!({ "id": "call-1", "name": tool, "args": { "prompt": question } }),
            };
            acts.push(json!({ "toolCall": { "functionCalls": [call] } }));
            if let Some(session) = &mut self.session {
                session.waiting = Some(question.to_owned());
            }
        } else {
            self.speak(question);
        }
        acts.iter().map(|message| self.send(message)).collect()
    }

    /// Writes the script of an answer.
    fn speak(&mut self, question: &str) {
        let words = match self.plan.answer.as_str() {
            "" => format!("You said: {question}"),
            answer => answer.to_owned(),
        };
        let ms = u32::try_from(words.chars().count()).unwrap_or(400).clamp(12, 400) * LETTER_MS;
        let pcm = tone(440.0, ms, SPOKEN_RATE);
        let pieces: Vec<Value> = pcm.chunks((SPOKEN_RATE * PIECE_MS / 1_000) as usize).map(inline).collect();
        let is_bundled = self.has("bundled");
        let Some(session) = &self.session else { return };
        let mut told = Vec::new();
        if is_bundled {
            told.push(json!({ "serverContent": {
                "modelTurn": { "role": "model", "parts": pieces },
                "outputTranscription": { "text": words }, "generationComplete": true,
            } }));
        } else {
            let count = pieces.len();
            let (first, rest) = halves(&words);
            for (at, piece) in pieces.into_iter().enumerate() {
                told.push(json!({ "serverContent": { "modelTurn": { "role": "model", "parts": [piece] } } }));
                if at == 0 || at == count / 2 {
                    let text = if at == 0 { first } else { rest };
                    told.push(json!({ "serverContent": { "outputTranscription": { "text": text } } }));
                }
            }
            told.push(json!({ "serverContent": { "generationComplete": true } }));
        }
        let output = u64::from(ms) / 40;
        let input = 20 + session.samples / 640;
        let usage = json!({
            "promptTokenCount": input, "responseTokenCount": output, "totalTokenCount": input + output,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 20 }, { "modality": "AUDIO", "tokenCount": input - 20 }],
            "responseTokensDetails": [{ "modality": "AUDIO", "tokenCount": output }],
        });
        let last = json!({ "serverContent": { "turnComplete": true }, "usageMetadata": usage });
        let ending = self.turn_over(last);
        let Some(session) = &mut self.session else { return };
        let now = Instant::now();
        let mut at = now;
        for message in told {
            session.script.push_back((at, message));
            at += PACE;
        }
        // The service takes it for heard when it was played.
        at = at.max(now + Duration::from_millis(u64::from(ms)));
        session.script.extend(ending.into_iter().map(|message| (at, message)));
    }

    /// `last`, and what is told between two turns.
    fn turn_over(&mut self, last: Value) -> Vec<Value> {
        let (has_handles, goes_away) = (!self.has("no-handles"), self.has("go-away"));
        let Some(session) = &mut self.session else { return Vec::new() };
        session.turns += 1;
        let mut told = vec![last];
        if has_handles {
            let handle = format!("handle-{}", session.turns);
            told.push(json!({ "sessionResumptionUpdate": { "newHandle": handle, "resumable": true } }));
        }
        if goes_away && !session.is_resumed && session.turns == 1 {
            told.push(json!({ "goAway": { "timeLeft": "50s" } }));
        }
        told
    }

    fn content(&mut self, content: &Value) -> Vec<Act> {
        let turns = content["turns"].as_array().cloned().unwrap_or_default();
        if let Err(what) = check::roles(&turns) {
            return Self::broken(what);
        }
        if content["turnComplete"] != true {
            return Vec::new();
        }
        let text = turns.last().and_then(|turn| turn["parts"][0]["text"].as_str()).unwrap_or("nothing new");
        let mut acts = self.interrupt();
        acts.extend(self.answer(None, text));
        acts
    }

    fn tool_response(&mut self, response: &Value) -> Vec<Act> {
        let id = response["functionResponses"][0]["id"].as_str();
        match self.session.as_mut().and_then(|session| session.waiting.take()) {
            Some(question) if id == Some("call-1") => {
                self.speak(&question);
                Vec::new()
            }
            _ => vec![Act::Violation("an answer to no call".into())],
        }
    }

    fn due(&mut self) -> Vec<Act> {
        let now = Instant::now();
        let mut due = Vec::new();
        if let Some(session) = &mut self.session {
            while let Some((_, message)) = session.script.pop_front_if(|(at, _)| *at <= now) {
                due.push(message);
            }
        }
        due.iter().map(|message| self.send(message)).collect()
    }
}

impl Actor for Gemini {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        let key = request.headers.get("x-goog-api-key");
        let key = key.or_else(|| request.query.get("key")).or_else(|| request.query.get("api_key"));
        if key.is_some_and(|key| !key.is_empty()) {
            return Ok(());
        }
        let message =
            "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity.";
        let error = json!({ "error": { "code": 403, "message": message, "status": "PERMISSION_DENIED" } });
        Err((403, error.to_string()))
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let mut acts = self.due();
        let (name, body) = match check::message(message) {
            Ok(message) => message,
            Err(what) => {
                acts.extend(Self::broken(&what));
                return acts;
            }
        };
        acts.extend(match (name.as_str(), self.session.is_some()) {
            ("setup", false) => self.set_up(&body),
            ("setup", true) => Self::broken("setup was sent before"),
            (_, false) => Self::broken("the first message has to be setup"),
            ("realtimeInput", true) => self.live_input(&body),
            ("clientContent", true) => self.content(&body),
            ("toolResponse", true) => self.tool_response(&body),
            (_, true) => Vec::new(),
        });
        acts
    }

    fn pause(&self) -> Option<Duration> {
        let (at, _) = self.session.as_ref()?.script.front()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    fn wake(&mut self) -> Vec<Act> {
        self.due()
    }
}

fn inline(pcm: &[i16]) -> Value {
    let data = BASE64_STANDARD.encode(bytes(pcm));
    json!({ "inlineData": { "mimeType": "audio/pcm;rate=24000", "data": data } })
}

/// Divided behind a word.
fn halves(text: &str) -> (&str, &str) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let at = text.get(..middle).and_then(|first| first.rfind(' ')).map_or(0, |space| space + 1);
    text.split_at(at)
}
