//! Nova, the ear that hears words (Deepgram API: `v1/listen`). Turns are told by pauses between them.
//!
//! A turn's text is all `is_final` transcripts joined, until `speech_final`, `UtteranceEnd`, or what came of `Finalize`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{FRAME, complaint, control, is_push_to_talk, patience, place, silence, string};
use crate::cascade::Site;
use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::frame::object;
use crate::pcm::{bytes, whole_frames};
use crate::{Config, Leg, Message, Place, Received, SAMPLE_RATE};

/// After 10 s with neither sound nor a sign of life it hangs up.
const SIGN_OF_LIFE: Duration = Duration::from_secs(4);
/// It wants to hear something first.
const FIRST_SOUND: Duration = Duration::from_millis(100);
/// So long without sound while words are open: the microphone has stopped, and no pause will be heard.
const GAP: Duration = Duration::from_millis(1_500);
/// What comes of `Finalize`; nothing does if there was no sound to speak of.
const ENDING: Duration = Duration::from_secs(2);

fn options(config: &Config) -> Vec<(&'static str, String)> {
    let pause_ms = 300 + (900.0 * patience(config)) as u32;
    let mut options = vec![
        ("encoding", "linear16".to_owned()),
        ("sample_rate", SAMPLE_RATE.to_string()),
        ("channels", "1".to_owned()),
        ("interim_results", "true".to_owned()),
        ("punctuate", "true".to_owned()),
        ("smart_format", "true".to_owned()),
        ("endpointing", pause_ms.to_string()),
        ("utterance_end_ms", (pause_ms + 300).max(1_000).to_string()),
    ];
    options.extend(super::language(config).map(|language| ("language", language.to_owned())));
    options
}

/// Where Nova listens.
pub(crate) fn listen_place(model: &str, site: Site, config: &Config) -> Place {
    place(Leg::Ears, site, "v1/listen", model, options(config))
}

/// The ear.
#[derive(Debug, Default)]
pub(crate) struct Nova {
    is_push_to_talk: bool,
    /// What this connection was opened with.
    options: Vec<(&'static str, String)>,
    /// Less than a frame of the microphone.
    rest: Vec<i16>,
    /// Samples that were sent.
    sent: u64,
    /// Results about sound before this are late, in samples.
    from: u64,
    /// How far results have come, in samples.
    heard_to: u64,
    last: Option<Instant>,
    /// When the microphone's sound was sent last.
    last_sound: Option<Instant>,
    finals: Vec<String>,
    interim: String,
    is_started: bool,
    /// `Finalize` was sent; push to talk: the turn ends with what comes of it.
    finalizing: Option<Instant>,
    told: String,
    deeds: VecDeque<EarDeed>,
}

impl Nova {
    fn heard(&mut self, heard: Heard) {
        self.deeds.push_back(EarDeed::Heard(heard));
    }

    fn transmit(&mut self, message: Message, is_audio: bool, now: Instant) {
        if let Message::Binary(bytes) = &message {
            self.sent += bytes.len() as u64 / 2;
        }
        self.last = Some(now);
        if is_audio {
            self.last_sound = Some(now);
        }
        self.deeds.push_back(EarDeed::Transmit { message, is_audio });
    }

    fn words(&self) -> String {
        let parts = self.finals.iter().chain([&self.interim]).map(String::as_str).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ")
    }

    fn forget(&mut self) {
        self.finals.clear();
        self.interim.clear();
        self.told.clear();
        self.is_started = false;
        self.finalizing = None;
    }

    /// The user's turn is over.
    fn end(&mut self) {
        let words = self.words();
        self.from = self.from.max(self.heard_to);
        self.forget();
        self.heard(Heard::Ended(words));
    }

    fn finalize(&mut self, now: Instant) {
        if !self.rest.is_empty() {
            let message = Message::Binary(bytes(&std::mem::take(&mut self.rest)));
            self.transmit(message, true, now);
        }
        self.transmit(control("Finalize"), false, now);
    }

    fn results(&mut self, frame: &Value) {
        let is = |key: &str| frame.get(key).and_then(Value::as_bool) == Some(true);
        let seconds = |key: &str| frame.get(key).and_then(Value::as_f64);
        let end = seconds("start").zip(seconds("duration")).map(|(start, duration)| start + duration);
        let end = end.map(|end| (end * f64::from(SAMPLE_RATE)).round() as u64);
        let is_late = self.from > 0 && end.is_some_and(|end| end <= self.from);
        if is_late || (self.finalizing.is_none() && is("from_finalize") && !self.has_words()) {
            return;
        }
        self.heard_to = self.heard_to.max(end.unwrap_or_default());
        let text = frame.pointer("/channel/alternatives/0/transcript").and_then(Value::as_str).unwrap_or_default();
        let text = text.trim().to_owned();
        if is("is_final") {
            self.interim.clear();
            if !text.is_empty() {
                self.finals.push(text);
            }
        } else {
            self.interim = text;
        }
        self.tell_words();
        let is_over = is("from_finalize") || (is("speech_final") && !self.is_push_to_talk);
        if is_over {
            self.utterance_end(is("from_finalize"));
        }
    }

    fn has_words(&self) -> bool {
        !self.finals.is_empty() || !self.interim.is_empty()
    }

    fn tell_words(&mut self) {
        let words = self.words();
        if words.is_empty() || words == self.told {
            return;
        }
        if !self.is_push_to_talk && !std::mem::replace(&mut self.is_started, true) {
            self.heard(Heard::Started);
        }
        self.told.clone_from(&words);
        self.heard(Heard::Words(words));
    }

    fn utterance_end(&mut self, is_finalized: bool) {
        match (self.is_push_to_talk, is_finalized) {
            (true, true) if self.finalizing.is_some() => self.end(),
            (true, _) => {}
            (false, _) if self.is_started => self.end(),
            (false, _) => {}
        }
    }

    /// Open microphone: no more sound comes, so no pause will be heard.
    fn gap(&self) -> Option<Instant> {
        let is_open = !self.is_push_to_talk && self.is_started && self.finalizing.is_none();
        self.last_sound.filter(|_| is_open).map(|last| last + GAP)
    }
}

impl Ear for Nova {
    fn open(&mut self, config: &Config, now: Instant) {
        self.is_push_to_talk = is_push_to_talk(config);
        self.options = options(config);
        self.transmit(silence(FIRST_SOUND), false, now);
        self.heard(Heard::Ready);
    }

    fn configure(&mut self, config: &Config, now: Instant) {
        if std::mem::replace(&mut self.is_push_to_talk, is_push_to_talk(config)) != self.is_push_to_talk {
            self.clear(now);
        }
        let options = options(config);
        if std::mem::replace(&mut self.options, options) != self.options {
            // They are given when a connection is opened: another one is needed.
            self.transmit(control("CloseStream"), false, now);
        }
    }

    fn hear(&mut self, pcm: &[i16], now: Instant) {
        for frame in whole_frames(&mut self.rest, pcm, FRAME).chunks(FRAME) {
            self.transmit(Message::Binary(bytes(frame)), true, now);
        }
    }

    fn end_turn(&mut self, now: Instant) {
        self.finalize(now);
        self.finalizing = Some(now + ENDING);
    }

    fn clear(&mut self, now: Instant) {
        self.rest.clear();
        let was_open = self.has_words() || self.sent > self.from;
        self.forget();
        self.from = self.sent;
        if was_open {
            self.transmit(control("Finalize"), false, now);
        }
    }

    fn receive(&mut self, received: Received<'_>, _now: Instant) {
        let Received::Text(text) = received else {
            return tracing::debug!("binary frame ignored");
        };
        let Some(frame) = object(text) else { return };
        match string(&frame, "type") {
            "Results" => self.results(&frame),
            "UtteranceEnd" => self.utterance_end(false),
            "Error" => self.heard(Heard::Failed(complaint(&frame))),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<EarDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        [
            self.finalizing.map(|at| (at, "the turn to end")),
            self.last.map(|last| (last + SIGN_OF_LIFE, "a sign of life to be due")),
            self.gap().map(|at| (at, "the microphone to go on")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.finalizing.is_some_and(|until| until <= now) {
            self.from = self.sent;
            self.end();
        }
        if self.gap().is_some_and(|at| at <= now) {
            self.finalize(now);
            self.finalizing = Some(now + ENDING);
        }
        if self.last.is_some_and(|last| last + SIGN_OF_LIFE <= now) {
            self.transmit(control("KeepAlive"), false, now);
        }
    }
}
