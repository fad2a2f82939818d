//! Aura, the mouth (Deepgram API: `v1/speak`).
//!
//! At most one flush of an answer is under way, and after `Clear` nothing counts before `Cleared`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::line::{Line, Progress};
use super::{complaint, control, place, string};
use crate::cascade::Site;
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::{Config, Leg, Place, Received, SAMPLE_RATE};

/// Twenty flushes are allowed in a minute; when most are used up, an answer is spoken in one piece.
const MINUTE: Duration = Duration::from_secs(60);
const FLUSHES: usize = 20;
const SPARE: usize = 8;

/// Where Aura speaks. `speaker`: on Workers AI, where the model does not name the voice.
pub(crate) fn speak_place(model: &str, speaker: Option<&str>, config: &Config) -> Place {
    let site = if speaker.is_some() { Site::Workers } else { Site::Deepgram };
    let mut options = vec![
        ("encoding", "linear16".to_owned()),
        ("sample_rate", SAMPLE_RATE.to_string()),
        ("container", "none".to_owned()),
    ];
    options.extend(speaker.map(|speaker| ("speaker", speaker.trim().to_owned())));
    let speed = config.speed.filter(|speed| speed.is_finite() && site == Site::Deepgram);
    options.extend(speed.filter(|speed| *speed != 1.0).map(|speed| ("speed", speed.clamp(0.7, 1.5).to_string())));
    place(Leg::Mouth, site, "v1/speak", model, options)
}

/// The mouth.
#[derive(Debug, Default)]
pub(crate) struct Aura {
    line: Line<Flushing>,
    /// Of the last minute.
    flushes: VecDeque<Instant>,
}

#[derive(Debug, Default)]
struct Flushing {
    /// Text was sent that no flush has followed.
    is_unflushed: bool,
    is_flushing: bool,
    /// Something was flushed.
    has_begun: bool,
}

impl Progress for Flushing {
    const STOP: &'static str = "Clear";

    fn is_on_wire(&self) -> bool {
        self.is_unflushed || self.is_flushing
    }

    fn is_spoken(&self) -> bool {
        self.is_on_wire()
    }

    fn is_awaited(&self) -> bool {
        self.is_flushing
    }
}

impl Aura {
    /// Sends what can be sent of the present answer, and goes on to the next when it is over.
    fn proceed(&mut self, now: Instant) {
        while let Some(has_text) = self.line.send() {
            let Some(answer) = self.line.present_mut() else { return };
            answer.progress.is_unflushed |= has_text;
            let is_finished = answer.is_finished;
            let Flushing { is_unflushed, is_flushing, has_begun } = answer.progress;
            if is_flushing {
                return;
            }
            if is_unflushed {
                if self.may_flush(is_finished || !has_begun, now) {
                    self.flush(now);
                }
                return;
            }
            if !is_finished {
                return;
            }
            self.line.done();
        }
    }

    /// The first and the last sentence of an answer may use what is left of the minute.
    fn may_flush(&mut self, is_urgent: bool, now: Instant) -> bool {
        while self.flushes.front().is_some_and(|at| *at + MINUTE <= now) {
            self.flushes.pop_front();
        }
        self.flushes.len() < if is_urgent { FLUSHES } else { FLUSHES - SPARE }
    }

    fn flush(&mut self, now: Instant) {
        if let Some(answer) = self.line.present_mut() {
            answer.progress = Flushing { is_unflushed: false, is_flushing: true, has_begun: true };
        }
        self.flushes.push_back(now);
        self.line.expect(now);
        self.line.transmit(control("Flush"));
    }

    fn flushed(&mut self, now: Instant) {
        if self.line.is_stopping() {
            return;
        }
        self.line.complete();
        if let Some(answer) = self.line.present_mut() {
            answer.progress.is_flushing = false;
        }
        self.proceed(now);
    }
}

impl Mouth for Aura {
    fn open(&mut self, _config: &Config, _now: Instant) {
        // Its greeting (`Metadata`) may wait for the first words.
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
            "Flushed" => self.flushed(now),
            "Cleared" => self.line.stopped(),
            "Error" => self.line.fail(complaint(&frame)),
            "Warning" => tracing::debug!(code = string(&frame, "code"), "Aura warns"),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.line.poll()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let waits =
            self.line.present().is_some_and(|answer| answer.progress.is_unflushed && !answer.progress.is_flushing);
        let flush =
            self.flushes.front().filter(|_| waits).map(|first| (*first + MINUTE, "another flush to be allowed"));
        self.line.deadline().into_iter().chain(flush).min()
    }

    fn timeout(&mut self, now: Instant) {
        if !self.line.is_late(now) {
            self.proceed(now);
        }
    }
}
