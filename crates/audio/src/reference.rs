//! The far end: what the speaker played, in step with the microphone's frames.
//!
//! Both devices have clocks of their own. The queue between them is held at one level by converting a little faster or
//! slower than the rates say, so that the echo keeps its place for hours. The canceller gets the far end before it is
//! queued: an echo must not come before its cause.

use std::time::Duration;

use rtrb::Consumer;

use crate::front::{CORE_RATE, FRAME};
use crate::resample::{Resampler, Start};

/// The pipeline's end of what a speaker played.
pub(crate) struct FarEnd {
    pub(crate) ring: Consumer<f32>,
    /// Samples per second of the device, in Hz.
    pub(crate) rate: u32,
}

/// Samples at the core rate that wait on average, at first and at most: the callbacks of two devices come in bursts.
const LEVEL: (f64, f64) = (0.025 * CORE_RATE as f64, 0.085 * CORE_RATE as f64);
/// How much it grows when the far end broke off.
const GROWTH: f64 = 0.010 * CORE_RATE as f64;
/// A queue longer than this is no drift but a gap in the microphone: it is cut back.
const MOST: usize = CORE_RATE as usize / 5;
/// How long the queue's level is averaged, and how long it takes to correct it, in s. Slow: bursts that slide past the
/// frames look like a drift for a while.
const AVERAGED: f64 = 20.0;
const CORRECTED: f64 = 60.0;
/// Frames per second.
const FRAMES: f64 = CORE_RATE as f64 / FRAME as f64;
/// Trim per sample that the level is off, in parts of the rate.
const PULL: f64 = 1.0 / (CORRECTED * CORE_RATE as f64);
/// The same, summed up per frame: takes away what a constant drift leaves, without swinging.
const LEARN: f64 = PULL / (4.0 * CORRECTED * FRAMES);
/// Largest trim: ten times what bad crystals differ by.
const LIMIT: f64 = 0.001;

/// Makes one far frame for each microphone frame.
pub(crate) struct Reference {
    far_end: FarEnd,
    resampler: Resampler,
    queue: Vec<f32>,
    fresh: Vec<f32>,
    scratch: Vec<f32>,
    target: f64,
    level: f64,
    learnt: f64,
    has_begun: bool,
}

impl Reference {
    /// Reads `far_end`.
    pub(crate) fn new(far_end: FarEnd) -> Self {
        let chunk = far_end.rate as usize / 100;
        Self {
            resampler: Resampler::elastic(far_end.rate, CORE_RATE, chunk, Start::Live),
            far_end,
            queue: Vec::new(),
            fresh: Vec::new(),
            scratch: Vec::new(),
            target: LEVEL.0,
            level: LEVEL.0,
            learnt: 0.0,
            has_begun: false,
        }
    }

    /// The next 10 ms of the far end; silence where there is none. `played` gets what came since the last time, in
    /// frames, sooner than it comes out here.
    pub(crate) fn frame(&mut self, out: &mut [f32; FRAME], played: impl FnMut(&[f32; FRAME])) {
        self.collect(played);
        out.fill(0.0);
        if !self.has_begun {
            // First fill up: an empty queue would break off with the next burst.
            self.has_begun = self.queue.len() as f64 >= self.target + FRAME as f64;
            return;
        }
        if self.queue.len() > MOST {
            self.queue.drain(..self.queue.len() - self.target as usize);
            self.level = self.target;
        }
        if self.queue.len() < FRAME {
            tracing::debug!(queued = self.queue.len(), "the far end broke off");
            self.has_begun = false;
            self.target = (self.target + GROWTH).min(LEVEL.1);
            self.level = self.target;
        }
        let count = FRAME.min(self.queue.len());
        for (to, from) in out.iter_mut().zip(self.queue.drain(..count)) {
            *to = from;
        }
        self.trim();
    }

    /// How much later than it was played the frame just made is.
    pub(crate) fn held(&self) -> Duration {
        Duration::from_secs_f64(self.queue.len() as f64 / f64::from(CORE_RATE))
    }

    fn collect(&mut self, played: impl FnMut(&[f32; FRAME])) {
        self.scratch.clear();
        self.scratch.resize(self.far_end.ring.slots(), 0.0);
        let (fresh, _) = self.far_end.ring.pop_partial_slice(&mut self.scratch);
        let before = self.queue.len();
        self.resampler.push(fresh, &mut self.queue);
        self.fresh.extend_from_slice(self.queue.get(before..).unwrap_or_default());
        let (frames, rest) = self.fresh.as_chunks();
        frames.iter().for_each(played);
        let taken = self.fresh.len() - rest.len();
        self.fresh.drain(..taken);
    }

    /// A full queue means that the speaker's clock is fast: fewer samples are made of it.
    fn trim(&mut self) {
        self.level += (self.queue.len() as f64 - self.level) / (AVERAGED * FRAMES);
        let excess = self.level - self.target;
        self.learnt = (self.learnt + excess * LEARN).clamp(-LIMIT, LIMIT);
        self.resampler.trim((-excess * PULL - self.learnt).clamp(-LIMIT, LIMIT));
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;

    /// Runs both clocks for `seconds`; the speaker's is off by `ppm` and calls every `period` ms. Returns how often the
    /// far end broke off, how often it was cut back, and how far the echo moves in the second half, in ms.
    fn drift(ppm: f64, period: usize, seconds: usize) -> (u32, u32, f64) {
        let (mut ring, far) = RingBuffer::new(24_000);
        let mut reference = Reference::new(FarEnd { ring: far, rate: 48_000 });
        let (mut owed, mut sent, mut broken, mut cut) = (0.0, 0_u64, 0, 0);
        let (mut low, mut high) = (f64::MAX, 0.0_f64);
        let burst = vec![0.25; period * 48];
        let mut out = [0.0; FRAME];
        for tick in 0..seconds * 100 {
            owed += 480.0 * (1.0 + ppm * 1e-6);
            while owed >= burst.len() as f64 {
                owed -= burst.len() as f64;
                sent += burst.len() as u64;
                let (pushed, _) = ring.push_partial_slice(&burst);
                assert_eq!(pushed.len(), burst.len());
            }
            let (had_begun, before) = (reference.has_begun, reference.queue.len());
            reference.frame(&mut out, |_| {});
            broken += u32::from(had_begun && !reference.has_begun);
            cut += u32::from(before > MOST);
            if tick > seconds * 50 {
                // What was played and not yet compared.
                let waiting = (owed + reference.queue.len() as f64) / 48.0;
                (low, high) = (low.min(waiting), high.max(waiting));
            }
        }
        assert!(sent > 0);
        (broken, cut, high - low)
    }

    fn stays_in_step_for_an_hour(ppm: f64) {
        let (broken, cut, moved) = drift(ppm, 10, 3_600);
        assert_eq!((broken, cut), (0, 0));
        assert!(moved < 3.0, "the echo moves by {moved:.2} ms");
    }

    #[test]
    fn a_speaker_clock_that_is_200_ppm_fast_stays_in_step_for_an_hour() {
        stays_in_step_for_an_hour(200.0);
    }

    #[test]
    fn a_speaker_clock_that_is_200_ppm_slow_stays_in_step_for_an_hour() {
        stays_in_step_for_an_hour(-200.0);
    }

    #[test]
    fn a_speaker_that_calls_in_bursts_is_followed_without_a_break() {
        for period in [20, 40] {
            let (broken, cut, _) = drift(150.0, period, 300);
            assert!(broken <= 4, "{period} ms: broke off {broken} times before it knew the bursts");
            assert_eq!(cut, 0);
        }
    }

    #[test]
    fn no_speaker_gives_silence() {
        let (_ring, far) = RingBuffer::new(480);
        let mut reference = Reference::new(FarEnd { ring: far, rate: 44_100 });
        let mut out = [1.0; FRAME];
        reference.frame(&mut out, |_| {});
        assert!(out.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn the_canceller_hears_of_it_before_it_is_queued() {
        let (mut ring, far) = RingBuffer::new(4_800);
        let mut reference = Reference::new(FarEnd { ring: far, rate: 48_000 });
        let (_, lost) = ring.push_partial_slice(&[0.5; 960]);
        assert!(lost.is_empty());
        let (mut out, mut played) = ([0.0; FRAME], 0);
        reference.frame(&mut out, |_| played += 1);
        assert_eq!((played, out), (2, [0.0; FRAME]));
    }

    #[test]
    fn what_was_played_comes_out_unchanged() {
        let (mut ring, far) = RingBuffer::new(48_000);
        let mut reference = Reference::new(FarEnd { ring: far, rate: 48_000 });
        let tone: Vec<f32> = (0..48_000).map(|n| (n as f32 * 0.05).sin() * 0.5).collect();
        let mut heard = Vec::new();
        let mut out = [0.0; FRAME];
        for piece in tone.chunks(480) {
            let (_, lost) = ring.push_partial_slice(piece);
            assert!(lost.is_empty());
            reference.frame(&mut out, |_| {});
            heard.extend_from_slice(&out);
        }
        let power: f32 = heard.iter().skip(9_600).map(|sample| sample * sample).sum::<f32>() / 38_400.0;
        assert!((power - 0.125).abs() < 0.003, "{power}");
    }
}
