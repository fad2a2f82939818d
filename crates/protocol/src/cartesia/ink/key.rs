//! The socket that is told when a turn is over: `finalize` and `close` are bare words in text frames.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Line;
use crate::cascade::ear::Heard;

/// Longest wait for the last words of a turn; what was understood so far stands then.
const WORDS: Duration = Duration::from_secs(6);

/// What was heard. Finals are pieces that follow each other with the spaces they need; the open piece is replaced.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// Samples since the last `finalize`.
    fresh: usize,
    /// Turns whose `flush_done` has not come: whether they are wanted.
    turns: VecDeque<bool>,
    settled: String,
    open: String,
    due: Option<Instant>,
}

impl Key {
    pub(super) fn heard(&mut self, samples: usize) {
        self.fresh += samples;
    }

    pub(super) fn end(&mut self, now: Instant, line: &mut Line) {
        if self.fresh == 0 {
            // With a turn before it under way, its words are not this one's.
            return line.tell(Heard::Ended(String::new()));
        }
        self.finalize(true, now, line);
    }

    pub(super) fn clear(&mut self, now: Instant, line: &mut Line) {
        if self.fresh > 0 {
            self.finalize(false, now, line);
        }
    }

    fn finalize(&mut self, is_wanted: bool, now: Instant, line: &mut Line) {
        self.fresh = 0;
        self.turns.push_back(is_wanted);
        self.due = Some(now + WORDS);
        line.text("finalize".to_owned());
    }

    pub(super) fn event(&mut self, kind: &str, frame: &Value, now: Instant, line: &mut Line) {
        match kind {
            "transcript" => {
                let text = frame.get("text").and_then(Value::as_str).unwrap_or_default();
                if frame.get("is_final").and_then(Value::as_bool) == Some(true) {
                    self.settled.push_str(text);
                    self.open.clear();
                } else {
                    text.clone_into(&mut self.open);
                }
                let words = self.words();
                if self.turns.front() != Some(&false) && !words.is_empty() {
                    line.tell(Heard::Words(words));
                }
            }
            "flush_done" => self.flushed(now, line),
            "done" => tracing::debug!("the ear says that it is done"),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn flushed(&mut self, now: Instant, line: &mut Line) {
        let Some(is_wanted) = self.turns.pop_front() else { return };
        self.due = self.due.filter(|_| !self.turns.is_empty()).map(|_| now + WORDS);
        let words = self.words();
        self.settled.clear();
        self.open.clear();
        if is_wanted {
            line.tell(Heard::Ended(words));
        }
    }

    fn words(&self) -> String {
        format!("{}{}", self.settled, self.open).trim().to_owned()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn timeout(&mut self, now: Instant, line: &mut Line) {
        while self.due.is_some_and(|due| due <= now) {
            self.due = None;
            for _ in 0..self.turns.len() {
                self.flushed(now, line);
            }
            self.due = None;
        }
    }
}
