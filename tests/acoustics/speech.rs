//! Voices and noises: the recorded ones from `tests/fixtures/speech`, the others made here.

use std::path::Path;

/// Samples per second of everything here, in Hz.
pub(crate) const RATE: usize = 48_000;
/// 10 ms, in samples.
pub(crate) const FRAME: usize = 480;

/// The assistant's sentences.
pub(crate) const ANSWERS: [&str; 4] = ["answer-slt", "answer-rms", "answer-espeak", "answer-reader"];
/// The user's sentences: recorded and synthetic, men and women.
pub(crate) const USERS: [&str; 10] = [
    "user-go",
    "user-espeak-f",
    "user-something",
    "user-awb",
    "user-reader",
    "user-numbers",
    "user-slt",
    "user-cards",
    "user-kal",
    "user-espeak-m",
];
/// One word that means it.
pub(crate) const SHORT: [&str; 3] = ["short-stop", "short-wait", "short-no"];
/// Sounds of agreement.
pub(crate) const AGREE: [&str; 5] = ["agree-mmhm", "agree-uhhuh", "agree-yeah", "agree-right", "agree-mm"];

/// Steady random numbers: the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Between 0 and 1.
    pub(crate) fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Between -1 and 1, evenly.
    pub(crate) fn noise(&mut self) -> f32 {
        self.share() * 2.0 - 1.0
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share()
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.share() * count as f32) as usize % count
    }
}

pub(crate) fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}

pub(crate) fn gain(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

pub(crate) fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

/// A clip at 48 kHz, `pitch` times as high and fast as it was spoken, at an active level in dBFS.
pub(crate) fn clip(name: &str, pitch: f32, level: f32) -> Vec<f32> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/speech").join(name).with_extension("wav");
    let mut reader = hound::WavReader::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let slow: Vec<f32> = reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    at_level(stretch(&slow, pitch / 3.0), level)
}

/// Windowed-sinc interpolation: one sample of the output is `step` of the input.
fn stretch(slow: &[f32], step: f32) -> Vec<f32> {
    const REACH: isize = 12;
    // Above the old Nyquist frequency nothing is made; a higher pitch has content a little above it, which is harmless.
    (0..(slow.len() as f32 / step) as usize)
        .map(|n| {
            let at = n as f64 * f64::from(step);
            let whole = at as isize;
            let taps = whole - REACH + 1..=whole + REACH;
            taps.map(|tap| {
                let x = (at - tap as f64) as f32;
                let angle = std::f32::consts::PI * x;
                let sinc = if x.abs() < 1e-4 { 1.0 } else { angle.sin() / angle };
                let window = 0.5 + 0.5 * (angle / REACH as f32).cos();
                usize::try_from(tap).ok().and_then(|tap| slow.get(tap)).unwrap_or(&0.0) * sinc * window
            })
            .sum()
        })
        .collect()
}

/// Brings speech to a level in dBFS, pauses not counted: what is 25 dB below the loudest 10 ms.
pub(crate) fn at_level(mut samples: Vec<f32>, level: f32) -> Vec<f32> {
    let powers: Vec<f32> = samples.chunks(FRAME).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = powers.into_iter().filter(|power| *power > loudest * 0.003).collect();
    let now = decibels(active.iter().sum::<f32>() / active.len() as f32);
    let factor = gain(level - now);
    samples.iter_mut().for_each(|sample| *sample *= factor);
    samples
}

/// First 10 ms, counted from 0, that are above -40 dB of the loudest.
pub(crate) fn onset(samples: &[f32]) -> usize {
    audible(samples).iter().position(|is_audible| *is_audible).unwrap()
}

/// Which 10 ms are above -40 dB of the loudest.
pub(crate) fn audible(samples: &[f32]) -> Vec<bool> {
    let powers: Vec<f32> = samples.chunks(FRAME).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    powers.into_iter().map(|power| power > loudest * 1e-4).collect()
}

/// A fan: noise that falls towards high frequencies.
pub(crate) fn fan(seed: u64, count: usize, level: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let mut low = 0.0;
    let noise: Vec<f32> = (0..count)
        .map(|_| {
            let white = dice.noise();
            low += 0.05 * (white - low);
            low + 0.05 * white
        })
        .collect();
    let factor = gain(level - decibels(power(&noise)));
    noise.into_iter().map(|sample| sample * factor).collect()
}

/// A cough: two bursts of noise through the throat's resonances, 300 ms.
pub(crate) fn cough(seed: u64, level: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let mut throats = [Resonance::new(550.0, 0.985), Resonance::new(1_300.0, 0.98), Resonance::new(2_700.0, 0.97)];
    let burst = |n: usize, start: usize, fall: f32| {
        let after = n.checked_sub(start).map_or(-1.0, |n| n as f32 / RATE as f32);
        if after < 0.0 { 0.0 } else { (after * 400.0).min(1.0) * (-after * fall).exp() }
    };
    let sound = (0..RATE * 3 / 10)
        .map(|n| {
            let breath = dice.noise() * (burst(n, 0, 25.0) + 0.6 * burst(n, 8_000, 18.0));
            throats.iter_mut().map(|throat| throat.next(breath)).sum::<f32>() + 0.2 * breath
        })
        .collect();
    at_level(sound, level)
}

/// Keys of a keyboard for so many seconds: clicks of 8 ms, down and up, five keys per second.
pub(crate) fn typing(seed: u64, seconds: f32, peak: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let mut sound = vec![0.0; (seconds * RATE as f32) as usize];
    let mut at = 0;
    while at + RATE / 4 < sound.len() {
        for (start, loudness) in [(0, 1.0), (dice.below(4_000) + 3_000, 0.5)] {
            let mut case = Resonance::new(dice.between(1_500.0, 4_000.0), 0.97);
            for n in 0..384 {
                let strike = if n < 40 { dice.noise() } else { 0.0 };
                sound[at + start + n] += case.next(strike) * loudness;
            }
        }
        at += (dice.between(0.12, 0.28) * RATE as f32) as usize;
    }
    let loudest = sound.iter().copied().fold(0.0, |a: f32, b| a.max(b.abs()));
    sound.into_iter().map(|sample| sample / loudest * gain(peak)).collect()
}

/// A resonance of two poles.
struct Resonance {
    feedback: (f32, f32),
    last: (f32, f32),
}

impl Resonance {
    fn new(hertz: f32, radius: f32) -> Self {
        let angle = std::f32::consts::TAU * hertz / RATE as f32;
        Self { feedback: (2.0 * radius * angle.cos(), -radius * radius), last: (0.0, 0.0) }
    }

    fn next(&mut self, input: f32) -> f32 {
        let out = input + self.feedback.0 * self.last.0 + self.feedback.1 * self.last.1;
        self.last = (out, self.last.0);
        out
    }
}
