//! The speaker side of the pipeline: from queued items to the playout ring.
//!
//! ```text
//! play ─ jitter buffer ─ stretch (speed) ─ resampler (rate, trim) ─ batches ─ ring ─ callback (gain, fades)
//! ```
//!
//! Where nothing is due the callback goes on with silence, faded in and out. No noise is put there: what answers
//! breathes by itself, and the echo canceller and recordings would hear it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::cue::Cue;
use crate::jitter::{Due, JitterBuffer};
use crate::ledger::Ledger;
pub(crate) use crate::mouth::Mouth;
use crate::mouth::Speaker;
use crate::resample::{Resampler, Start, to_f32};
use crate::stretch::{SPEEDS, Stretch};
use crate::{Heard, ItemKey, Notice};

/// Gain behind the user's voice: -24 dB.
const DUCKED: f32 = 0.063;
/// Longest queue: far more than an answer is, so that none without end fills the memory.
const MOST: Duration = Duration::from_secs(1_200);
/// With less than this queued, in s, a fast speed falls back to 1, so that it does not use up what has not come yet.
const HASTE: Range<f32> = 0.1..0.5;
/// Between the two it changes in this many steps.
const HASTE_STEPS: f32 = 8.0;

/// The item of every cue; nobody outside hears of it.
const CUE: ItemKey = ItemKey(u64::MAX);

/// Samples at the speaker's rate that did not fit into the ring yet.
struct Batch {
    samples: Vec<f32>,
    at: usize,
    /// `None`: the ledger knows them already.
    label: Option<Label>,
}

/// Whose samples these are.
#[derive(Debug, Clone, Copy)]
struct Label {
    item: ItemKey,
    /// Wire samples that one sample stands for.
    pace: f64,
    is_last: bool,
}

/// Queue, jitter buffer, stretch, resampler and ring of the speaker. Never touched by a callback.
pub(crate) struct Playout {
    wire_rate: u32,
    jitter: JitterBuffer,
    stretch: Stretch,
    speed: f32,
    batches: VecDeque<Batch>,
    ledger: Ledger,
    speaker: Option<Speaker>,
    /// Rate and resampler of a speaker that was lost; what it still held is the first batch.
    lost: Option<(u32, Resampler)>,
    /// What was poured last.
    current: Option<ItemKey>,
    is_off: bool,
    /// What was queued last is a cue.
    has_cue: bool,
    volume: f32,
    is_ducked: bool,
    notices: Vec<Notice>,
    samples: Vec<f32>,
    stretched: Vec<f32>,
}

impl Playout {
    /// Nothing queued, no speaker yet.
    pub(crate) fn new(wire_rate: u32) -> Self {
        Self {
            wire_rate,
            jitter: JitterBuffer::new(wire_rate),
            stretch: Stretch::new(wire_rate),
            speed: 1.0,
            batches: VecDeque::new(),
            ledger: Ledger::new(wire_rate),
            speaker: None,
            lost: None,
            current: None,
            is_off: false,
            has_cue: false,
            volume: 1.0,
            is_ducked: false,
            notices: Vec::new(),
            samples: Vec::new(),
            stretched: Vec::new(),
        }
    }

    /// Speaks through `mouth` from now on. What the last speaker still held is repeated, if the rates are equal.
    pub(crate) fn attach(&mut self, mouth: Mouth) {
        self.detach();
        self.is_off = false;
        let resampler = match self.lost.take() {
            Some((rate, resampler)) if rate == mouth.rate => resampler,
            Some(_) | None => {
                self.forget_batches();
                Resampler::elastic(self.wire_rate, mouth.rate, self.wire_rate as usize / 200, Start::Aligned)
            }
        };
        self.speaker = Some(Speaker::new(mouth, resampler));
        self.apply_gain();
    }

    /// Speed of everything that is poured from now on, 0.75 to 1.5; the pitch stays.
    pub(crate) fn set_speed(&mut self, speed: f32) {
        self.speed = if speed.is_finite() { speed.clamp(*SPEEDS.start(), *SPEEDS.end()) } else { 1.0 };
    }

    /// Least start cushion of the jitter buffer.
    pub(crate) fn set_cushion(&mut self, cushion: Duration) {
        self.jitter.set_cushion(cushion);
    }

    /// Loudness of everything, 0 to 1.
    pub(crate) fn set_volume(&mut self, volume: f32) {
        self.volume = if volume.is_finite() { volume.clamp(0.0, 1.0) } else { 1.0 };
        self.apply_gain();
    }

    /// Steps back behind the user's voice, or forward again.
    pub(crate) fn duck(&mut self, is_ducked: bool) {
        self.is_ducked = is_ducked;
        self.apply_gain();
    }

    fn apply_gain(&self) {
        if let Some(speaker) = &self.speaker {
            speaker.mouth.line.set_gain(self.volume * if self.is_ducked { DUCKED } else { 1.0 });
        }
    }

    /// The speaker is gone; the queue waits for the next one.
    pub(crate) fn detach(&mut self) {
        if let Some(speaker) = self.speaker.take() {
            let (first, samples) = speaker.unheard();
            self.ledger.rebase(first);
            self.batches.push_front(Batch { samples, at: 0, label: None });
            self.lost = Some((speaker.mouth.rate, speaker.resampler));
        }
    }

    /// No speaker is wanted: nothing is queued from now on.
    pub(crate) fn turn_off(&mut self) {
        self.flush();
        self.detach();
        self.is_off = true;
    }

    /// Samples at the rate of another speaker.
    fn forget_batches(&mut self) {
        for label in self.batches.drain(..).filter_map(|batch| batch.label).filter(|label| label.is_last) {
            self.ledger.is_poured(label.item);
        }
        self.ledger.rebase(u64::MAX);
    }

    /// Plays a cue if nothing else plays.
    pub(crate) fn cue(&mut self, cue: Cue, now: Instant) {
        if self.speaker.is_some() && !self.is_playing() {
            self.play(CUE, cue.samples(self.wire_rate), now);
            self.finish(CUE);
            self.has_cue = true;
        }
    }

    pub(crate) fn play(&mut self, item: ItemKey, pcm: Vec<i16>, now: Instant) {
        if self.is_off || pcm.is_empty() {
            return;
        }
        if self.jitter.queued() as u64 >= MOST.as_secs() * u64::from(self.wire_rate) {
            return tracing::warn!(samples = pcm.len(), "too much is queued for the speaker");
        }
        // An answer does not wait for a cue.
        if std::mem::take(&mut self.has_cue) && self.is_playing() {
            self.flush();
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
        self.stretch.reset();
        self.batches.clear();
        self.current = None;
        let mut heard = match &mut self.speaker {
            Some(speaker) => {
                let heard = self.ledger.cut(speaker.audible());
                speaker.cut();
                heard
            }
            None => {
                self.lost = None;
                self.ledger.cut(0)
            }
        };
        heard.retain(|heard| heard.item != CUE);
        heard
    }

    pub(crate) fn heard(&self, item: ItemKey) -> Duration {
        self.ledger.heard(item, self.speaker.as_ref().map_or(0, Speaker::audible))
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.jitter.queued() > 0 || !self.ahead().is_zero()
    }

    /// Something comes out of a speaker: not while it is lost, and what is queued waits for another.
    pub(crate) fn is_audible(&self) -> bool {
        self.speaker.is_some() && self.is_playing()
    }

    /// How long the device still plays what it already has.
    pub(crate) fn lag(&self) -> Duration {
        self.speaker.as_ref().map_or(Duration::ZERO, Speaker::lag)
    }

    /// How long after its callback a sample is audible.
    pub(crate) fn latency(&self) -> Duration {
        self.speaker.as_ref().map_or(Duration::ZERO, Speaker::latency)
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
        while self.speaker.as_ref().is_some_and(Speaker::has_room) {
            if !self.batches.is_empty() {
                self.pour_batch();
            } else if !self.take(now) {
                break;
            }
        }
        let is_live = self.is_playing();
        if let Some(speaker) = &self.speaker {
            speaker.mouth.line.set_live(is_live);
        }
        let is_cue = |notice: &Notice| matches!(notice, Notice::Started(CUE) | Notice::Finished(CUE));
        self.notices.retain(|notice| !is_cue(notice));
        std::mem::take(&mut self.notices)
    }

    /// Makes a batch of what is due; `false` when there is nothing.
    fn take(&mut self, now: Instant) -> bool {
        let speed = self.present_speed();
        match self.jitter.pop(self.wire_rate as usize / 100, now, self.ahead()) {
            Some(due) => {
                self.convert(&due, speed);
                true
            }
            None => self.run_out(),
        }
    }

    /// There is nothing to catch up with when a sender is no faster than real time.
    fn present_speed(&self) -> f32 {
        if self.speed <= 1.0 || self.jitter.is_whole() {
            return self.speed;
        }
        let queued = self.jitter.queued() as f32 / self.wire_rate as f32;
        let share = ((queued - HASTE.start) / (HASTE.end - HASTE.start)).clamp(0.0, 1.0);
        1.0 + (self.speed - 1.0) * (share * HASTE_STEPS).floor() / HASTE_STEPS
    }

    fn convert(&mut self, due: &Due, speed: f32) {
        self.samples.clear();
        self.samples.extend(due.samples.iter().map(|sample| to_f32(*sample)));
        self.stretched.clear();
        self.stretch.push(&self.samples, speed, &mut self.stretched);
        if due.is_last {
            self.stretch.finish(speed, &mut self.stretched);
        }
        self.current = Some(due.item);
        self.resample(due.item, due.is_last, speed);
    }

    fn resample(&mut self, item: ItemKey, is_last: bool, speed: f32) {
        let Some(speaker) = &mut self.speaker else { return };
        let share = self.jitter.share();
        speaker.resampler.trim(share);
        let mut samples = Vec::with_capacity(self.stretched.len() * 2);
        speaker.resampler.push(&self.stretched, &mut samples);
        if is_last {
            speaker.resampler.finish(&mut samples);
        }
        let pace = f64::from(speed) * f64::from(self.wire_rate) / f64::from(speaker.mouth.rate) / (1.0 + share);
        self.batches.push_back(Batch { samples, at: 0, label: Some(Label { item, pace, is_last }) });
    }

    /// The queue ran dry in the middle of an item: what waits in the stretch for more is spoken before silence begins.
    fn run_out(&mut self) -> bool {
        let is_dry = self.jitter.queued() == 0 && self.speaker.as_ref().is_some_and(|speaker| speaker.fill() == 0);
        let Some(item) = self.current.filter(|_| is_dry && self.stretch.held() > 0) else { return false };
        self.stretched.clear();
        self.stretch.finish(self.speed, &mut self.stretched);
        self.resample(item, false, self.speed);
        true
    }

    /// Puts as much of the first batch into the ring as fits.
    fn pour_batch(&mut self) {
        let (Some(batch), Some(speaker)) = (self.batches.front_mut(), &mut self.speaker) else { return };
        let (from, to) = speaker.push(batch.samples.get(batch.at..).unwrap_or_default());
        batch.at += (to - from) as usize;
        let is_empty = batch.at >= batch.samples.len();
        let label = batch.label;
        if is_empty {
            self.batches.pop_front();
        }
        let Some(label) = label else { return };
        self.ledger.poured(label.item, from, to, label.pace);
        if is_empty && label.is_last {
            self.ledger.is_poured(label.item);
            self.settle();
        }
    }

    fn settle(&mut self) {
        // Without a speaker nothing moves.
        if let Some(speaker) = &self.speaker {
            self.ledger.advance(speaker.mouth.line.popped(), speaker.audible(), &mut self.notices);
        }
    }

    /// How long what has left the jitter buffer still lasts.
    fn ahead(&self) -> Duration {
        let held = self.stretch.held() as f64 / f64::from(self.wire_rate) / f64::from(self.speed);
        let batched: usize = self.batches.iter().map(|batch| batch.samples.len() - batch.at).sum();
        let rate = self.speaker.as_ref().map(|speaker| speaker.mouth.rate);
        let rate = rate.or_else(|| self.lost.as_ref().map(|(rate, _)| *rate)).unwrap_or(self.wire_rate);
        let filled = self.speaker.as_ref().map_or(0, Speaker::fill);
        Duration::from_secs_f64(held + (batched as f64 + filled as f64) / f64::from(rate))
    }
}

#[cfg(test)]
mod tests;
