//! The speaker side of the pipeline: from queued items to the playout ring.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtrb::Producer;

use crate::callback::Line;
use crate::jitter::JitterBuffer;
use crate::ledger::Ledger;
use crate::resample::{Resampler, Start, to_f32};
use crate::{Heard, ItemKey, Notice};

/// What is kept in the ring at least, so that a late pipeline thread is not heard. It costs no latency: a flush drops it.
const DEPTH: Duration = Duration::from_millis(40);
/// Room that must be free in the ring before another step is poured into it.
const STEP: Duration = Duration::from_millis(10);
/// What is remembered of the ring: its depth and a slow device's own buffer.
const RECENT: Duration = Duration::from_millis(300);
/// Longest queue.
const MOST: Duration = Duration::from_secs(300);

/// The pipeline's end of an open speaker.
pub(crate) struct Mouth {
    pub(crate) ring: Producer<f32>,
    pub(crate) line: Arc<Line>,
    /// Samples per second of the device, in Hz.
    pub(crate) rate: u32,
}

struct Speaker {
    mouth: Mouth,
    resampler: Resampler,
    pushed: u64,
    cut: u64,
    /// The last samples that went into the ring: what another speaker has to repeat.
    recent: VecDeque<f32>,
}

impl Speaker {
    /// Samples of the ring that will still be heard.
    fn fill(&self) -> u64 {
        self.pushed.saturating_sub(self.mouth.line.popped().max(self.cut))
    }

    fn samples(&self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * f64::from(self.mouth.rate)) as u64
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs_f64(self.fill() as f64 / f64::from(self.mouth.rate))
    }

    fn has_room(&self) -> bool {
        let depth = self.samples(DEPTH).max(2 * u64::from(self.mouth.line.period()));
        self.fill() < depth && self.mouth.ring.slots() as u64 > 2 * self.samples(STEP)
    }

    /// Puts samples into the ring; returns from where to where they went.
    fn push(&mut self, samples: &[f32]) -> (u64, u64) {
        let (pushed, _) = self.mouth.ring.push_partial_slice(samples);
        let from = self.pushed;
        self.pushed += pushed.len() as u64;
        self.recent.extend(pushed.iter());
        let excess = self.recent.len().saturating_sub(self.samples(RECENT) as usize);
        self.recent.drain(..excess);
        (from, self.pushed)
    }

    /// What was pushed and neither heard nor cut, as far as it is remembered; and where it begins.
    fn unheard(&self) -> (u64, Vec<f32>) {
        let first = self.audible().max(self.cut).max(self.pushed - self.recent.len() as u64);
        let known = self.recent.len() - (self.pushed - first) as usize;
        (first, self.recent.iter().skip(known).copied().collect())
    }

    /// Where the ear is: what was popped, less what is still on its way through the device.
    fn audible(&self) -> u64 {
        self.mouth.line.popped().saturating_sub(u64::from(self.mouth.line.lag()))
    }
}

/// Queue, jitter buffer, resampler and ring of the speaker. Never touched by a callback.
pub(crate) struct Playout {
    wire_rate: u32,
    jitter: JitterBuffer,
    ledger: Ledger,
    speaker: Option<Speaker>,
    /// What a lost speaker still held, with its rate, and the resampler that made it.
    unheard: Option<(u32, Vec<f32>)>,
    resampler: Option<Resampler>,
    is_off: bool,
    notices: Vec<Notice>,
    samples: Vec<f32>,
    converted: Vec<f32>,
}

impl Playout {
    /// Nothing queued, no speaker yet.
    pub(crate) fn new(wire_rate: u32) -> Self {
        Self {
            wire_rate,
            jitter: JitterBuffer::new(wire_rate),
            ledger: Ledger::new(wire_rate),
            speaker: None,
            unheard: None,
            resampler: None,
            is_off: false,
            notices: Vec::new(),
            samples: Vec::new(),
            converted: Vec::new(),
        }
    }

    /// Speaks through `mouth` from now on. What the last speaker still held is repeated, if the rates are equal.
    pub(crate) fn attach(&mut self, mouth: Mouth) {
        self.detach();
        self.is_off = false;
        let (rate, lost) = self.unheard.take().unwrap_or((mouth.rate, Vec::new()));
        let repeated = if rate == mouth.rate { lost } else { Vec::new() };
        if rate != mouth.rate {
            self.ledger.rebase(u64::MAX);
        }
        let resampler = match self.resampler.take() {
            Some(resampler) if rate == mouth.rate => resampler,
            Some(_) | None => Resampler::new(self.wire_rate, mouth.rate, self.wire_rate as usize / 200, Start::Aligned),
        };
        self.ledger.set_rate(mouth.rate);
        let mut speaker = Speaker { mouth, resampler, pushed: 0, cut: 0, recent: VecDeque::new() };
        speaker.push(&repeated);
        self.speaker = Some(speaker);
    }

    /// The speaker is gone; the queue waits for the next one.
    pub(crate) fn detach(&mut self) {
        if let Some(speaker) = self.speaker.take() {
            let (first, samples) = speaker.unheard();
            self.ledger.rebase(first);
            self.unheard = Some((speaker.mouth.rate, samples));
            self.resampler = Some(speaker.resampler);
        }
    }

    /// No speaker is wanted: nothing is queued from now on.
    pub(crate) fn turn_off(&mut self) {
        self.flush();
        self.detach();
        self.is_off = true;
    }

    /// Whether another piece may be queued.
    pub(crate) fn has_room(&self) -> bool {
        (self.jitter.queued() as u64) < MOST.as_secs() * u64::from(self.wire_rate)
    }

    pub(crate) fn play(&mut self, item: ItemKey, pcm: Vec<i16>, now: Instant) {
        if self.is_off || pcm.is_empty() {
            return;
        }
        self.ledger.received(item, pcm.len());
        self.jitter.push(item, pcm, now, self.ahead());
    }

    pub(crate) fn finish(&mut self, item: ItemKey) {
        self.jitter.finish(item);
    }

    pub(crate) fn flush(&mut self) -> Vec<Heard> {
        self.settle();
        self.jitter.clear();
        let Some(speaker) = &mut self.speaker else {
            (self.unheard, self.resampler) = (None, None);
            return self.ledger.cut(0);
        };
        let heard = self.ledger.cut(speaker.audible());
        speaker.cut = speaker.pushed;
        speaker.mouth.line.cut(speaker.pushed);
        speaker.resampler.reset();
        heard
    }

    pub(crate) fn heard(&self, item: ItemKey) -> Duration {
        self.ledger.heard(item, self.speaker.as_ref().map_or(0, Speaker::audible))
    }

    pub(crate) fn is_playing(&self) -> bool {
        let is_held = self.unheard.as_ref().is_some_and(|(_, samples)| !samples.is_empty());
        self.jitter.queued() > 0 || is_held || self.speaker.as_ref().is_some_and(|speaker| speaker.fill() > 0)
    }

    /// How long the device still plays what it already has.
    pub(crate) fn lag(&self) -> Duration {
        self.speaker.as_ref().map_or(Duration::ZERO, |speaker| {
            let samples = speaker.mouth.line.lag() + speaker.mouth.line.period();
            Duration::from_secs_f64(f64::from(samples) / f64::from(speaker.mouth.rate))
        })
    }

    pub(crate) fn underruns(&self) -> u32 {
        self.jitter.underruns()
    }

    pub(crate) fn cushion(&self) -> Duration {
        self.jitter.cushion()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.speaker.as_ref().and_then(|_| self.jitter.deadline())
    }

    /// Fills the ring up to its depth and tells what happened since the last time.
    pub(crate) fn pour(&mut self, now: Instant) -> Vec<Notice> {
        self.settle();
        let most = self.wire_rate as usize / 100;
        while self.speaker.as_ref().is_some_and(Speaker::has_room) {
            let ahead = self.ahead();
            let Some(due) = self.jitter.pop(most, now, ahead) else { break };
            self.samples.clear();
            self.samples.extend(due.samples.iter().map(|sample| to_f32(*sample)));
            self.push(due.item, due.is_last);
        }
        if let Some(speaker) = &self.speaker {
            let is_live = speaker.fill() > 0 || self.jitter.queued() > 0;
            speaker.mouth.line.set_live(is_live);
        }
        std::mem::take(&mut self.notices)
    }

    fn push(&mut self, item: ItemKey, is_last: bool) {
        let Some(speaker) = &mut self.speaker else { return };
        self.converted.clear();
        speaker.resampler.push(&self.samples, &mut self.converted);
        if is_last {
            speaker.resampler.finish(&mut self.converted);
        }
        let (from, to) = speaker.push(&self.converted);
        self.ledger.poured(item, from, to);
        if is_last {
            self.ledger.is_poured(item);
            self.settle();
        }
    }

    fn settle(&mut self) {
        // Without a speaker nothing moves.
        if let Some(speaker) = &self.speaker {
            self.ledger.advance(speaker.mouth.line.popped(), &mut self.notices);
        }
    }

    fn ahead(&self) -> Duration {
        self.speaker.as_ref().map_or(Duration::ZERO, Speaker::ahead)
    }
}
