//! The socket that knows turns.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Line;
use crate::cartesia::PIECE;
use crate::cascade::ear::Heard;

/// The greeting is not waited for longer: sound may go out before it.
const GREETING: Duration = Duration::from_secs(2);
/// A turn never ends while no sound comes at all: then it gets silence, so much at a time.
const MUTE: Duration = Duration::from_millis(500);
const SILENCE: Duration = Duration::from_millis(100);

/// What was heard.
#[derive(Debug)]
pub(super) struct Turns {
    greeted_at: Instant,
    is_in_turn: bool,
    /// It was told that the turn is probably over.
    is_ending: bool,
    /// The rest of this turn is of no interest.
    is_forgotten: bool,
    words: String,
    /// The sound stopped within a turn.
    is_filling: bool,
}

impl Turns {
    pub(super) fn open(patience: f32, now: Instant, line: &mut Line) -> Self {
        let this = Self {
            greeted_at: now + GREETING,
            is_in_turn: false,
            is_ending: false,
            is_forgotten: false,
            words: String::new(),
            is_filling: false,
        };
        this.configure(patience, line);
        this
    }

    /// The service takes 640 to 11200 ms and 0.05 to 0.5, start above eager end above end; its defaults are in the
    /// middle here. Its default for the eager end differs by version (0.3, 0.4): it is told.
    pub(super) fn configure(&self, patience: f32, line: &mut Line) {
        let patience = if patience.is_finite() { patience.clamp(0.0, 1.0) } else { 0.5 };
        let config = json!({
            "type": "config",
            "turn": {
                "eager_end_threshold": 0.4,
                "end_threshold": f64::from(((0.3 - 0.2 * patience) * 100.0).round()) / 100.0,
                "end_timeout_ms": (3_000.0 + 5_200.0 * patience).round() as u32,
            },
        });
        line.text(config.to_string());
    }

    pub(super) fn end(&mut self, line: &mut Line) {
        self.is_forgotten |= self.is_in_turn;
        line.tell(Heard::Ended(std::mem::take(&mut self.words)));
    }

    pub(super) fn clear(&mut self) {
        self.is_forgotten |= self.is_in_turn;
        self.words.clear();
    }

    fn begin(&mut self, line: &mut Line) {
        if !std::mem::replace(&mut self.is_in_turn, true) {
            (self.is_forgotten, self.is_ending) = (false, false);
            self.words.clear();
            line.tell(Heard::Started);
        }
    }

    pub(super) fn event(&mut self, kind: &str, frame: &Value, line: &mut Line) {
        line.ready();
        let words = || frame.get("transcript").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        match kind {
            "turn.start" => self.begin(line),
            "turn.update" => {
                self.begin(line);
                self.said(words(), line);
            }
            "turn.eager_end" if self.is_in_turn && !self.is_forgotten => {
                self.is_ending = true;
                self.words = words();
                line.tell(Heard::EagerEnd(self.words.clone()));
            }
            "turn.resume" if self.is_in_turn && !self.is_forgotten && std::mem::take(&mut self.is_ending) => {
                line.tell(Heard::Resumed);
            }
            "turn.end" if std::mem::take(&mut self.is_in_turn) => {
                self.words.clear();
                if !self.is_forgotten {
                    line.tell(Heard::Ended(words()));
                }
            }
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn said(&mut self, words: String, line: &mut Line) {
        if !self.is_forgotten && !words.is_empty() && words != self.words {
            self.words = words;
            line.tell(Heard::Words(self.words.clone()));
        }
    }

    pub(super) fn deadline(&self, line: &Line) -> Option<Instant> {
        if !line.is_ready {
            return Some(self.greeted_at);
        }
        let pause = if self.is_filling { SILENCE } else { MUTE };
        line.quiet_since.filter(|_| self.is_in_turn).map(|since| since + pause)
    }

    pub(super) fn timeout(&mut self, now: Instant, line: &mut Line) {
        if self.deadline(line).is_none_or(|at| now < at) {
            return;
        }
        if line.is_ready {
            self.is_filling = true;
            line.sound(&[0; PIECE], false, now);
        } else {
            line.ready();
        }
    }

    /// Sound comes again.
    pub(super) fn heard(&mut self) {
        self.is_filling = false;
    }
}
