//! Flux as a mouth (Deepgram API: `v2/speak`).
//!
//! An answer is a turn of the service: text as it comes, ended by `Flush`, spoken between `SpeechStarted` and
//! `SpeechMetadata`. The service itself finds the sentences. One answer is on the wire at a time; after `Interrupt`
//! nothing counts before the service has said that it stopped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::aura::text_messages;
use super::{complaint, control, place, string, trouble};
use crate::cascade::Site;
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::pcm::Pieces;
use crate::{Config, Leg, Message, Place, Received, SAMPLE_RATE};

/// `Flush` brings sound, or its end, within this time; `Interrupt` its answer.
const ANSWER: Duration = Duration::from_secs(10);

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
    /// The answers that are to be spoken, the present one first.
    answers: VecDeque<Answer>,
    /// `Interrupt`s without an answer: what comes is of no interest.
    interrupts: u32,
    /// When sound, its end, or the answer to `Interrupt` must have come.
    until: Option<Instant>,
    /// The sound, whose frames may end in the middle of a sample.
    pieces: Pieces,
    deeds: VecDeque<MouthDeed>,
}

#[derive(Debug)]
struct Answer {
    context: Context,
    /// Text that was not sent yet.
    waiting: String,
    /// The service has something to say.
    has_text: bool,
    is_finished: bool,
    is_flushed: bool,
    /// What the service calls it, from the beginning of its sound.
    speech: Option<String>,
}

impl FluxVoice {
    fn transmit(&mut self, message: Message) {
        self.deeds.push_back(MouthDeed::Transmit(message));
    }

    fn said(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    fn answer(&mut self, context: Context) -> &mut Answer {
        let at = self.answers.iter().position(|answer| answer.context == context).unwrap_or_else(|| {
            let waiting = String::new();
            let answer =
                Answer { context, waiting, has_text: false, is_finished: false, is_flushed: false, speech: None };
            self.answers.push_back(answer);
            self.answers.len() - 1
        });
        &mut self.answers[at]
    }

    /// Sends what can be sent of the present answer, and goes on to the next where nothing of it is to be said.
    fn proceed(&mut self, now: Instant) {
        while let Some(answer) = self.answers.front_mut() {
            let text = std::mem::take(&mut answer.waiting);
            answer.has_text |= !text.trim().is_empty();
            let is_complete = answer.is_finished && !answer.is_flushed;
            let (context, has_text) = (answer.context, answer.has_text);
            answer.is_flushed |= is_complete && has_text;
            for piece in text_messages(&text) {
                self.transmit(Message::Text(json!({ "type": "Speak", "text": piece }).to_string()));
            }
            if !is_complete {
                return;
            }
            if has_text {
                self.until = Some(now + ANSWER);
                return self.transmit(control("Flush"));
            }
            self.answers.pop_front();
            self.said(Said::Done(context));
        }
    }

    /// All sound of the present answer has come.
    fn over(&mut self, now: Instant) {
        self.pieces = Pieces::default();
        self.until = None;
        if let Some(answer) = self.answers.pop_front_if(|answer| answer.is_flushed) {
            self.said(Said::Done(answer.context));
        }
        self.proceed(now);
    }

    fn started(&mut self, frame: &Value) {
        if let Some(answer) = self.answers.front_mut().filter(|answer| self.interrupts == 0 && answer.has_text) {
            answer.speech = Some(string(frame, "speech_id").to_owned());
        }
    }

    fn ended(&mut self, frame: &Value, now: Instant) {
        let speech = self.answers.front().and_then(|answer| answer.speech.as_deref());
        if speech == Some(string(frame, "speech_id")) {
            self.over(now);
        }
    }

    fn interrupted(&mut self) {
        self.interrupts = self.interrupts.saturating_sub(1);
        let is_flushed = self.answers.front().is_some_and(|answer| answer.is_flushed);
        self.until = self.until.filter(|_| self.interrupts > 0 || is_flushed);
    }

    fn warned(&mut self, frame: &Value, now: Instant) {
        let code = string(frame, "code");
        tracing::debug!(code, "Flux warns");
        let is_silent = self.answers.front().is_some_and(|answer| answer.is_flushed && answer.speech.is_none());
        match code {
            // It was through with the answer already.
            "NO_ACTIVE_SPEECH" if self.interrupts > 0 => self.interrupted(),
            "NO_ACTIVE_SPEECH" | "NO_SYNTHESIZABLE_TEXT" if self.interrupts == 0 && is_silent => self.over(now),
            _ => {}
        }
    }

    fn sound(&mut self, bytes: &[u8], now: Instant) {
        let present = self.answers.front().filter(|answer| answer.speech.is_some() && self.interrupts == 0);
        let Some(context) = present.map(|answer| answer.context) else {
            return tracing::debug!("sound of no answer ignored");
        };
        self.until = self.until.map(|_| now + ANSWER);
        let pcm = self.pieces.samples(bytes);
        if !pcm.is_empty() {
            self.said(Said::Audio { context, pcm });
        }
    }

    fn fail(&mut self, complaint: crate::openai::refusal::Complaint) {
        self.until = None;
        self.said(Said::Failed { context: None, complaint });
    }
}

impl Mouth for FluxVoice {
    fn open(&mut self, _config: &Config, _now: Instant) {
        // Its greeting (`Connected`) may wait for the first words.
        self.said(Said::Ready);
    }

    fn speak(&mut self, context: Context, text: &str, now: Instant) {
        self.answer(context).waiting.push_str(text);
        self.proceed(now);
    }

    fn finish(&mut self, context: Context, now: Instant) {
        self.answer(context).is_finished = true;
        self.proceed(now);
    }

    fn cancel(&mut self, context: Context, now: Instant) {
        let Some(at) = self.answers.iter().position(|answer| answer.context == context) else { return };
        if self.answers.remove(at).is_some_and(|answer| answer.has_text) {
            self.interrupts += 1;
            self.pieces = Pieces::default();
            self.until = Some(now + ANSWER);
            // How much was heard is counted where it is played: no offset is told.
            self.transmit(control("Interrupt"));
        }
        self.proceed(now);
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        let text = match received {
            Received::Binary(bytes) => return self.sound(bytes, now),
            Received::Text(text) => text,
        };
        let Some(frame) = object(text) else { return };
        match string(&frame, "type") {
            "SpeechStarted" => self.started(&frame),
            "SpeechMetadata" => self.ended(&frame, now),
            "SpeechInterrupted" => self.interrupted(),
            "Warning" => self.warned(&frame, now),
            "Error" => self.fail(complaint(&frame)),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.until.map(|until| (until, "the voice to speak"))
    }

    fn timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.fail(trouble("Deepgram's voice does not answer."));
        }
    }
}
