//! Flux as a mouth (Deepgram API: `v2/speak`).
//!
//! An answer is a turn of the service: text as it comes, ended by `Flush`, spoken between `SpeechStarted` and
//! `SpeechMetadata`. The service itself finds the sentences. After `Interrupt` nothing counts before the service has said
//! that it stopped.

use std::time::Instant;

use serde_json::Value;

use super::line::{Line, Progress};
use super::{complaint, control, place, string};
use crate::cascade::Site;
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::{Config, Leg, Place, Received, SAMPLE_RATE};

/// A speed as Flux takes it: 0.5 to 1.5 in steps of 0.05 (changelog of 2026-08-31). `None`: the usual one.
pub(super) fn speed(config: &Config) -> Option<f64> {
    let steps = |speed: f32| (f64::from(speed.clamp(0.5, 1.5)) * 20.0).round();
    let steps = config.speed.filter(|speed| speed.is_finite()).map(steps);
    steps.filter(|steps| *steps != 20.0).map(|steps| steps / 20.0)
}

/// Where Flux speaks. `model` names the voice (`flux-alexis-en`).
pub(crate) fn speak_place(model: &str, config: &Config) -> Place {
    let mut options = vec![("encoding", "linear16".to_owned()), ("sample_rate", SAMPLE_RATE.to_string())];
    options.extend(speed(config).map(|speed| ("speed", speed.to_string())));
    place(Leg::Mouth, Site::Deepgram, "v2/speak", model, options)
}

/// The mouth.
#[derive(Debug, Default)]
pub(crate) struct FluxVoice {
    line: Line<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    /// The service has something to say.
    has_text: bool,
    is_flushed: bool,
    /// What the service calls it, from the beginning of its sound.
    speech: Option<String>,
}

impl Progress for Turn {
    // How much was heard is counted where it is played: no offset is told.
    const STOP: &'static str = "Interrupt";

    fn is_on_wire(&self) -> bool {
        self.has_text
    }

    fn is_spoken(&self) -> bool {
        self.speech.is_some()
    }

    fn is_awaited(&self) -> bool {
        self.is_flushed
    }
}

impl FluxVoice {
    /// Sends what can be sent of the present answer, and goes on to the next where nothing of it is to be said.
    fn proceed(&mut self, now: Instant) {
        while let Some(has_text) = self.line.send() {
            let Some(answer) = self.line.present_mut() else { return };
            answer.progress.has_text |= has_text;
            if !answer.is_finished || answer.progress.is_flushed {
                return;
            }
            if answer.progress.has_text {
                answer.progress.is_flushed = true;
                self.line.expect(now);
                return self.line.transmit(control("Flush"));
            }
            self.line.done();
        }
    }

    /// All sound of the present answer has come.
    fn over(&mut self, now: Instant) {
        self.line.complete();
        if self.present().is_some_and(|turn| turn.is_flushed) {
            self.line.done();
        }
        self.proceed(now);
    }

    fn present(&mut self) -> Option<&mut Turn> {
        self.line.present_mut().map(|answer| &mut answer.progress)
    }

    fn started(&mut self, frame: &Value) {
        let is_stopping = self.line.is_stopping();
        if let Some(turn) = self.present().filter(|turn| !is_stopping && turn.has_text) {
            turn.speech = Some(string(frame, "speech_id").to_owned());
        }
    }

    fn ended(&mut self, frame: &Value, now: Instant) {
        let speech = self.present().and_then(|turn| turn.speech.as_deref());
        if speech == Some(string(frame, "speech_id")) {
            self.over(now);
        }
    }

    fn warned(&mut self, frame: &Value, now: Instant) {
        let code = string(frame, "code");
        tracing::debug!(code, "Flux warns");
        let is_silent = self.present().is_some_and(|turn| turn.is_flushed && turn.speech.is_none());
        match (code, self.line.is_stopping()) {
            // It was through with the answer already.
            ("NO_ACTIVE_SPEECH", true) => self.line.stopped(),
            ("NO_ACTIVE_SPEECH" | "NO_SYNTHESIZABLE_TEXT", false) if is_silent => self.over(now),
            _ => {}
        }
    }
}

impl Mouth for FluxVoice {
    fn open(&mut self, _config: &Config, _now: Instant) {
        // Its greeting (`Connected`) may wait for the first words.
        self.line.said(Said::Ready);
    }

    fn speak(&mut self, context: Context, text: &str, now: Instant) {
        self.line.speak(context, text);
        self.proceed(now);
    }

    fn finish(&mut self, context: Context, now: Instant) {
        self.line.finish(context);
        self.proceed(now);
    }

    fn cancel(&mut self, context: Context, now: Instant) {
        self.line.cancel(context, now);
        self.proceed(now);
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        let text = match received {
            Received::Binary(bytes) => return self.line.sound(bytes, now),
            Received::Text(text) => text,
        };
        let Some(frame) = object(text) else { return };
        match string(&frame, "type") {
            "SpeechStarted" => self.started(&frame),
            "SpeechMetadata" => self.ended(&frame, now),
            "SpeechInterrupted" => self.line.stopped(),
            "Warning" => self.warned(&frame, now),
            "Error" => self.line.fail(complaint(&frame)),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.line.poll()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.line.deadline()
    }

    fn timeout(&mut self, now: Instant) {
        self.line.is_late(now);
    }
}
