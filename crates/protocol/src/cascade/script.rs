//! Captions in step with the sound: a line of an answer is told when its sound begins to come.

use std::collections::VecDeque;

use super::sentence::weight_of;
use crate::SAMPLE_RATE;

/// How fast voices speak, in weighed characters a second: where a mouth does not say how far it is.
const PACE: f64 = 15.0;

/// What is handed to the mouth and not told to the user yet.
#[derive(Debug, Default)]
pub(super) struct Script {
    lines: VecDeque<Line>,
    /// Characters handed to the mouth, and their weight.
    characters: usize,
    weight: usize,
    samples: u64,
    /// How far the mouth says it is, in characters; `None`: it does not say.
    reached: Option<usize>,
}

#[derive(Debug)]
struct Line {
    written: String,
    at: usize,
    weight: usize,
}

impl Script {
    /// A line as it is written, of which `spoken` is handed to the mouth.
    pub(super) fn push(&mut self, written: String, spoken: &str) {
        self.lines.push_back(Line { written, at: self.characters, weight: self.weight });
        self.characters += spoken.chars().count();
        self.weight += spoken.chars().map(weight_of).sum::<usize>();
    }

    /// So much more sound came; `speed` is that of the speech (1 = normal).
    pub(super) fn sounded(&mut self, samples: usize, speed: f32) -> String {
        self.samples += samples as u64;
        let reached = self.samples as f64 / f64::from(SAMPLE_RATE) * PACE * f64::from(speed);
        match self.reached {
            Some(at) => self.take(|line| line.at <= at),
            None => self.take(|line| line.weight as f64 <= reached),
        }
    }

    /// The sound that follows belongs to the text from this character on.
    pub(super) fn reached(&mut self, characters: usize) {
        self.reached = Some(characters);
    }

    /// All lines that are left.
    pub(super) fn rest(&mut self) -> String {
        self.take(|_| true)
    }

    fn take(&mut self, is_due: impl Fn(&Line) -> bool) -> String {
        let mut words = String::new();
        while self.lines.front().is_some_and(&is_due) {
            words.extend(self.lines.pop_front().map(|line| line.written));
        }
        words
    }
}
