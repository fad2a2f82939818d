//! Whether the microphone hears the speaker at all, how late and how loud.
//!
//! On headphones there is no echo, and an echo canceller without echo eats the user's first words. So the canceller is
//! only listened to when the far end is found in the microphone, by averaged cross-correlation of both.

use std::sync::Arc;
use std::time::Duration;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::front::{CORE_RATE, FRAME};
use crate::level::{decibels, power};
use crate::resample::{Resampler, Start};

/// Rate of the comparison, in Hz.
const RATE: u32 = 16_000;
/// Microphone samples of one comparison (256 ms).
const BLOCK: usize = 4_096;
/// Longest delay that is looked for, in samples (450 ms).
const REACH: usize = 7_200;
const SIZE: usize = 16_384;
/// A usual delay, in samples (60 ms).
const LATE: usize = 960;
/// The far end counts as audible above this, in dBFS.
const AUDIBLE: f32 = -55.0;
/// Share of a new comparison in the average.
const SHARE: f32 = 0.3;
/// The peak stands out from the rest by this factor when it is an echo.
const SHARP: f32 = 7.0;
/// An echo that is weaker than this is none, in dB below the far end.
const FAINT: f32 = 45.0;
/// The impulse response around its peak that counts as the echo, in samples before and after (2 and 40 ms).
const BODY: (usize, usize) = (32, 640);
/// Comparisons that agree before the state changes.
const AGREEING: i32 = 2;

/// The way of the sound from the speaker into the microphone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EchoPath {
    /// From the playback callback to the microphone's frame.
    pub delay: Duration,
    /// How much weaker the echo is than what was played, in dB.
    pub loss_db: f32,
}

/// What is known of the echo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Echo {
    /// Nothing audible was played yet.
    Unknown,
    /// The microphone hears the speaker.
    Present(EchoPath),
    /// It does not: headphones, or a speaker far away.
    Absent,
}

/// Compares the ends block by block while something is played.
pub(crate) struct Presence {
    echo: Echo,
    near: Side,
    far: Side,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    /// Averages: the cross-spectrum, the same whitened, the far end's power.
    cross: Vec<Complex32>,
    sharp: Vec<Complex32>,
    far_power: Vec<f32>,
    /// Averaged energy of the far end's block, and of the part of it that the microphone's block can contain.
    energy: (f32, f32),
    votes: i32,
    fresh: usize,
    is_audible: bool,
}

/// One end at the rate of the comparison, newest last.
struct Side {
    resampler: Resampler,
    samples: Vec<f32>,
}

impl Side {
    fn new() -> Self {
        Self { resampler: Resampler::new(CORE_RATE, RATE, FRAME, Start::Live), samples: vec![0.0; REACH + BLOCK] }
    }

    fn push(&mut self, frame: &[f32; FRAME]) -> usize {
        let before = self.samples.len();
        self.resampler.push(frame, &mut self.samples);
        let fresh = self.samples.len() - before;
        self.samples.drain(..fresh);
        fresh
    }

    fn newest(&self, count: usize) -> &[f32] {
        self.samples.get(self.samples.len().saturating_sub(count)..).unwrap_or_default()
    }
}

impl Presence {
    /// Begins with what an earlier measurement found.
    pub(crate) fn new(known: Option<Echo>) -> Self {
        let mut planner = RealFftPlanner::new();
        let bins = SIZE / 2 + 1;
        Self {
            echo: known.unwrap_or(Echo::Unknown),
            near: Side::new(),
            far: Side::new(),
            forward: planner.plan_fft_forward(SIZE),
            backward: planner.plan_fft_inverse(SIZE),
            cross: vec![Complex32::default(); bins],
            sharp: vec![Complex32::default(); bins],
            far_power: vec![0.0; bins],
            energy: (0.0, 0.0),
            votes: 0,
            fresh: 0,
            is_audible: false,
        }
    }

    /// What is known now.
    pub(crate) fn echo(&self) -> Echo {
        self.echo
    }

    /// Takes 10 ms of both ends at the core rate.
    pub(crate) fn frame(&mut self, near: &[f32; FRAME], far: &[f32; FRAME]) {
        self.is_audible |= decibels(power(far)) > AUDIBLE;
        self.far.push(far);
        self.fresh += self.near.push(near);
        if self.fresh >= BLOCK {
            self.fresh -= BLOCK;
            if std::mem::take(&mut self.is_audible) {
                self.compare();
            }
        }
    }

    fn compare(&mut self) {
        let near = self.spectrum(self.near.newest(BLOCK));
        let far = self.spectrum(self.far.newest(BLOCK + REACH));
        let (Some(near), Some(far)) = (near, far) else { return };
        let averages = self.cross.iter_mut().zip(&mut self.sharp).zip(&mut self.far_power);
        for (((cross, sharp), far_power), (near, far)) in averages.zip(near.iter().zip(&far)) {
            let product = near * far.conj();
            *cross = *cross * (1.0 - SHARE) + product * SHARE;
            *sharp = *sharp * (1.0 - SHARE) + product / product.norm().max(1e-12) * SHARE;
            *far_power = *far_power * (1.0 - SHARE) + far.norm_sqr() * SHARE;
        }
        let whole = energy(self.far.newest(BLOCK + REACH));
        let part = energy(self.far.newest(BLOCK + LATE).get(..BLOCK).unwrap_or_default());
        self.energy.0 += (whole - self.energy.0) * SHARE;
        self.energy.1 += (part - self.energy.1) * SHARE;
        let found = self.peak().filter(|path| path.loss_db < FAINT);
        self.vote(found);
    }

    fn vote(&mut self, found: Option<EchoPath>) {
        self.votes = match found {
            Some(_) => (self.votes.max(0) + 1).min(AGREEING),
            None => (self.votes.min(0) - 1).max(-2 * AGREEING),
        };
        match found {
            Some(path) if self.votes >= AGREEING => self.echo = Echo::Present(path),
            // It takes longer to believe that there is none.
            None if self.votes <= -2 * AGREEING || (self.echo == Echo::Unknown && self.votes <= -AGREEING) => {
                self.echo = Echo::Absent;
            }
            Some(_) | None => {}
        }
    }

    /// The echo in the averages, if one stands out.
    fn peak(&self) -> Option<EchoPath> {
        let sharp = self.lags(&self.sharp)?;
        let (at, height) =
            sharp.iter().enumerate().map(|(lag, value)| (lag, value.abs())).max_by(|a, b| a.1.total_cmp(&b.1))?;
        let spread = power(&sharp).sqrt();
        if height < SHARP * spread {
            return None;
        }
        let delay = Duration::from_secs_f64(at as f64 / f64::from(RATE));
        Some(EchoPath { delay, loss_db: -decibels(self.gain(at)?) })
    }

    /// Share of the far end's power that comes back around a delay.
    fn gain(&self, at: usize) -> Option<f32> {
        let whole = self.energy.0 / self.energy.1.max(f32::MIN_POSITIVE);
        let total = self.far_power.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        // Steadied where the far end is silent.
        let floor = 0.001 * total / self.far_power.len() as f32;
        let path: Vec<Complex32> =
            self.cross.iter().zip(&self.far_power).map(|(cross, power)| cross * whole / (power + floor)).collect();
        let mut response = self.lags(&path)?;
        let body = at.saturating_sub(BODY.0)..at + BODY.1;
        for (lag, tap) in response.iter_mut().enumerate() {
            if !body.contains(&lag) {
                *tap = 0.0;
            }
        }
        let path = self.spectrum(&response)?;
        let heard: f32 = path.iter().zip(&self.far_power).map(|(path, power)| path.norm_sqr() * power).sum();
        Some(heard / total)
    }

    /// Back into time: one value for each delay from 0 to [`REACH`].
    fn lags(&self, spectrum: &[Complex32]) -> Option<Vec<f32>> {
        let mut spectrum = spectrum.to_vec();
        // A real signal has no imaginary part there; the averages are exact up to rounding.
        for edge in [0, SIZE / 2] {
            spectrum.get_mut(edge)?.im = 0.0;
        }
        let mut signal = self.backward.make_output_vec();
        self.backward.process(&mut spectrum, &mut signal).ok()?;
        // The far block begins REACH earlier than the near one, so delay d sits at REACH - d before the wrap.
        let scale = 1.0 / SIZE as f32;
        let lag = |delay: usize| signal.get((SIZE + delay - REACH) % SIZE).map_or(0.0, |value| value * scale);
        Some((0..REACH).map(lag).collect())
    }

    fn spectrum(&self, samples: &[f32]) -> Option<Vec<Complex32>> {
        let mut padded = self.forward.make_input_vec();
        padded.get_mut(..samples.len())?.copy_from_slice(samples);
        let mut spectrum = self.forward.make_output_vec();
        self.forward.process(&mut padded, &mut spectrum).ok()?;
        Some(spectrum)
    }
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise in bursts, like syllables; the same for the same seed.
    fn babble(seed: u32, count: usize) -> Vec<f32> {
        let mut state = seed;
        let mut low = 0.0;
        (0..count)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                low += 0.3 * ((state >> 8) as f32 / 8_388_608.0 - 1.0 - low);
                let syllable = (n as f32 / 9_000.0 + seed as f32).sin().max(0.0);
                low * syllable
            })
            .collect()
    }

    fn judge(seconds: usize, near: impl Fn(usize) -> f32, far: &[f32]) -> Echo {
        let mut presence = Presence::new(None);
        for frame in 0..seconds * 100 {
            let at = frame * FRAME;
            let near_frame = std::array::from_fn(|n| near(at + n));
            let far_frame = std::array::from_fn(|n| far[at + n]);
            presence.frame(&near_frame, &far_frame);
        }
        presence.echo()
    }

    #[test]
    fn an_echo_is_found_with_its_delay_and_loss() {
        let far = babble(1, 48_000 * 4);
        let noise = babble(77, 48_000 * 4);
        for (delay, gain) in [(20, 0.5), (60, 0.1), (250, 0.3), (60, 0.02)] {
            let near = |n: usize| {
                let late = n.checked_sub(delay * 48).map_or(0.0, |at| far[at]);
                late * gain + noise[n] * 0.002
            };
            let Echo::Present(path) = judge(4, near, &far) else { panic!("{delay} ms, {gain}: not found") };
            let found = path.delay.as_secs_f64() * 1e3;
            assert!((found - delay as f64).abs() < 2.0, "{delay} ms: {found}");
            let loss = -20.0 * gain.log10();
            // Syllables make the loss a rough figure.
            assert!((path.loss_db - loss).abs() < 6.0, "{loss} dB: {}", path.loss_db);
        }
    }

    #[test]
    fn headphones_have_no_echo() {
        let far = babble(1, 48_000 * 4);
        let voice = babble(5, 48_000 * 4);
        assert_eq!(judge(4, |n| voice[n] * 0.5, &far), Echo::Absent);
        assert_eq!(judge(4, |_| 0.0, &far), Echo::Absent);
    }

    #[test]
    fn an_echo_is_found_under_the_users_voice() {
        let far = babble(1, 48_000 * 6);
        let voice = babble(5, 48_000 * 6);
        let near = |n: usize| n.checked_sub(60 * 48).map_or(0.0, |at| far[at] * 0.3) + voice[n] * 0.5;
        assert!(matches!(judge(6, near, &far), Echo::Present(_)));
    }

    #[test]
    fn silence_tells_nothing() {
        let silence = vec![0.0; 48_000 * 3];
        assert_eq!(judge(3, |_| 0.01, &silence), Echo::Unknown);
    }

    #[test]
    fn taking_the_headphones_off_is_noticed() {
        let far = babble(1, 48_000 * 8);
        let near = |n: usize| if n < 48_000 * 4 { 0.0 } else { far[n - 2_880] * 0.3 };
        assert!(matches!(judge(8, near, &far), Echo::Present(_)));
    }
}
