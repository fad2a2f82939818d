//! Whether the user speaks: a small neural detector with hangover.

use earshot::Detector;

use crate::front::{CORE_RATE, FRAME};
use crate::level::{SILENCE, decibels, power};
use crate::resample::{Resampler, Start};

/// The detector's rate, in Hz, and frame, in samples (16 ms).
const RATE: u32 = 16_000;
const WINDOW: usize = 256;
/// From this score on a window counts as speech.
const SPEECH: f32 = 0.5;
/// How long speech goes on without a speech window, in frames (200 ms): the pauses inside of words.
const HANGOVER: u32 = 20;
/// How far speech stands out from the noise of the room, in dB.
const CONTRAST: f32 = 6.0;
/// Nothing below this is taken for speech, in dBFS.
const QUIETEST: f32 = -60.0;

/// From the core's rate to the detector's.
pub(crate) struct Narrow(Resampler);

impl Narrow {
    /// The detector's rate, in Hz.
    pub(crate) const RATE: u32 = RATE;

    /// A converter that has heard nothing.
    pub(crate) fn new() -> Self {
        Self(Resampler::new(CORE_RATE, RATE, FRAME, Start::Live))
    }

    /// Takes 10 ms and appends them.
    pub(crate) fn push(&mut self, frame: &[f32; FRAME], out: &mut Vec<f32>) {
        self.0.push(frame, out);
    }
}

/// Decides for each 10 ms frame.
pub(crate) struct Voice {
    detector: Box<Detector>,
    window: Vec<f32>,
    is_speech: bool,
    hangover: u32,
    noise: NoiseFloor,
    loudness: f32,
}

impl Voice {
    /// A detector that has heard nothing; `noise` of the room in dBFS where it is known.
    pub(crate) fn new(noise: Option<f32>) -> Self {
        Self {
            detector: Box::default(),
            window: Vec::with_capacity(2 * WINDOW),
            is_speech: false,
            hangover: 0,
            noise: NoiseFloor::new(noise),
            loudness: SILENCE,
        }
    }

    /// Takes about 10 ms at the detector's rate; whether the user speaks now. What is not above `leftover`, in dBFS, may
    /// be what is left of an echo.
    pub(crate) fn frame(&mut self, samples: &[f32], leftover: f32) -> bool {
        let level = decibels(power(samples));
        self.noise.frame(level);
        // A little memory, so that a zero crossing of the envelope is no pause.
        self.loudness = level.max(self.loudness - 1.0);
        let is_loud = self.loudness > (self.noise.level() + CONTRAST).max(QUIETEST).max(leftover);
        self.hangover = self.hangover.saturating_sub(1);
        self.window.extend_from_slice(samples);
        while let Some(window) = self.window.get(..WINDOW) {
            self.is_speech = self.detector.predict_f32(window) >= SPEECH && is_loud;
            if self.is_speech {
                self.hangover = HANGOVER;
            }
            self.window.drain(..WINDOW);
        }
        self.is_heard()
    }

    /// Whether somebody spoke in the last moments.
    pub(crate) fn is_heard(&self) -> bool {
        self.hangover > 0
    }

    /// Loudness of the last moments, in dBFS.
    pub(crate) fn loudness(&self) -> f32 {
        self.loudness
    }

    /// Whether the last frame itself was speech, without the hangover.
    pub(crate) fn is_strong(&self) -> bool {
        self.is_speech
    }
}

/// Follows the quietest moments: quickly down, slowly up.
#[derive(Debug)]
pub(crate) struct NoiseFloor(f32);

impl NoiseFloor {
    /// Upwards 3 dB per second.
    const RISE: f32 = 0.03;
    /// Downwards a tenth of the way per frame.
    const FALL: f32 = 0.1;

    /// At a known level in dBFS, or at that of a usual room.
    pub(crate) fn new(known: Option<f32>) -> Self {
        Self(known.unwrap_or(-55.0))
    }

    /// Takes the level of 10 ms in dBFS.
    pub(crate) fn frame(&mut self, level: f32) {
        self.0 = if level < self.0 { self.0 + (level - self.0) * Self::FALL } else { self.0 + Self::RISE };
        self.0 = self.0.clamp(-90.0, -30.0);
    }

    /// In dBFS.
    pub(crate) fn level(&self) -> f32 {
        self.0
    }
}
