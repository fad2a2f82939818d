//! Loudness for meters: measured in the callbacks, read by anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What a meter shows for silence, in dBFS.
pub(crate) const SILENCE: f32 = -90.0;
/// 10 ms blocks that the meter looks back (50 ms).
const BLOCKS: usize = 5;
/// From here a sample counts as clipped: 16-bit full scale is a little below 1.0.
const CLIP: f32 = 0.999;

/// The last 50 ms of one direction, as atomics.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    power: AtomicU32,
    is_clipped: AtomicBool,
}

impl Gauge {
    /// Loudness in dBFS, -90 for silence.
    pub(crate) fn level(&self) -> f32 {
        decibels(f32::from_bits(self.power.load(Ordering::Relaxed)))
    }

    /// Whether a sample clipped in the last second.
    pub(crate) fn is_clipped(&self) -> bool {
        self.is_clipped.load(Ordering::Relaxed)
    }

    /// Back to silence: the device is gone.
    pub(crate) fn clear(&self) {
        self.power.store(0, Ordering::Relaxed);
        self.is_clipped.store(false, Ordering::Relaxed);
    }
}

/// dBFS of a mean square (1.0 = 0 dBFS), not below -90.
pub(crate) fn decibels(mean_square: f32) -> f32 {
    if mean_square > 0.0 { (10.0 * mean_square.log10()).max(SILENCE) } else { SILENCE }
}

/// Mean square of some samples.
pub(crate) fn power(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

/// Feeds a [`Gauge`] from a callback: only arithmetic and atomics.
#[derive(Debug)]
pub(crate) struct Meter {
    gauge: Arc<Gauge>,
    block: usize,
    second: usize,
    powers: [f32; BLOCKS],
    next: usize,
    sum: f32,
    count: usize,
    clip_left: usize,
}

impl Meter {
    /// A meter for samples at `rate` Hz.
    pub(crate) fn new(gauge: Arc<Gauge>, rate: u32) -> Self {
        let second = rate as usize;
        let block = (second / 100).max(1);
        Self { gauge, block, second, powers: [0.0; BLOCKS], next: 0, sum: 0.0, count: 0, clip_left: 0 }
    }

    pub(crate) fn feed(&mut self, samples: &[f32]) {
        for sample in samples {
            self.sum += sample * sample;
            self.count += 1;
            if sample.abs() >= CLIP {
                self.clip_left = self.second;
            }
            if self.count == self.block {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        if let Some(power) = self.powers.get_mut(self.next) {
            *power = self.sum / self.count as f32;
        }
        self.next = (self.next + 1) % BLOCKS;
        self.clip_left = self.clip_left.saturating_sub(self.count);
        self.sum = 0.0;
        self.count = 0;
        let mean = self.powers.iter().sum::<f32>() / BLOCKS as f32;
        self.gauge.power.store(mean.to_bits(), Ordering::Relaxed);
        self.gauge.is_clipped.store(self.clip_left > 0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_square_wave_is_zero_decibels_and_clips() {
        let gauge = Arc::new(Gauge::default());
        let mut meter = Meter::new(Arc::clone(&gauge), 48_000);
        meter.feed(&[1.0; 2_400]);
        assert!(gauge.level().abs() < 0.01);
        assert!(gauge.is_clipped());
    }

    #[test]
    fn level_falls_within_50_ms_and_the_clip_mark_after_a_second() {
        let gauge = Arc::new(Gauge::default());
        let mut meter = Meter::new(Arc::clone(&gauge), 16_000);
        meter.feed(&[1.0; 800]);
        meter.feed(&[0.0; 800]);
        assert!(gauge.level() <= SILENCE);
        assert!(gauge.is_clipped());
        meter.feed(&[0.0; 16_000]);
        assert!(!gauge.is_clipped());
    }

    #[test]
    fn a_tenth_of_full_scale_is_minus_20() {
        assert!((decibels(power(&[0.1; 480])) + 20.0).abs() < 0.01);
    }
}
