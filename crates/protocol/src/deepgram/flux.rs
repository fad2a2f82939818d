//! Flux, the ear that knows turns (Deepgram API: `v2/listen`).
//!
//! It says when a turn begins and ends, and may be told to end one (`ForceEndTurn`). It counts time by the sound it
//! gets: when none comes, a turn that has begun hangs, so silence is sent in its place.

mod patience;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) use patience::listen_place;

use super::{FRAME, complaint, control, is_push_to_talk, silence, string, trouble};
use crate::cascade::Site;
use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::frame::object;
use crate::pcm::{bytes, whole_frames};
use crate::{Config, Message, Received, SAMPLE_RATE};
use patience::Thresholds;

/// `Connected` comes at once, or never when a parameter is disliked.
const GREETING: Duration = Duration::from_secs(8);
/// So long without sound while a turn is open: the microphone has stopped.
const GAP: Duration = Duration::from_millis(500);
/// Silence in its place, as fast as time goes by.
const FILL: Duration = Duration::from_millis(250);
/// There is no KeepAlive: between turns a little silence keeps the connection.
const IDLE: Duration = Duration::from_secs(4);
const IDLE_SOUND: Duration = Duration::from_millis(100);
/// Behind the last word of a turn that is ended by the key, so that the word is not cut.
const TRAIL: Duration = Duration::from_millis(200);
/// Where a turn cannot be ended by a word of ours: more than its timeout.
const LONG_TRAIL: Duration = Duration::from_millis(900);
/// `ForceEndTurn` came before the turn was noticed: once more.
const AGAIN: Duration = Duration::from_millis(700);
/// The end of a turn that was asked for.
const ENDING: Duration = Duration::from_secs(3);

/// The ear.
#[derive(Debug)]
pub(crate) struct Flux {
    site: Site,
    is_push_to_talk: bool,
    thresholds: Option<Thresholds>,
    /// `Configure` is not confirmed yet; what is to follow it.
    configuring: Option<Option<Thresholds>>,
    /// Until when `Connected` must have come.
    greeting: Option<Instant>,
    /// Less than a frame of the microphone.
    rest: Vec<i16>,
    /// Samples that were sent.
    sent: u64,
    /// When sound was sent last, and whether it was the microphone's.
    last: Option<(Instant, bool)>,
    turn: Option<Turn>,
    /// Turns up to this one are over for us: what still comes of them is late.
    over: Option<u64>,
    /// Push to talk: what earlier turns of the same press said.
    said: Vec<String>,
    release: Option<Release>,
    told: String,
    deeds: VecDeque<EarDeed>,
}

/// The turn that goes on.
#[derive(Debug)]
struct Turn {
    index: u64,
    text: String,
    is_eager: bool,
}

/// Push to talk: the key was let go, and the turn's end is awaited.
#[derive(Debug)]
struct Release {
    /// Samples sent then.
    at: u64,
    again: Option<Instant>,
    until: Instant,
}

impl Flux {
    /// For one connection.
    pub(crate) fn new(site: Site) -> Self {
        Self {
            site,
            is_push_to_talk: false,
            thresholds: None,
            configuring: None,
            greeting: None,
            rest: Vec::new(),
            sent: 0,
            last: None,
            turn: None,
            over: None,
            said: Vec::new(),
            release: None,
            told: String::new(),
            deeds: VecDeque::new(),
        }
    }

    fn heard(&mut self, heard: Heard) {
        self.deeds.push_back(EarDeed::Heard(heard));
    }

    fn transmit(&mut self, message: Message, is_audio: bool, now: Instant) {
        if let Message::Binary(bytes) = &message {
            self.sent += bytes.len() as u64 / 2;
            self.last = Some((now, is_audio));
        }
        self.deeds.push_back(EarDeed::Transmit { message, is_audio });
    }

    fn flush(&mut self, now: Instant) {
        if !self.rest.is_empty() {
            let message = Message::Binary(bytes(&std::mem::take(&mut self.rest)));
            self.transmit(message, true, now);
        }
    }

    fn be_silent(&mut self, duration: Duration, now: Instant) {
        self.flush(now);
        self.transmit(silence(duration), false, now);
    }

    /// Ends the present turn, where that can be said.
    fn force_end(&mut self, now: Instant) {
        if self.site == Site::Deepgram {
            self.be_silent(TRAIL, now);
            self.transmit(control("ForceEndTurn"), false, now);
        } else {
            self.be_silent(LONG_TRAIL, now);
        }
    }

    /// All that was heard of the turn.
    fn words(&self) -> String {
        let present = self.turn.as_ref().map(|turn| turn.text.as_str());
        let parts = self.said.iter().map(String::as_str).chain(present).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ")
    }

    fn tell_words(&mut self) {
        let words = self.words();
        if words != self.told {
            self.told.clone_from(&words);
            self.heard(Heard::Words(words));
        }
    }

    /// The user's turn is over.
    fn end(&mut self) {
        let words = self.words();
        if let Some(turn) = self.turn.take() {
            self.over = self.over.max(Some(turn.index));
        }
        self.said.clear();
        self.told.clear();
        self.release = None;
        self.heard(Heard::Ended(words));
    }

    fn turn_info(&mut self, frame: &Value) {
        let index = frame.get("turn_index").and_then(Value::as_u64);
        let index = index.unwrap_or_else(|| self.over.map_or(0, |over| over.saturating_add(1)));
        if self.over.is_some_and(|over| index <= over) {
            return self.passed(frame);
        }
        let text = string(frame, "transcript").trim().to_owned();
        match string(frame, "event") {
            "StartOfTurn" => self.proceed(index, text, true),
            "Update" => self.proceed(index, text, false),
            "EagerEndOfTurn" => {
                self.proceed(index, text, false);
                self.eager_end();
            }
            "TurnResumed" => {
                self.proceed(index, text, false);
                self.resume();
            }
            "EndOfTurn" => {
                self.proceed(index, text, false);
                self.turn_ended(index);
            }
            _ => tracing::trace!("event of no interest"),
        }
        self.passed(frame);
    }

    /// The turn goes on, or begins: at its announcement, or with its first words.
    fn proceed(&mut self, index: u64, text: String, is_start: bool) {
        match &self.turn {
            Some(turn) if turn.index > index => return,
            // Its end got lost.
            Some(turn) if turn.index < index && self.is_push_to_talk => {
                self.said.extend(self.turn.take().map(|turn| turn.text))
            }
            Some(turn) if turn.index < index => self.end(),
            Some(_) | None => {}
        }
        match &mut self.turn {
            Some(turn) => {
                if !text.is_empty() {
                    turn.text = text;
                }
            }
            None if is_start || !text.is_empty() => {
                self.turn = Some(Turn { index, text, is_eager: false });
                if !self.is_push_to_talk {
                    self.heard(Heard::Started);
                }
            }
            None => return,
        }
        self.tell_words();
    }

    fn eager_end(&mut self) {
        let is_new = self.turn.as_mut().is_some_and(|turn| !std::mem::replace(&mut turn.is_eager, true));
        if is_new && !self.is_push_to_talk {
            self.heard(Heard::EagerEnd(self.words()));
        }
    }

    fn resume(&mut self) {
        let was_eager = self.turn.as_mut().is_some_and(|turn| std::mem::take(&mut turn.is_eager));
        if was_eager && !self.is_push_to_talk {
            self.heard(Heard::Resumed);
        }
    }

    fn turn_ended(&mut self, index: u64) {
        if !self.is_push_to_talk {
            if self.turn.is_some() {
                self.end();
            }
            self.over = self.over.max(Some(index));
            return;
        }
        self.over = self.over.max(Some(index));
        if let Some(turn) = self.turn.take() {
            self.said.push(turn.text);
            if self.release.is_some() {
                self.end();
            }
        }
    }

    /// Push to talk: all sound of the press was listened to, and no turn is open.
    fn passed(&mut self, frame: &Value) {
        let position = frame.get("audio_window_end").and_then(Value::as_f64).unwrap_or_default();
        let is_past = |release: &Release| position * f64::from(SAMPLE_RATE) >= release.at as f64;
        if self.turn.is_none() && !self.said.is_empty() && self.release.as_ref().is_some_and(is_past) {
            self.end();
        }
    }

    fn send_thresholds(&mut self, thresholds: &Thresholds, now: Instant) {
        let frame = json!({ "type": "Configure", "thresholds": thresholds.json() });
        self.transmit(Message::Text(frame.to_string()), false, now);
        self.configuring = Some(None);
    }

    fn configured(&mut self, now: Instant) {
        if let Some(Some(thresholds)) = self.configuring.take() {
            self.send_thresholds(&thresholds, now);
        }
    }

    fn fail(&mut self, complaint: crate::openai::refusal::Complaint) {
        self.greeting = None;
        self.heard(Heard::Failed(complaint));
    }

    /// When silence is due in the place of the microphone, and how much.
    fn silence_due(&self) -> Option<(Instant, Duration)> {
        let (last, is_microphone) = self.last?;
        let is_turn_open = self.turn.is_some() || self.release.is_some();
        Some(match (is_turn_open, is_microphone) {
            (true, true) => (last + GAP, FILL),
            (true, false) => (last + FILL, FILL),
            (false, _) => (last + IDLE, IDLE_SOUND),
        })
    }
}

impl Ear for Flux {
    fn open(&mut self, config: &Config, now: Instant) {
        self.is_push_to_talk = is_push_to_talk(config);
        self.thresholds = Some(Thresholds::of(config, self.site));
        self.greeting = Some(now + GREETING);
        self.last = Some((now, false));
    }

    fn configure(&mut self, config: &Config, now: Instant) {
        let thresholds = Thresholds::of(config, self.site);
        if std::mem::replace(&mut self.is_push_to_talk, is_push_to_talk(config)) != self.is_push_to_talk {
            self.clear(now);
        }
        if self.thresholds.as_ref() == Some(&thresholds) {
            return;
        }
        self.thresholds = Some(thresholds.clone());
        if self.site == Site::Workers {
            // Not known there; the next connection is opened with them.
            self.transmit(control("CloseStream"), false, now);
        } else if let Some(next) = &mut self.configuring {
            *next = Some(thresholds);
        } else {
            self.send_thresholds(&thresholds, now);
        }
    }

    fn hear(&mut self, pcm: &[i16], now: Instant) {
        for frame in whole_frames(&mut self.rest, pcm, FRAME).chunks(FRAME) {
            self.transmit(Message::Binary(bytes(frame)), true, now);
        }
    }

    fn end_turn(&mut self, now: Instant) {
        self.force_end(now);
        self.release = Some(Release { at: self.sent, again: Some(now + AGAIN), until: now + ENDING });
    }

    fn clear(&mut self, now: Instant) {
        self.rest.clear();
        self.said.clear();
        self.told.clear();
        self.release = None;
        if let Some(turn) = self.turn.take() {
            self.over = self.over.max(Some(turn.index));
            self.force_end(now);
        }
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        let Received::Text(text) = received else {
            return tracing::debug!("binary frame ignored");
        };
        let Some(frame) = object(text) else { return };
        let kind = string(&frame, "type");
        if self.greeting.is_some() && (kind == "Connected" || frame.get("event").is_some()) {
            self.greeting = None;
            self.heard(Heard::Ready);
        }
        match kind {
            "TurnInfo" | "" if frame.get("event").is_some() => self.turn_info(&frame),
            "ConfigureSuccess" => self.configured(now),
            "ConfigureFailure" => {
                // The next connection is opened with what was wanted.
                self.configuring = None;
                self.transmit(control("CloseStream"), false, now);
            }
            "Error" => self.fail(complaint(&frame)),
            "Warning" => tracing::debug!("Flux warns"),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<EarDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let again = self.release.as_ref().and_then(|release| release.again);
        let until = self.release.as_ref().map(|release| release.until);
        [
            self.greeting.map(|at| (at, "Flux to connect")),
            again.map(|at| (at, "the turn to end")),
            until.map(|at| (at, "the turn to end")),
            self.silence_due().map(|(at, _)| (at, "silence to be due")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.greeting.is_some_and(|until| until <= now) {
            return self.fail(trouble("Deepgram did not answer."));
        }
        if let Some(release) = self.release.as_mut() {
            let is_due = release.again.is_some_and(|again| again <= now);
            if release.until <= now {
                self.end();
            } else if is_due {
                release.again = None;
                if self.turn.is_some() {
                    self.force_end(now);
                }
            }
        }
        if let Some((_, duration)) = self.silence_due().filter(|(at, _)| *at <= now) {
            self.be_silent(duration, now);
        }
    }
}
