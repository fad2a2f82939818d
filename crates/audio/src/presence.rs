//! Whether the microphone hears the speaker at all, how late and how loud.
//!
//! On headphones there is no echo, and an echo canceller without echo eats the user's first words. So the canceller is
//! only listened to when the far end is found in the microphone, by averaged cross-correlation of both.

use std::sync::Arc;
use std::time::Duration;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::front::{CORE_RATE, FRAME, Far};
use crate::level::{decibels, power};
use crate::resample::{Resampler, Start};

/// Rate of the comparison, in Hz.
const RATE: u32 = 16_000;
/// Microphone samples of one comparison (256 ms).
const BLOCK: usize = 4_096;
/// Range of places that is looked through, in samples (450 ms, from -100 ms on).
const REACH: usize = 7_200;
const SIZE: usize = 16_384;
/// Samples of each end that a comparison may need.
const KEPT: usize = REACH + BLOCK;
/// The far end is held back for some time, so its echo may come before it: the microphone is compared this much later
/// than it came, in samples (100 ms).
const EARLY: usize = 1_600;
/// Places for which the far end's energy is averaged lie this far apart, in samples (50 ms).
const STEP: usize = 800;
/// Frequencies that are compared, in Hz: hum and what loudspeakers leave out say nothing.
const BAND: (u32, u32) = (150, 7_000);
/// Loud enough for an echo to be found, in dBFS; an answer that is ducked is not.
const AUDIBLE: f32 = -45.0;
/// Share of a new comparison in the average.
const SHARE: f32 = 0.3;
/// The peak stands out from the rest by this factor when it is an echo.
const SHARP: f32 = 7.0;
/// An echo that is weaker than this is none, in dB below the far end.
const FAINT: f32 = 45.0;
/// The impulse response around its peak that counts as the echo, in samples before and after (2 and 40 ms).
const BODY: (usize, usize) = (32, 640);
/// Comparisons that agree before an echo is believed, or that there is none.
const AGREEING: i32 = 2;
/// Comparisons that find nothing before it is certain that there is none (1 s): a late echo is found late.
const CERTAIN: i32 = 4;
/// They agree when their delays differ by less than this.
const STEADY: Duration = Duration::from_millis(15);
/// Comparisons that find nothing before a known echo is given up (3 s): a sound server that stumbles moves it about.
const PATIENCE: i32 = 12;

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
    /// Averaged energy of the far end's block, and of the part of it that the microphone's block can contain, by place.
    energy: f32,
    parts: [f32; REACH / STEP + 1],
    votes: i32,
    last: Option<EchoPath>,
    fresh: usize,
    /// How long the far end is held back.
    held: Duration,
    is_audible: bool,
}

/// One end at the rate of the comparison, newest last; more than is needed.
struct Side {
    resampler: Resampler,
    samples: Vec<f32>,
}

impl Side {
    fn new() -> Self {
        let mut samples = Vec::with_capacity(2 * KEPT + FRAME);
        samples.resize(KEPT, 0.0);
        Self { resampler: Resampler::new(CORE_RATE, RATE, FRAME, Start::Live), samples }
    }

    fn push(&mut self, frame: &[f32; FRAME]) -> usize {
        let before = self.samples.len();
        self.resampler.push(frame, &mut self.samples);
        let fresh = self.samples.len() - before;
        // Now and then: what is kept is long, and moved as a whole.
        if self.samples.len() > 2 * KEPT {
            self.samples.drain(..self.samples.len() - KEPT);
        }
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
            energy: 0.0,
            parts: [0.0; REACH / STEP + 1],
            votes: if known == Some(Echo::Absent) { -CERTAIN } else { 0 },
            last: None,
            fresh: 0,
            held: Duration::ZERO,
            is_audible: false,
        }
    }

    /// What is known now.
    pub(crate) fn echo(&self) -> Echo {
        self.echo
    }

    /// Whether that is certain enough to give an answer up.
    pub(crate) fn is_certain(&self) -> bool {
        match self.echo {
            Echo::Unknown => false,
            Echo::Present(_) => true,
            Echo::Absent => self.votes <= -CERTAIN,
        }
    }

    /// Takes 10 ms of both ends at the core rate; `is_still`: there cannot be an echo in it.
    pub(crate) fn frame(&mut self, near: &[f32; FRAME], far: Far<'_>, is_still: bool) {
        self.is_audible |= !is_still && decibels(power(far.samples)) > AUDIBLE;
        self.held = far.held;
        self.far.push(far.samples);
        self.fresh += self.near.push(near);
        if self.fresh >= BLOCK {
            self.fresh -= BLOCK;
            if std::mem::take(&mut self.is_audible) {
                self.compare();
            }
        }
    }

    fn compare(&mut self) {
        let near = self.spectrum(self.near.newest(BLOCK + EARLY).get(..BLOCK).unwrap_or_default());
        let far = self.spectrum(self.far.newest(BLOCK + REACH));
        let (Some(near), Some(far)) = (near, far) else { return };
        let averages = self.cross.iter_mut().zip(&mut self.sharp).zip(&mut self.far_power);
        for (((cross, sharp), far_power), (near, far)) in averages.zip(near.iter().zip(&far)) {
            let product = near * far.conj();
            *cross = *cross * (1.0 - SHARE) + product * SHARE;
            *sharp = *sharp * (1.0 - SHARE) + product / product.norm_sqr().sqrt().max(1e-12) * SHARE;
            *far_power = *far_power * (1.0 - SHARE) + far.norm_sqr() * SHARE;
        }
        self.energy += (energy(self.far.newest(BLOCK + REACH)) - self.energy) * SHARE;
        for (step, part) in self.parts.iter_mut().enumerate() {
            let there = self.far.newest(BLOCK + step * STEP).get(..BLOCK).unwrap_or_default();
            *part += (energy(there) - *part) * SHARE;
        }
        let found = self.peak().filter(|path| path.loss_db < FAINT);
        self.vote(found);
    }

    fn vote(&mut self, found: Option<EchoPath>) {
        // Two voices may seem to follow each other for a moment, but not at the same distance again.
        let is_again = found.zip(self.last).is_some_and(|(now, last)| now.delay.abs_diff(last.delay) < STEADY);
        self.last = found;
        self.votes = match found {
            Some(_) if is_again => (self.votes.max(0) + 1).min(AGREEING),
            Some(_) => 1,
            None => (self.votes.min(0) - 1).max(-PATIENCE),
        };
        let doubts = if matches!(self.echo, Echo::Present(_)) { PATIENCE } else { AGREEING };
        match found {
            Some(path) if self.votes >= AGREEING => self.echo = Echo::Present(path),
            None if self.votes <= -doubts => self.echo = Echo::Absent,
            Some(_) | None => {}
        }
    }

    /// The echo in the averages, if one stands out.
    fn peak(&self) -> Option<EchoPath> {
        let sharp = self.lags(&self.sharp)?;
        let (at, height) =
            sharp.iter().enumerate().map(|(lag, value)| (lag, value.abs())).max_by(|a, b| a.1.total_cmp(&b.1))?;
        let spread = power(&sharp).sqrt();
        let is_at_an_edge = !(BODY.0..REACH - BODY.0).contains(&at);
        if height < SHARP * spread || is_at_an_edge {
            return None;
        }
        let place = Duration::from_secs_f64(at as f64 / f64::from(RATE)) + self.held;
        let delay = place.saturating_sub(Duration::from_secs_f64(EARLY as f64 / f64::from(RATE)));
        Some(EchoPath { delay, loss_db: -decibels(self.gain(at)?) })
    }

    /// Share of the far end's power that comes back around a delay.
    fn gain(&self, at: usize) -> Option<f32> {
        let whole = self.energy / self.parts.get(at / STEP).copied().unwrap_or_default().max(f32::MIN_POSITIVE);
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

    /// Back into time: one value for each place from 0 to [`REACH`].
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

    /// The spectrum of what is compared.
    fn spectrum(&self, samples: &[f32]) -> Option<Vec<Complex32>> {
        let mut padded = self.forward.make_input_vec();
        padded.get_mut(..samples.len())?.copy_from_slice(samples);
        let mut spectrum = self.forward.make_output_vec();
        self.forward.process(&mut padded, &mut spectrum).ok()?;
        let bin = |frequency: u32| frequency as usize * SIZE / RATE as usize;
        let band = bin(BAND.0)..bin(BAND.1);
        for (at, value) in spectrum.iter_mut().enumerate() {
            if !band.contains(&at) {
                *value = Complex32::default();
            }
        }
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
        let mut low = 0.0;
        (0..count)
            .map(|n| {
                // Splitmix: seeds next to each other give signals that have nothing in common.
                let mut word = (n as u64 + 1 + (u64::from(seed) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                low += 0.3 * ((word >> 40) as f32 / 8_388_608.0 - 1.0 - low);
                let syllable = (n as f32 / (8_000 + 700 * seed) as f32 + seed as f32).sin().max(0.0);
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
            presence.frame(&near_frame, Far { samples: &far_frame, held: Duration::ZERO }, false);
        }
        presence.echo()
    }

    #[test]
    fn an_echo_is_found_with_its_delay_and_loss() {
        let far = babble(1, 48_000 * 4);
        let noise = babble(77, 48_000 * 4);
        for (delay, gain) in [(5, 0.5), (60, 0.1), (250, 0.3), (60, 0.02)] {
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
    fn an_echo_that_comes_before_the_held_far_end_is_found() {
        let heard = babble(1, 48_000 * 4);
        let far: Vec<f32> = std::iter::repeat_n(0.0, 40 * 48).chain(heard.iter().copied()).collect();
        let mut presence = Presence::new(None);
        for (near, far) in heard.as_chunks().0.iter().zip(far.as_chunks().0) {
            presence.frame(near, Far { samples: far, held: Duration::from_millis(45) }, false);
        }
        let Echo::Present(path) = presence.echo() else { panic!("not found") };
        assert!((3..=7).contains(&path.delay.as_millis()), "{:?}", path.delay);
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
