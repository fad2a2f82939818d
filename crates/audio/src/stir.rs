//! Whether something near makes a sound that the echo does not explain: sooner than anybody can say whether it is a voice.
//!
//! A detector of speech is unsure of a hiss and of a first syllable, and it hears through a suppressor that lets go of a
//! voice only after tenths of a second. Here the linear part of a canceller is asked, band by band: what it made of the far
//! end is the echo, what it left is the rest. A rest that is louder beside the echo than it usually is, in several bands at
//! once, is somebody near, or something. That is enough to duck an answer for a moment, and never enough to stop one.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::level::{SILENCE, decibels, power};
use crate::voice::{Narrow, NoiseFloor};

/// What is looked at, in samples (12 ms: three blocks of the canceller).
const WINDOW: usize = 192;
/// Borders of the bands, in Hz: a hiss is seen beside an echo of vowels, and a vowel beside one of hisses.
const BORDERS: [usize; BANDS + 1] = [150, 400, 800, 1_400, 2_200, 3_200, 4_500, 7_500];
const BANDS: usize = 7;
/// Bands that speak for a frame: the ones that stand out most.
const VOTES: usize = 4;
/// By how much the rest stands out from what is usual, in dB.
const EXCESS: f32 = 6.0;
/// How fast an echo dies away in the room at least, in dB per frame: the filter does not reach as far as the room rings.
const SINKING: f32 = 1.0;
/// Share of a frame in what is usual.
const LEARNING: f32 = 0.02;
/// How far the rest stands out from the noise of the room, in dB.
const CONTRAST: f32 = 12.0;
/// Nothing below this counts, in dBFS in a band.
const QUIETEST: f32 = -54.0;
/// A frame counts by what it exceeds all that, in dB within these bounds: no click is loud enough to count for two.
const WEIGHT: (f32, f32) = (-3.0, 6.0);
/// The last frames together count at least so much, in dB.
const EVIDENCE: f32 = 6.0;
const FRAMES: usize = 6;
/// Frames without it before it counts as new: what goes on and on is the room.
const CALM: u32 = 20;

/// Listens for what begins.
pub(crate) struct Stir {
    rest: Spectrum,
    echo: Spectrum,
    bands: [Band; BANDS],
    /// What the last frames count, in no order.
    weights: [f32; FRAMES],
    next: usize,
    calm: u32,
}

/// What is known of a band.
struct Band {
    /// The echo, dying away, in dBFS.
    echo: f32,
    /// How much louder the rest is than that, in dB.
    usual: f32,
    noise: NoiseFloor,
}

impl Band {
    /// What the rest has to exceed, in dBFS.
    fn bound(&self) -> f32 {
        (self.echo + self.usual + EXCESS).max(self.quiet())
    }

    fn quiet(&self) -> f32 {
        (self.noise.level() + CONTRAST).max(QUIETEST)
    }

    /// `is_usual`: nobody near makes the rest.
    fn learn(&mut self, rest: f32, is_usual: bool) {
        if is_usual && self.echo > self.quiet() - EXCESS {
            self.usual += (rest - self.echo - self.usual) * LEARNING;
        }
        self.noise.frame(rest);
    }
}

impl Stir {
    /// It has heard nothing.
    pub(crate) fn new() -> Self {
        Self {
            rest: Spectrum::new(),
            echo: Spectrum::new(),
            bands: std::array::from_fn(|_| Band { echo: SILENCE, usual: 0.0, noise: NoiseFloor::new(None) }),
            weights: [WEIGHT.0; FRAMES],
            next: 0,
            calm: CALM,
        }
    }

    /// Takes a block of what the canceller left of the microphone, and of what it took away.
    pub(crate) fn push(&mut self, rest: impl Iterator<Item = f32>, echo: impl Iterator<Item = f32>) {
        self.rest.push(rest);
        self.echo.push(echo);
    }

    /// A frame of 10 ms is complete; whether something begins with it. `is_voice`: somebody was heard before it.
    pub(crate) fn frame(&mut self, is_voice: bool) -> bool {
        let (rests, echoes) = (self.rest.bands(), self.echo.bands());
        let mut excess = [0.0; BANDS];
        for (((band, excess), rest), echo) in self.bands.iter_mut().zip(&mut excess).zip(rests).zip(echoes) {
            band.echo = echo.max(band.echo - SINKING);
            *excess = rest - band.bound();
        }
        excess.sort_unstable_by(|a, b| b.total_cmp(a));
        let weight = excess.iter().take(VOTES).sum::<f32>() / VOTES as f32;
        if let Some(oldest) = self.weights.get_mut(self.next) {
            *oldest = weight.clamp(WEIGHT.0, WEIGHT.1);
        }
        self.next = (self.next + 1) % FRAMES;
        let is_heard = self.weights.iter().sum::<f32>() >= EVIDENCE;
        let begins = is_heard && self.calm >= CALM;
        self.calm = if is_heard { 0 } else { self.calm.saturating_add(1) };
        for (band, rest) in self.bands.iter_mut().zip(rests) {
            band.learn(rest, !is_heard && !is_voice);
        }
        begins
    }
}

/// Loudness by band of the newest samples.
struct Spectrum {
    samples: Vec<f32>,
    transform: Arc<dyn RealToComplex<f32>>,
    windowed: Vec<f32>,
    bins: Vec<Complex32>,
    scratch: Vec<Complex32>,
    window: [f32; WINDOW],
}

impl Spectrum {
    fn new() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let window: [f32; WINDOW] =
            std::array::from_fn(|n| (std::f32::consts::PI * n as f32 / WINDOW as f32).sin().powi(2));
        // So that the squares of the bins add up to the mean square.
        let scale = (2.0 / power(&window)).sqrt() / WINDOW as f32;
        Self {
            samples: Vec::with_capacity(2 * WINDOW),
            windowed: transform.make_input_vec(),
            bins: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            window: window.map(|weight| weight * scale),
            transform,
        }
    }

    fn push(&mut self, block: impl Iterator<Item = f32>) {
        self.samples.extend(block);
        self.samples.drain(..self.samples.len().saturating_sub(WINDOW));
    }

    /// In dBFS.
    fn bands(&mut self) -> [f32; BANDS] {
        if self.samples.len() < WINDOW {
            return [SILENCE; BANDS];
        }
        for ((to, sample), weight) in self.windowed.iter_mut().zip(&self.samples).zip(&self.window) {
            *to = sample * weight;
        }
        // Fails only for lengths that are not the plan's.
        if self.transform.process_with_scratch(&mut self.windowed, &mut self.bins, &mut self.scratch).is_err() {
            return [SILENCE; BANDS];
        }
        let bin = |hertz: usize| hertz * WINDOW / Narrow::RATE as usize;
        let mut bands = [SILENCE; BANDS];
        for (band, borders) in bands.iter_mut().zip(BORDERS.windows(2)) {
            let [low, high] = *borders else { continue };
            let bins = self.bins.get(bin(low)..bin(high)).unwrap_or_default();
            *band = decibels(bins.iter().map(Complex32::norm_sqr).sum());
        }
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tones of these frequencies in Hz, each at a level in dBFS.
    #[derive(Clone, Copy)]
    struct Sound(&'static [f32], f32);

    const QUIET: Sound = Sound(&[], 0.0);
    const VOWEL: &[f32] = &[300.0, 600.0, 1_100.0, 1_800.0];
    const HISS: &[f32] = &[1_800.0, 2_700.0, 3_800.0, 6_000.0];
    const HUM: &[f32] = &[300.0];

    impl Sound {
        fn frame(self, frame: usize) -> [f32; 160] {
            let height = 2.0_f32.sqrt() * 10.0_f32.powf(self.1 / 20.0);
            let angle = |n: usize| std::f32::consts::TAU * (frame * 160 + n) as f32 / Narrow::RATE as f32;
            std::array::from_fn(|n| self.0.iter().map(|hertz| (hertz * angle(n)).sin() * height).sum())
        }
    }

    /// Frames with which something began, given the rest and the echo by frame.
    fn begins(frames: usize, rest: impl Fn(usize) -> Sound, echo: impl Fn(usize) -> Sound) -> Vec<usize> {
        let mut stir = Stir::new();
        let begins = |frame: &usize| {
            stir.push(rest(*frame).frame(*frame).into_iter(), echo(*frame).frame(*frame).into_iter());
            stir.frame(false)
        };
        (0..frames).filter(begins).collect()
    }

    #[test]
    fn bands_are_measured_in_dbfs() {
        let mut spectrum = Spectrum::new();
        (0..2).for_each(|frame| spectrum.push(Sound(&[1_100.0], -30.0).frame(frame).into_iter()));
        let bands = spectrum.bands();
        assert!((bands[2] + 30.0).abs() < 1.0 && bands[5] < -60.0, "{bands:?}");
    }

    #[test]
    fn a_sound_begins_within_fifty_milliseconds_and_only_once() {
        for sound in [VOWEL, HISS] {
            let found = begins(300, |n| if n < 100 { QUIET } else { Sound(sound, -40.0) }, |_| QUIET);
            assert!(matches!(found[..], [101..=104]), "{found:?}");
        }
    }

    #[test]
    fn after_a_pause_it_begins_again() {
        let found = begins(300, |n| if n % 100 < 60 { QUIET } else { Sound(VOWEL, -30.0) }, |_| QUIET);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn clicks_are_too_short() {
        assert_eq!(begins(300, |n| if n % 12 == 0 { Sound(HISS, -25.0) } else { QUIET }, |_| QUIET), []);
    }

    #[test]
    fn a_hum_is_too_narrow() {
        assert_eq!(begins(300, |n| if n < 100 { QUIET } else { Sound(HUM, -30.0) }, |_| QUIET), []);
    }

    #[test]
    fn what_is_left_of_an_echo_is_none() {
        let echo = |n| if n < 100 { QUIET } else { Sound(VOWEL, -30.0) };
        let left = |n| if n < 100 { QUIET } else { Sound(VOWEL, -34.0) };
        assert_eq!(begins(200, left, echo), []);
        // The room rings on when the filter's echo is over.
        let echo = |n| if (50..100).contains(&n) { Sound(VOWEL, -30.0) } else { QUIET };
        let left = |n| match n {
            0..50 => QUIET,
            50..100 => Sound(VOWEL, -34.0),
            _ => Sound(VOWEL, -34.0 - (n - 100) as f32),
        };
        assert_eq!(begins(200, left, echo), []);
    }

    #[test]
    fn the_better_the_canceller_knows_the_room_the_more_it_hears() {
        let voice = |left| begins(400, |n| Sound(VOWEL, if n < 300 { left } else { -30.0 }), |_| Sound(VOWEL, -30.0));
        assert_eq!(voice(-34.0), []);
        assert!(matches!(voice(-50.0)[..], [301..=305]));
    }

    #[test]
    fn a_hiss_beside_an_echo_of_vowels_is_noticed() {
        let left = |n| if n < 100 { Sound(VOWEL, -42.0) } else { Sound(HISS, -40.0) };
        let found = begins(200, left, |_| Sound(&[300.0, 600.0, 1_100.0], -30.0));
        assert!(matches!(found[..], [101..=105]), "{found:?}");
    }

    #[test]
    fn the_noise_of_the_room_is_none() {
        assert!(begins(2_000, |_| Sound(VOWEL, -45.0), |_| QUIET).len() <= 1);
    }
}
