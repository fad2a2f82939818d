//! The sound that is played: three rising sweeps with soft ends, a little quieter where the ear is keen.

use std::f64::consts::{PI, TAU};

use crate::front::CORE_RATE;
use crate::resample::to_i16;

/// Sweeps of a chirp.
pub(super) const SWEEPS: usize = 3;
/// Length of a sweep, in s.
pub(super) const SWEEP: f64 = 0.7;
/// From the beginning of one sweep to that of the next, in s.
const SPACING: f64 = 1.0;
/// Where a sweep begins and ends, in Hz: what speech is made of.
const LOW: f64 = 180.0;
const HIGH: f64 = 8_500.0;
/// Peak at the beginning and at the end of a sweep, of 1.0.
const LOUD: f64 = 0.28;
const SOFT: f64 = 0.14;
/// Fades of a sweep, in s.
const FADE: f64 = 0.05;

/// Quieter than this, of the loudest sample, is a pause.
const PAUSE: f32 = 0.01;
/// A pause of this many samples is between two sweeps, a shorter one is an underrun.
const GAP: usize = CORE_RATE as usize / 8;

/// The chirp at `rate` Hz (24 000 or more): mono, 2.7 s, peaks at -11 dBFS.
pub fn chirp(rate: u32) -> Vec<i16> {
    let rate = f64::from(rate.max(1));
    let count = ((SPACING * (SWEEPS - 1) as f64 + SWEEP) * rate) as usize;
    (0..count).map(|n| to_i16(sweep((n as f64 / rate) % SPACING) as f32)).collect()
}

/// How much earlier than the fundamental the `harmonic` of a sweep comes out of the correlation, in s.
pub(super) fn lead(harmonic: f64) -> f64 {
    SWEEP * harmonic.ln() / (HIGH / LOW).ln()
}

/// A sweep at `time` s: its frequency rises by the same interval in the same time.
fn sweep(time: f64) -> f64 {
    if !(0.0..SWEEP).contains(&time) {
        return 0.0;
    }
    let octaves = (HIGH / LOW).ln();
    let phase = TAU * LOW * SWEEP / octaves * ((time / SWEEP * octaves).exp() - 1.0);
    let fade = |distance: f64| 0.5 - 0.5 * (PI * (distance / FADE).min(1.0)).cos();
    LOUD * (SOFT / LOUD).powf(time / SWEEP) * fade(time) * fade(SWEEP - time) * phase.sin()
}

/// Where sweeps begin in what was played, in samples.
pub(super) fn starts(far: &[f32]) -> Vec<usize> {
    let threshold = PAUSE * far.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let mut starts = Vec::new();
    let mut last = None;
    for (at, _) in far.iter().enumerate().filter(|(_, sample)| sample.abs() > threshold) {
        if last.is_none_or(|last| at - last > GAP) {
            starts.push(at);
        }
        last = Some(at);
    }
    starts.truncate(SWEEPS);
    starts
}

/// Distance of two sweeps over what it should be; `None` when some are missing. A hiccup between two spoils one
/// distance, a wrong clock all of them.
pub(super) fn spacing(starts: &[usize]) -> Option<f32> {
    let wanted = SPACING * f64::from(CORE_RATE);
    let distances = starts.windows(2).filter_map(|pair| Some((pair.get(1)? - pair.first()?) as f64 / wanted));
    let nearest = distances.min_by(|a, b| (a - 1.0).abs().total_cmp(&(b - 1.0).abs()))?;
    (starts.len() == SWEEPS).then_some(nearest as f32)
}
