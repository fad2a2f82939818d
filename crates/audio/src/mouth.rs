//! An open speaker as the pipeline sees it: the ring, and what of it was heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rtrb::Producer;

use crate::callback::Line;
use crate::resample::Resampler;

/// What is kept in the ring at least, so that a late pipeline thread is not heard. It costs no latency: a flush drops it.
const DEPTH: Duration = Duration::from_millis(40);
/// Room that must be free in the ring before another step is poured into it.
const STEP: Duration = Duration::from_millis(10);
/// What is remembered of the ring: its depth and a slow device's own buffer.
const RECENT: Duration = Duration::from_millis(300);

/// The pipeline's end of an open speaker.
pub(crate) struct Mouth {
    pub(crate) ring: Producer<f32>,
    pub(crate) line: Arc<Line>,
    /// Samples per second of the device, in Hz.
    pub(crate) rate: u32,
}

/// A mouth with its resampler and its memory.
pub(crate) struct Speaker {
    pub(crate) mouth: Mouth,
    pub(crate) resampler: Resampler,
    pushed: u64,
    cut: u64,
    /// The last samples that went into the ring: what another speaker has to repeat.
    recent: VecDeque<f32>,
}

impl Speaker {
    pub(crate) fn new(mouth: Mouth, resampler: Resampler) -> Self {
        Self { mouth, resampler, pushed: 0, cut: 0, recent: VecDeque::new() }
    }

    /// Samples of the ring that will still be heard.
    pub(crate) fn fill(&self) -> u64 {
        self.pushed.saturating_sub(self.mouth.line.popped().max(self.cut))
    }

    fn samples(&self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * f64::from(self.mouth.rate)) as u64
    }

    /// How long `samples` of the device last.
    pub(crate) fn span(&self, samples: u64) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.mouth.rate))
    }

    pub(crate) fn has_room(&self) -> bool {
        let depth = self.samples(DEPTH).max(2 * u64::from(self.mouth.line.period()));
        self.fill() < depth && self.mouth.ring.slots() as u64 > 2 * self.samples(STEP)
    }

    /// Puts samples into the ring, as many as fit; returns from where to where they went.
    pub(crate) fn push(&mut self, samples: &[f32]) -> (u64, u64) {
        let (pushed, _) = self.mouth.ring.push_partial_slice(samples);
        let from = self.pushed;
        self.pushed += pushed.len() as u64;
        self.recent.extend(pushed.iter());
        let excess = self.recent.len().saturating_sub(self.samples(RECENT) as usize);
        self.recent.drain(..excess);
        (from, self.pushed)
    }

    /// Silences what is in the ring.
    pub(crate) fn cut(&mut self) {
        self.cut = self.pushed;
        self.mouth.line.cut(self.pushed);
        self.resampler.reset();
    }

    /// What was pushed and neither heard nor cut, as far as it is remembered; and where it begins.
    pub(crate) fn unheard(&self) -> (u64, Vec<f32>) {
        let first = self.audible().max(self.cut).max(self.pushed - self.recent.len() as u64);
        let known = self.recent.len() - (self.pushed - first) as usize;
        (first, self.recent.iter().skip(known).copied().collect())
    }

    /// Where the ear is: what was popped, less what is still on its way through the device.
    pub(crate) fn audible(&self) -> u64 {
        self.mouth.line.popped().saturating_sub(u64::from(self.mouth.line.lag()))
    }

    /// How long the device still plays what it already has.
    pub(crate) fn lag(&self) -> Duration {
        self.span(u64::from(self.mouth.line.lag() + self.mouth.line.period()))
    }

    /// How long after a callback its first sample is audible.
    pub(crate) fn latency(&self) -> Duration {
        let line = &self.mouth.line;
        // The lag is the average over the period.
        self.span(u64::from(line.lag().saturating_sub(line.period() / 2)))
    }
}
