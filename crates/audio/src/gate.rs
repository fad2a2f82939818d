//! What of the microphone goes to the sink: pre-roll, turn, tail.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Captured;

/// A microphone that delivers nothing must not hold back the end of a turn for longer than this.
const GRACE: Duration = Duration::from_millis(150);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open,
    Closing { left: usize, until: Instant },
}

/// Decides frame by frame. Lengths in samples at the wire rate.
#[derive(Debug)]
pub(crate) struct Gate {
    state: State,
    pre_roll: VecDeque<Vec<i16>>,
    kept: usize,
    most: usize,
    tail: Duration,
    tail_samples: usize,
}

impl Gate {
    /// A closed gate for frames at `rate` Hz.
    pub(crate) fn new(rate: u32, pre_roll: Duration, tail: Duration) -> Self {
        let samples = |duration: Duration| (duration.as_secs_f64() * f64::from(rate)).round() as usize;
        Self {
            state: State::Closed,
            pre_roll: VecDeque::new(),
            kept: 0,
            most: samples(pre_roll),
            tail,
            tail_samples: samples(tail),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// When a tail ends at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Closing { until, .. } => Some(until),
            State::Closed | State::Open => None,
        }
    }

    pub(crate) fn open(&mut self, sink: &mut dyn FnMut(Captured)) {
        if let State::Closing { .. } = self.state {
            // The next turn begins within the tail of the last one: no sample goes to both.
            self.end(sink);
        }
        self.state = State::Open;
        self.kept = 0;
        for frame in self.pre_roll.drain(..) {
            sink(Captured::Frame(frame));
        }
    }

    pub(crate) fn close(&mut self, now: Instant, sink: &mut dyn FnMut(Captured)) {
        if self.state != State::Open {
            return;
        }
        if self.tail_samples == 0 {
            return self.end(sink);
        }
        self.state = State::Closing { left: self.tail_samples, until: now + self.tail + GRACE };
    }

    /// Closes without a word; what was said is not kept for the next turn either.
    pub(crate) fn discard(&mut self) {
        self.state = State::Closed;
        self.pre_roll.clear();
        self.kept = 0;
    }

    pub(crate) fn frame(&mut self, frame: Vec<i16>, sink: &mut dyn FnMut(Captured)) {
        match self.state {
            State::Closed => self.keep(frame),
            State::Open => sink(Captured::Frame(frame)),
            State::Closing { left, until } => {
                let left = left.saturating_sub(frame.len());
                sink(Captured::Frame(frame));
                self.state = State::Closing { left, until };
                if left == 0 {
                    self.end(sink);
                }
            }
        }
    }

    /// Time has passed without a frame.
    pub(crate) fn tick(&mut self, now: Instant, sink: &mut dyn FnMut(Captured)) {
        if self.deadline().is_some_and(|until| now >= until) {
            self.end(sink);
        }
    }

    fn end(&mut self, sink: &mut dyn FnMut(Captured)) {
        self.discard();
        sink(Captured::End);
    }

    fn keep(&mut self, frame: Vec<i16>) {
        self.kept += frame.len();
        self.pre_roll.push_back(frame);
        while self.kept > self.most {
            let Some(oldest) = self.pre_roll.pop_front() else { break };
            self.kept -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(24_000, Duration::from_millis(500), Duration::from_millis(150))
    }

    fn frame(mark: i16) -> Vec<i16> {
        vec![mark; 240]
    }

    /// First samples of the frames, 0 for the end of a turn.
    fn marks(taken: &[Captured]) -> Vec<i16> {
        taken
            .iter()
            .map(|captured| match captured {
                Captured::Frame(samples) => samples.first().copied().unwrap_or_default(),
                Captured::Voice(_) | Captured::End | Captured::BargeIn | Captured::InputEnded => 0,
            })
            .collect()
    }

    #[test]
    fn the_last_500_ms_come_first() {
        let mut gate = gate();
        let mut taken = Vec::new();
        for mark in 1..=200 {
            gate.frame(frame(mark), &mut |captured| taken.push(captured));
        }
        assert!(taken.is_empty());
        gate.open(&mut |captured| taken.push(captured));
        gate.frame(frame(201), &mut |captured| taken.push(captured));
        assert_eq!(marks(&taken), (151..=201).collect::<Vec<_>>());
    }

    #[test]
    fn the_tail_is_150_ms_and_then_the_turn_ends_once() {
        let mut gate = gate();
        let mut taken = Vec::new();
        gate.open(&mut |captured| taken.push(captured));
        gate.close(Instant::now(), &mut |captured| taken.push(captured));
        for mark in 1..=20 {
            gate.frame(frame(mark), &mut |captured| taken.push(captured));
        }
        assert_eq!(marks(&taken), (1..=15).chain([0]).collect::<Vec<_>>());
    }

    #[test]
    fn the_next_turn_repeats_nothing_of_the_last_one() {
        let mut gate = gate();
        let mut taken = Vec::new();
        gate.open(&mut |captured| taken.push(captured));
        gate.frame(frame(1), &mut |captured| taken.push(captured));
        gate.close(Instant::now(), &mut |captured| taken.push(captured));
        gate.frame(frame(2), &mut |captured| taken.push(captured));
        gate.open(&mut |captured| taken.push(captured));
        gate.frame(frame(3), &mut |captured| taken.push(captured));
        assert_eq!(marks(&taken), [1, 2, 0, 3]);
    }

    #[test]
    fn a_discarded_turn_has_no_end_and_leaves_no_pre_roll() {
        let mut gate = gate();
        let mut taken = Vec::new();
        gate.frame(frame(1), &mut |captured| taken.push(captured));
        gate.open(&mut |captured| taken.push(captured));
        gate.discard();
        gate.tick(Instant::now() + Duration::from_secs(9), &mut |captured| taken.push(captured));
        gate.open(&mut |captured| taken.push(captured));
        assert_eq!(marks(&taken), [1]);
    }

    #[test]
    fn a_dead_microphone_does_not_hold_back_the_end() {
        let mut gate = gate();
        let mut taken = Vec::new();
        let now = Instant::now();
        gate.open(&mut |captured| taken.push(captured));
        gate.close(now, &mut |captured| taken.push(captured));
        gate.tick(now + Duration::from_millis(200), &mut |captured| taken.push(captured));
        assert!(taken.is_empty());
        gate.tick(now + Duration::from_millis(400), &mut |captured| taken.push(captured));
        assert_eq!(taken, [Captured::End]);
    }
}
