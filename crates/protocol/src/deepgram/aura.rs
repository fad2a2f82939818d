//! Aura, the mouth (Deepgram API: `v1/speak`).
//!
//! One voice for all answers: what belongs to whom is told by order alone. So only one answer is on the wire at a time,
//! at most one flush of it is under way, and after `Clear` nothing counts before `Cleared`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{complaint, control, place, string, trouble};
use crate::cascade::Site;
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::pcm::Pieces;
use crate::{Config, Leg, Message, Place, Received, SAMPLE_RATE};

/// Longest text of one message, in characters.
const LONGEST: usize = 2_000;
/// Twenty flushes are allowed in a minute; when most are used up, an answer is spoken in one piece.
const MINUTE: Duration = Duration::from_secs(60);
const FLUSHES: usize = 20;
const SPARE: usize = 8;
/// A flush brings sound, or its end, within this time.
const ANSWER: Duration = Duration::from_secs(10);

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
    /// The answers that are to be spoken, the present one first.
    answers: VecDeque<Answer>,
    /// `Clear`s without their `Cleared`: what comes is of no interest.
    clearing: u32,
    /// When `Flushed`, `Cleared` or sound must have come.
    until: Option<Instant>,
    /// Of the last minute.
    flushes: VecDeque<Instant>,
    /// The sound, whose frames may end in the middle of a sample.
    pieces: Pieces,
    deeds: VecDeque<MouthDeed>,
}

#[derive(Debug)]
struct Answer {
    context: Context,
    /// Text that was not sent yet.
    waiting: String,
    /// Text was sent that no flush has followed.
    is_unflushed: bool,
    is_flushing: bool,
    is_finished: bool,
    /// Something of it was flushed.
    has_begun: bool,
}

impl Aura {
    fn transmit(&mut self, message: Message) {
        self.deeds.push_back(MouthDeed::Transmit(message));
    }

    fn said(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    fn answer(&mut self, context: Context) -> &mut Answer {
        let at = self.answers.iter().position(|answer| answer.context == context).unwrap_or_else(|| {
            let waiting = String::new();
            let answer = Answer {
                context,
                waiting,
                is_unflushed: false,
                is_flushing: false,
                is_finished: false,
                has_begun: false,
            };
            self.answers.push_back(answer);
            self.answers.len() - 1
        });
        &mut self.answers[at]
    }

    /// Sends what can be sent of the present answer, and goes on to the next when it is over.
    fn proceed(&mut self, now: Instant) {
        while let Some(answer) = self.answers.front_mut() {
            let text = std::mem::take(&mut answer.waiting);
            answer.is_unflushed |= !text.trim().is_empty();
            let (is_finished, is_unflushed, is_flushing) =
                (answer.is_finished, answer.is_unflushed, answer.is_flushing);
            let (context, has_begun) = (answer.context, answer.has_begun);
            for piece in text_messages(&text) {
                self.transmit(Message::Text(json!({ "type": "Speak", "text": piece }).to_string()));
            }
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
            self.answers.pop_front();
            self.said(Said::Done(context));
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
        if let Some(answer) = self.answers.front_mut() {
            (answer.is_unflushed, answer.is_flushing, answer.has_begun) = (false, true, true);
        }
        self.flushes.push_back(now);
        self.until = Some(now + ANSWER);
        self.transmit(control("Flush"));
    }

    fn flushed(&mut self, now: Instant) {
        if self.clearing > 0 {
            return;
        }
        self.pieces = Pieces::default();
        self.until = None;
        if let Some(answer) = self.answers.front_mut() {
            answer.is_flushing = false;
        }
        self.proceed(now);
    }

    fn sound(&mut self, bytes: &[u8], now: Instant) {
        let is_flushing = |answer: &&Answer| answer.is_flushing || answer.is_unflushed;
        let Some(context) = self.answers.front().filter(is_flushing).map(|answer| answer.context) else {
            return tracing::debug!("sound of no answer ignored");
        };
        if self.clearing > 0 {
            return;
        }
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

/// The text in messages that are not too long, cut at spaces where there are any.
pub(super) fn text_messages(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(LONGEST) {
        let (head, _) = rest.split_at(end);
        let cut = head.rfind(char::is_whitespace).filter(|cut| *cut > 0).unwrap_or(end);
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

impl Mouth for Aura {
    fn open(&mut self, _config: &Config, _now: Instant) {
        // Its greeting (`Metadata`) may wait for the first words.
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
        let is_on_wire = self.answers.remove(at).is_some_and(|answer| answer.is_unflushed || answer.is_flushing);
        if is_on_wire {
            self.clearing += 1;
            self.pieces = Pieces::default();
            self.until = Some(now + ANSWER);
            self.transmit(control("Clear"));
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
            "Flushed" => self.flushed(now),
            "Cleared" => {
                self.clearing = self.clearing.saturating_sub(1);
                let is_flushing = self.answers.front().is_some_and(|answer| answer.is_flushing);
                self.until = self.until.filter(|_| self.clearing > 0 || is_flushing);
            }
            "Error" => self.fail(complaint(&frame)),
            "Warning" => tracing::debug!(code = string(&frame, "code"), "Aura warns"),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let waits = self.answers.front().is_some_and(|answer| answer.is_unflushed && !answer.is_flushing);
        let flush =
            self.flushes.front().filter(|_| waits).map(|first| (*first + MINUTE, "another flush to be allowed"));
        self.until.map(|until| (until, "the voice to speak")).into_iter().chain(flush).min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            return self.fail(trouble("Deepgram's voice does not answer."));
        }
        self.proceed(now);
    }
}
