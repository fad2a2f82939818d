//! What one sweep tells about the room.

use std::time::Duration;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use super::CURVE_STEP;
use super::chirp::{SWEEP, lead};
use crate::front::CORE_RATE;

/// Length of the transforms in samples (2.7 s): lags of both signs have room.
const LENGTH: usize = 1 << 17;
/// Samples of a millisecond.
const MS: i64 = CORE_RATE as i64 / 1_000;
/// What of the microphone belongs to a sweep: from so long before its beginning to so long after, in samples.
const FROM: i64 = -250 * MS;
const TO: i64 = 1_300 * MS;
/// Where an echo is looked for. Before the sweep too: the far end may be held back longer than the way takes.
const EARLIEST: i64 = -60 * MS;
const LATEST: i64 = 600 * MS;
/// Room and speaker ring around the peak, in samples.
const RISE: i64 = 4 * MS;
const TAIL: i64 = 160 * MS;
/// Pieces that are summed up when they stand out of the noise.
const PIECE: i64 = 2 * MS;
/// Pieces of which the quietest quarter are noise.
const NOISE_PIECE: i64 = 50 * MS;
/// How far over the mean noise power a peak must be (13 dB): random ones come to about 18 times, and rarely agree.
const HEARD: f64 = 20.0;
/// How far over the noise a piece must be to belong to the echo.
const STANDS_OUT: f64 = 1.8;
/// The band in Hz, with slopes of this share at its edges.
const BAND: (f64, f64) = (220.0, 7_800.0);
const SLOPE: f64 = 0.15;
/// Parts of the sweep's spectrum below this share of its maximum are not divided by.
const LEAST: f32 = 1e-3;
/// Bounds of what is said in dB.
const FAINTEST: f64 = 100.0;
const CLEANEST: f64 = -60.0;
/// Length of the picture, in samples.
const PICTURE: i64 = 500 * MS;

/// The answer of room and devices to one sweep.
#[derive(Debug, Clone)]
pub(super) struct Response {
    /// Power by lag in samples, negative ones from the end.
    powers: Vec<f64>,
    /// Power of the sweep itself.
    played: f64,
    /// Where the echo is strongest, in samples after the far end.
    pub(super) lag: i64,
    /// Whether that is more than noise.
    pub(super) is_heard: bool,
    /// Played over heard, in dB.
    pub(super) loss_db: f32,
    /// Harmonics over the echo, in dB.
    pub(super) distortion_db: f32,
    /// Loss up to which an echo would have been heard, in dB.
    pub(super) reach_db: f32,
}

impl Response {
    /// Correlates the sweep that begins at `start`.
    pub(super) fn of(near: &[f32], far: &[f32], start: usize) -> Self {
        let played_samples = (SWEEP * f64::from(CORE_RATE)) as i64 + 50 * MS;
        let mut sweep = spectrum(cut(far, start, -10 * MS, played_samples));
        let mut heard = spectrum(cut(near, start, FROM, TO));
        correlate(&mut sweep, &mut heard);
        let pulse = signal(sweep);
        let powers: Vec<f64> = signal(heard).iter().map(|sample| f64::from(*sample).powi(2)).collect();
        let played = pulse.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let peak = f64::from(pulse.first().copied().unwrap_or_default()).powi(2);
        let mut this =
            Self { powers, played, lag: 0, is_heard: false, loss_db: 0.0, distortion_db: 0.0, reach_db: 0.0 };
        this.find(peak);
        this
    }

    fn find(&mut self, pulse_peak: f64) {
        let noise = self.noise();
        self.lag = (EARLIEST..LATEST).max_by(|a, b| self.power(*a).total_cmp(&self.power(*b))).unwrap_or_default();
        let peak = self.power(self.lag);
        self.is_heard = peak > HEARD * noise && peak > 0.0;
        let echo = self.echo(noise);
        self.loss_db = decibels(self.played, echo).clamp(-FAINTEST, FAINTEST) as f32;
        self.distortion_db = decibels(self.harmonics(noise), echo).clamp(CLEANEST, 0.0) as f32;
        self.reach_db = decibels(pulse_peak, HEARD * noise).clamp(-FAINTEST, FAINTEST) as f32;
    }

    /// The echo over time in dB of what was played; `held` is how late the far end stands beside the microphone.
    pub(super) fn curve(&self, held: Duration) -> Vec<f32> {
        let step = CURVE_STEP.as_millis() as i64 * MS;
        let first = -(held.as_secs_f64() * f64::from(CORE_RATE)) as i64;
        let level = |at: i64| decibels(self.sum(first + at, first + at + step), self.played);
        (0..PICTURE).step_by(step as usize).map(|at| level(at).clamp(-FAINTEST, FAINTEST) as f32).collect()
    }

    fn power(&self, lag: i64) -> f64 {
        self.powers.get(lag.rem_euclid(LENGTH as i64) as usize).copied().unwrap_or_default()
    }

    fn sum(&self, from: i64, to: i64) -> f64 {
        (from..to).map(|lag| self.power(lag)).sum()
    }

    /// Mean power per sample where nothing but noise is.
    fn noise(&self) -> f64 {
        let piece = |from: i64| self.sum(from, from + NOISE_PIECE) / NOISE_PIECE as f64;
        let mut pieces: Vec<f64> = (EARLIEST..LATEST - NOISE_PIECE).step_by(NOISE_PIECE as usize).map(piece).collect();
        pieces.sort_by(f64::total_cmp);
        pieces.get(pieces.len() / 4).copied().unwrap_or_default()
    }

    /// Power around the peak without the noise: the peak itself, and of the ringing what stands out.
    fn echo(&self, noise: f64) -> f64 {
        let half = PIECE / 2;
        let share = noise * PIECE as f64;
        let pieces = (self.lag - half - RISE..self.lag + TAIL).step_by(PIECE as usize);
        pieces
            .map(|from| (from, self.sum(from, from + PIECE)))
            .filter(|(from, power)| *from == self.lag - half || *power > STANDS_OUT * share)
            .map(|(_, power)| power - share)
            .sum::<f64>()
            .max(0.0)
    }

    /// Power of the second and third harmonic without the noise.
    fn harmonics(&self, noise: f64) -> f64 {
        let harmonic = |number: f64| {
            let at = self.lag - (lead(number) * f64::from(CORE_RATE)) as i64;
            let pieces = (at - RISE..at + 5 * RISE).step_by(PIECE as usize).map(|from| self.sum(from, from + PIECE));
            let share = noise * PIECE as f64;
            pieces.filter(|power| *power > STANDS_OUT * share).map(|power| power - share).sum::<f64>()
        };
        harmonic(2.0) + harmonic(3.0)
    }
}

/// `signal` from `start + from` to `start + to`, with `start` at the beginning and what is before it at the end.
fn cut(signal: &[f32], start: usize, from: i64, to: i64) -> Vec<f32> {
    let mut out = vec![0.0; LENGTH];
    for lag in from..to {
        let at = usize::try_from(start as i64 + lag).ok().and_then(|at| signal.get(at));
        if let (Some(sample), Some(slot)) = (at, out.get_mut(lag.rem_euclid(LENGTH as i64) as usize)) {
            *slot = *sample;
        }
    }
    out
}

fn spectrum(mut samples: Vec<f32>) -> Vec<Complex<f32>> {
    let transform = RealFftPlanner::new().plan_fft_forward(LENGTH);
    let mut bins = transform.make_output_vec();
    // It refuses only buffers of another length.
    transform.process(&mut samples, &mut bins).ok();
    bins
}

fn signal(mut bins: Vec<Complex<f32>>) -> Vec<f32> {
    let transform = RealFftPlanner::new().plan_fft_inverse(LENGTH);
    let mut samples = transform.make_output_vec();
    transform.process(&mut bins, &mut samples).ok();
    samples
}

/// Takes the sweep's phases out of both; what is left has the sweep's own weights, more low than high as in speech.
fn correlate(sweep: &mut [Complex<f32>], heard: &mut [Complex<f32>]) {
    let most = sweep.iter().fold(0.0_f32, |most, bin| most.max(bin.norm()));
    let last = sweep.len().saturating_sub(1);
    for (at, (played, heard)) in sweep.iter_mut().zip(heard).enumerate() {
        let weight = weight(at as f64 * f64::from(CORE_RATE) / LENGTH as f64);
        // Neither end of the spectrum has a phase; both are outside of the band.
        let weight =
            if at == 0 || at == last { 0.0 } else { weight / played.norm().max(LEAST * most).max(f32::MIN_POSITIVE) };
        *heard *= played.conj() * weight;
        *played *= played.conj() * weight;
    }
}

/// Weight of a frequency in Hz.
fn weight(hertz: f64) -> f32 {
    let (low, high) = BAND;
    let slope = |distance: f64| 0.5 - 0.5 * (std::f64::consts::PI * distance.clamp(0.0, 1.0)).cos();
    (slope((hertz - low) / (SLOPE * low)) * slope((high - hertz) / (SLOPE * high))) as f32
}

fn decibels(power: f64, reference: f64) -> f64 {
    10.0 * (power.max(f64::MIN_POSITIVE) / reference.max(f64::MIN_POSITIVE)).log10()
}
