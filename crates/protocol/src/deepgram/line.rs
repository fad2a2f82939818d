//! What Deepgram's mouths have in common. Their sound names no answer: what belongs to whom is told by order alone. So one
//! answer is on the wire at a time, the others wait in line, and after a stop nothing counts before it is confirmed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{control, trouble};
use crate::Message;
use crate::cascade::mouth::{Context, MouthDeed, Said};
use crate::openai::refusal::Complaint;
use crate::pcm::Pieces;

/// Longest text of one message, in characters.
const LONGEST: usize = 2_000;
/// A question that wants an answer gets one within this time.
const ANSWER: Duration = Duration::from_secs(10);

/// How far the service is with an answer.
pub(super) trait Progress: Default {
    /// The control message that stops an answer on the wire.
    const STOP: &'static str;

    /// Some of its text was sent, and not all of its sound has come.
    fn is_on_wire(&self) -> bool;
    /// Sound that comes now is its sound.
    fn is_spoken(&self) -> bool;
    /// The service was asked for all of its sound.
    fn is_awaited(&self) -> bool;
}

/// An answer that is to be spoken.
#[derive(Debug)]
pub(super) struct Answer<P> {
    pub(super) context: Context,
    /// Text that was not sent yet.
    waiting: String,
    pub(super) is_finished: bool,
    pub(super) progress: P,
}

/// The answers that are to be spoken, the present one first.
#[derive(Debug, Default)]
pub(super) struct Line<P> {
    answers: VecDeque<Answer<P>>,
    /// Stops that were not confirmed: what comes is of no interest.
    stops: u32,
    /// When sound, its end, or the answer to a stop must have come.
    until: Option<Instant>,
    /// The sound, whose frames may end in the middle of a sample.
    pieces: Pieces,
    deeds: VecDeque<MouthDeed>,
}

impl<P: Progress> Line<P> {
    pub(super) fn transmit(&mut self, message: Message) {
        self.deeds.push_back(MouthDeed::Transmit(message));
    }

    pub(super) fn said(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    pub(super) fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    pub(super) fn speak(&mut self, context: Context, text: &str) {
        self.answer(context).waiting.push_str(text);
    }

    pub(super) fn finish(&mut self, context: Context) {
        self.answer(context).is_finished = true;
    }

    fn answer(&mut self, context: Context) -> &mut Answer<P> {
        let at = self.answers.iter().position(|answer| answer.context == context).unwrap_or_else(|| {
            let waiting = String::new();
            self.answers.push_back(Answer { context, waiting, is_finished: false, progress: P::default() });
            self.answers.len() - 1
        });
        &mut self.answers[at]
    }

    /// Takes an answer out; what is on the wire of it is stopped.
    pub(super) fn cancel(&mut self, context: Context, now: Instant) {
        let Some(at) = self.answers.iter().position(|answer| answer.context == context) else { return };
        if self.answers.remove(at).is_some_and(|answer| answer.progress.is_on_wire()) {
            self.stops += 1;
            self.pieces = Pieces::default();
            self.expect(now);
            self.transmit(control(P::STOP));
        }
    }

    /// Sends what waits of the present answer. Whether there was anything to say in it; `None` without an answer.
    pub(super) fn send(&mut self) -> Option<bool> {
        let text = std::mem::take(&mut self.answers.front_mut()?.waiting);
        for piece in text_messages(&text) {
            self.transmit(Message::Text(json!({ "type": "Speak", "text": piece }).to_string()));
        }
        Some(!text.trim().is_empty())
    }

    pub(super) fn present(&self) -> Option<&Answer<P>> {
        self.answers.front()
    }

    pub(super) fn present_mut(&mut self) -> Option<&mut Answer<P>> {
        self.answers.front_mut()
    }

    /// The present answer was spoken.
    pub(super) fn done(&mut self) {
        if let Some(answer) = self.answers.pop_front() {
            self.said(Said::Done(answer.context));
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stops > 0
    }

    /// A stop was confirmed.
    pub(super) fn stopped(&mut self) {
        self.stops = self.stops.saturating_sub(1);
        let is_awaited = self.answers.front().is_some_and(|answer| answer.progress.is_awaited());
        self.until = self.until.filter(|_| self.is_stopping() || is_awaited);
    }

    /// Something has to come from now on.
    pub(super) fn expect(&mut self, now: Instant) {
        self.until = Some(now + ANSWER);
    }

    /// All sound that was asked for has come.
    pub(super) fn complete(&mut self) {
        self.pieces = Pieces::default();
        self.until = None;
    }

    /// A binary frame of the service.
    pub(super) fn sound(&mut self, bytes: &[u8], now: Instant) {
        let present = self.answers.front().filter(|answer| answer.progress.is_spoken() && !self.is_stopping());
        let Some(context) = present.map(|answer| answer.context) else {
            return tracing::debug!("sound of no answer ignored");
        };
        self.until = self.until.map(|_| now + ANSWER);
        let pcm = self.pieces.samples(bytes);
        if !pcm.is_empty() {
            self.said(Said::Audio { context, pcm });
        }
    }

    pub(super) fn fail(&mut self, complaint: Complaint) {
        self.until = None;
        self.said(Said::Failed { context: None, complaint });
    }

    pub(super) fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.until.map(|until| (until, "the voice to speak"))
    }

    /// Whether the service is too late, which is told.
    pub(super) fn is_late(&mut self, now: Instant) -> bool {
        let is_late = self.until.is_some_and(|until| until <= now);
        if is_late {
            self.fail(trouble("Deepgram's voice does not answer."));
        }
        is_late
    }
}

/// The text in messages that are not too long, cut at spaces where there are any.
fn text_messages(text: &str) -> Vec<&str> {
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
