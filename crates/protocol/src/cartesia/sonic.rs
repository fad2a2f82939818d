//! Sonic: text to speech with a context for each answer (`/tts/websocket`).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::refusal::complaint;
use super::{language, versioned};
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::pcm::Pieces;
use crate::{Config, Leg, Message, Place, Received, SAMPLE_RATE};

/// The service closes a socket over which nothing is asked for five minutes.
const QUIET: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub(crate) struct Sonic {
    model: String,
    voice: String,
    speed: Option<f32>,
    language: Option<String>,
    deeds: VecDeque<MouthDeed>,
    answers: BTreeMap<Context, Answer>,
    /// Names of contexts are never used again.
    last: u64,
    quiet_since: Option<Instant>,
}

/// An answer that is being spoken. What is said of it repeats the settings that it began with.
#[derive(Debug)]
struct Answer {
    /// `None`: the service has ended the context that it had, while there was no text for it.
    name: Option<String>,
    settings: Value,
    is_finished: bool,
    pieces: Pieces,
}

impl Sonic {
    /// A mouth for one connection whose place was [`place`].
    pub(crate) fn new(model: &str, voice: &str) -> Self {
        Self {
            model: model.trim().to_owned(),
            voice: voice.trim().to_owned(),
            speed: None,
            language: None,
            deeds: VecDeque::new(),
            answers: BTreeMap::new(),
            last: 0,
            quiet_since: None,
        }
    }

    fn transmit(&mut self, frame: &Value, now: Instant) {
        self.quiet_since = Some(now);
        self.deeds.push_back(MouthDeed::Transmit(Message::Text(frame.to_string())));
    }

    fn tell(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    /// What each request of a context says. Sentences come whole, so the service need not wait for more text.
    fn settings(&self) -> Value {
        let mut settings = json!({
            "model_id": self.model,
            "voice": { "mode": "id", "id": self.voice },
            "output_format": { "container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE },
            "max_buffer_delay_ms": 0,
        });
        if let Some(language) = &self.language {
            settings["language"] = json!(language);
        }
        if let Some(speed) = self.speed {
            settings["generation_config"] = json!({ "speed": speed });
        }
        settings
    }

    fn request(&mut self, context: Context, text: &str, goes_on: bool, now: Instant) {
        let Some(answer) = self.answers.get_mut(&context) else { return };
        let name = answer.name.get_or_insert_with(|| {
            self.last += 1;
            format!("answer-{}", self.last)
        });
        let mut frame = answer.settings.clone();
        frame["context_id"] = json!(name);
        frame["transcript"] = json!(text);
        frame["continue"] = json!(goes_on);
        self.transmit(&frame, now);
    }

    fn event(&mut self, frame: &Value) {
        let name = frame.get("context_id").and_then(Value::as_str).filter(|name| !name.is_empty());
        let context = name.and_then(|name| {
            let is_it = |answer: &Answer| answer.name.as_deref() == Some(name);
            self.answers.iter().find(|(_, answer)| is_it(answer)).map(|(context, _)| *context)
        });
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "chunk" => {
                if let Some(context) = context {
                    self.chunk(context, frame.get("data").and_then(Value::as_str).unwrap_or_default());
                }
            }
            "done" => {
                if let Some(context) = context {
                    self.done(context);
                }
            }
            "error" => self.failed(context, name.is_some(), frame),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn chunk(&mut self, context: Context, data: &str) {
        let Some(answer) = self.answers.get_mut(&context) else { return };
        if let Some(pcm) = answer.pieces.decode(data).filter(|pcm| !pcm.is_empty()) {
            self.tell(Said::Audio { context, pcm });
        }
    }

    /// A context is over, because all was said or because nothing was to be said for a while.
    fn done(&mut self, context: Context) {
        let Some(answer) = self.answers.get_mut(&context) else { return };
        answer.name = None;
        if answer.is_finished {
            self.answers.remove(&context);
            self.tell(Said::Done(context));
        }
    }

    fn failed(&mut self, context: Option<Context>, is_named: bool, frame: &Value) {
        let complaint = complaint(frame);
        match context {
            Some(context) => {
                self.answers.remove(&context);
                self.tell(Said::Failed { context: Some(context), complaint });
            }
            // Of an answer that was given up, or of a request that only kept the socket alive.
            None if is_named || self.answers.is_empty() => tracing::debug!("an error of no answer ignored"),
            None => self.tell(Said::Failed { context: None, complaint }),
        }
    }
}

impl Mouth for Sonic {
    fn open(&mut self, config: &Config, now: Instant) {
        self.configure(config, now);
        self.quiet_since = Some(now);
        self.tell(Said::Ready);
    }

    fn configure(&mut self, config: &Config, _now: Instant) {
        // The service takes 0.6 to 1.5.
        self.speed = config.speed.filter(|speed| speed.is_finite() && *speed != 1.0).map(|speed| speed.clamp(0.6, 1.5));
        self.language = language(config);
    }

    fn speak(&mut self, context: Context, text: &str, now: Instant) {
        let settings = self.settings();
        let new = || Answer { name: None, settings, is_finished: false, pieces: Pieces::default() };
        if !self.answers.entry(context).or_insert_with(new).is_finished {
            self.request(context, text, true, now);
        }
    }

    fn finish(&mut self, context: Context, now: Instant) {
        match self.answers.get_mut(&context) {
            Some(answer) if answer.is_finished => {}
            Some(answer) if answer.name.is_some() => {
                answer.is_finished = true;
                self.request(context, "", false, now);
            }
            Some(_) | None => {
                self.answers.remove(&context);
                self.tell(Said::Done(context));
            }
        }
    }

    fn cancel(&mut self, context: Context, now: Instant) {
        let Some(name) = self.answers.remove(&context).and_then(|answer| answer.name) else { return };
        self.transmit(&json!({ "context_id": name, "cancel": true }), now);
    }

    fn receive(&mut self, received: Received<'_>, _now: Instant) {
        match received {
            Received::Text(text) => {
                if let Some(frame) = object(text) {
                    self.event(&frame);
                }
            }
            Received::Binary(bytes) => tracing::debug!(bytes = bytes.len(), "binary frame ignored"),
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.quiet_since.map(|since| (since + QUIET, "text for the mouth"))
    }

    /// Cancels a context that never was: the only frame that asks for nothing.
    fn timeout(&mut self, now: Instant) {
        if self.quiet_since.is_some_and(|since| since + QUIET <= now) {
            self.transmit(&json!({ "context_id": "nothing", "cancel": true }), now);
        }
    }
}

/// Where the mouth's socket is. `version`: date of the API's version.
pub(crate) fn place(version: &str) -> Place {
    Place { leg: Leg::Mouth, path: "tts/websocket".to_owned(), query: versioned(version) }
}
