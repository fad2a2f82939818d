//! A second echo canceller that would rather let an echo through than a voice. Nobody hears it: it is for the detector.
//!
//! The first one is tuned for what people hear, and so it swallows the first tenths of a second of a voice that begins
//! while the speaker plays. This one (16 kHz, the same library) believes sooner that somebody near speaks. Measured by the
//! acoustic suite: half the time until a voice is noticed, against an echo of -10 dB.

use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::common::BLOCK_SIZE;
use sonora_aec3::config::EchoCanceller3Config;

use crate::front::FRAME;
use crate::level::{decibels, power};
use crate::rest::LeftOut;
use crate::stir::Stir;
use crate::voice::Narrow;

/// The library counts in 16-bit steps.
const SCALE: f32 = 32_768.0;
/// Blocks of 4 ms in which a near voice must dominate before the suppression yields (12 by default).
const TRIGGER: i32 = 4;
/// It dominates when the echo is weaker than this, in parts of it (0.25 by default), and when it stands out from the noise
/// by this factor (30 by default).
const DOMINANCE: (f32, f32) = (1.0, 10.0);
/// Echo to voice at which high frequencies begin to be suppressed, and are so wholly (0.07 and 0.1 by default): the hiss of
/// a first consonant lies where loudspeakers have little.
const HISS: (f32, f32) = (0.5, 1.0);
/// Frames over which it is averaged what the linear filter removes.
const AVERAGED: f32 = 5.0;

/// Listens for voices past the echo.
pub(crate) struct Sentry {
    near: Side,
    far: Side,
    processor: BlockProcessor,
    linear: Block,
    heard: Vec<f32>,
    removed: f32,
    stir: Stir,
    is_stirred: bool,
    left_out: LeftOut,
}

struct Side {
    narrow: Narrow,
    samples: Vec<f32>,
    block: Block,
}

impl Side {
    fn new() -> Self {
        Self { narrow: Narrow::new(), samples: Vec::new(), block: Block::new(1, 1) }
    }

    /// Takes the next block out, if it is there.
    fn step(&mut self) -> bool {
        if self.samples.len() < BLOCK_SIZE {
            return false;
        }
        for (to, from) in self.block.view_mut(0, 0).iter_mut().zip(self.samples.drain(..BLOCK_SIZE)) {
            *to = from * SCALE;
        }
        true
    }
}

impl Sentry {
    /// A sentry that knows nothing yet.
    pub(crate) fn new() -> Self {
        let mut config = EchoCanceller3Config::default();
        config.filter.export_linear_aec_output = true;
        config.echo_removal_control.has_clock_drift = true;
        let suppressor = &mut config.suppressor;
        suppressor.dominant_nearend_detection.trigger_threshold = TRIGGER;
        suppressor.dominant_nearend_detection.enr_threshold = DOMINANCE.0;
        suppressor.dominant_nearend_detection.snr_threshold = DOMINANCE.1;
        suppressor.normal_tuning.mask_hf.enr_transparent = HISS.0;
        suppressor.normal_tuning.mask_hf.enr_suppress = HISS.1;
        Self {
            near: Side::new(),
            far: Side::new(),
            processor: BlockProcessor::new(&config, Narrow::RATE as usize, 1, 1),
            linear: Block::new(1, 1),
            heard: Vec::new(),
            removed: 0.0,
            stir: Stir::new(),
            is_stirred: false,
            left_out: LeftOut::default(),
        }
    }

    /// Takes 10 ms of what was played, as soon as that is known; `is_idle`: there is no echo of it.
    pub(crate) fn render(&mut self, far: &[f32; FRAME], is_idle: bool) {
        if self.left_out.far(is_idle) {
            return;
        }
        self.far.narrow.push(far, &mut self.far.samples);
        while self.far.step() {
            self.processor.buffer_render(&self.far.block);
        }
    }

    /// Takes 10 ms of the microphone; `is_voice`: somebody was heard before it.
    pub(crate) fn capture(&mut self, near: &[f32; FRAME], is_voice: bool) {
        self.heard.clear();
        if self.left_out.near() {
            self.near.narrow.push(near, &mut self.heard);
            self.removed -= self.removed / AVERAGED;
            self.stir.push(self.heard.iter().copied(), self.heard.iter().map(|_| 0.0));
        } else {
            self.near.narrow.push(near, &mut self.near.samples);
            self.cancel();
        }
        self.is_stirred = self.stir.frame(is_voice);
    }

    fn cancel(&mut self) {
        let mut whole = [0.0; BLOCK_SIZE];
        while self.near.step() {
            whole.copy_from_slice(self.near.block.view(0, 0));
            let before = power(&whole);
            self.processor.process_capture(false, false, Some(&mut self.linear), &mut self.near.block);
            let gone = decibels(before / SCALE / SCALE) - decibels(power(self.linear.view(0, 0)) / SCALE / SCALE);
            self.removed += (gone - self.removed) / (2.5 * AVERAGED);
            let rest = self.linear.view(0, 0).iter().map(|sample| sample / SCALE);
            let echo = whole.iter().map(|sample| sample / SCALE).zip(rest.clone()).map(|(near, rest)| near - rest);
            self.stir.push(rest, echo);
            self.heard.extend(self.near.block.view(0, 0).iter().map(|sample| sample / SCALE));
        }
    }

    /// What is left of the last frame, at the detector's rate.
    pub(crate) fn heard(&self) -> &[f32] {
        &self.heard
    }

    /// Whether with the last frame a sound began that no echo explains, a voice or not.
    pub(crate) fn is_stirred(&self) -> bool {
        self.is_stirred
    }

    /// How much of the microphone was an echo lately, in dB: what a linear filter could remove. A voice cannot be.
    pub(crate) fn removed_db(&self) -> f32 {
        self.removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White noise of -20 dBFS; another one for each seed.
    fn noise(seed: usize) -> [f32; FRAME] {
        std::array::from_fn(|n| {
            let mut word = (n + FRAME * seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((word >> 40) as f32 / 8_388_608.0 - 1.0) * 0.17
        })
    }

    #[test]
    fn what_begins_is_noticed_at_once_while_there_is_no_echo_to_look_for() {
        let mut sentry = Sentry::new();
        for frame in 0..200 {
            sentry.render(&noise(frame), true);
            sentry.capture(&[0.0; FRAME], false);
            assert!(!sentry.is_stirred());
        }
        let noticed = (200..210).position(|frame| {
            sentry.render(&noise(frame), true);
            sentry.capture(&noise(1_000 + frame), false);
            sentry.is_stirred()
        });
        assert!(noticed.is_some_and(|frames| frames < 5), "{noticed:?}");
    }

    #[test]
    fn an_echo_is_learnt_after_a_rest() {
        /// Frames that the far end is known ahead.
        const AHEAD: usize = 4;
        let mut sentry = Sentry::new();
        (0..AHEAD).for_each(|frame| sentry.render(&noise(frame), false));
        for frame in 0..600 {
            let is_idle = frame < 200;
            sentry.render(&noise(frame + AHEAD), is_idle);
            let near = if is_idle { [0.0; FRAME] } else { noise(frame - 2).map(|sample| 0.3 * sample) };
            sentry.capture(&near, false);
        }
        assert!(sentry.removed_db() > 10.0, "{}", sentry.removed_db());
    }
}
