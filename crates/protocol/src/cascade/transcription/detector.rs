//! Turns found by loudness: speech is what stands out of the room's noise, a turn ends after some silence.

use crate::SAMPLE_RATE;

/// 20 ms.
pub(super) const FRAME: usize = SAMPLE_RATE as usize / 50;
/// Root mean square of speech, full scale 1, at the least: -44 dBFS.
const SPEECH: f32 = 0.006;
/// In a turn that the user ended, something softer may be speech as well: -54 dBFS.
const AUDIBLE: f32 = 0.002;
/// Speech is so much louder than the room.
const OVER_NOISE: f32 = 3.0;
/// The room is believed to become louder by so much with each frame (half as much again in a second), softer at once.
const RISE: f32 = 1.008;
const LOUDEST_ROOM: f32 = 0.05;
/// A turn begins with five loud frames out of eight: not with a click.
const WINDOW: u32 = 8;
const LOUD_FRAMES: u32 = 5;

/// What a frame did to the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Began,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Detector {
    noise: f32,
    /// The newest frames, the last one in the lowest bit: loud or not.
    recent: u32,
    is_speaking: bool,
    silent_frames: u32,
    patience_frames: u32,
}

impl Default for Detector {
    fn default() -> Self {
        Self { noise: AUDIBLE, recent: 0, is_speaking: false, silent_frames: 0, patience_frames: 15 }
    }
}

impl Detector {
    /// How much silence ends a turn: 300 ms (patience 0) to 1200 ms (1).
    pub(super) fn wait(&mut self, patience: f32) {
        let patience = if patience.is_finite() { patience.clamp(0.0, 1.0) } else { 0.5 };
        self.patience_frames = (15.0 + 45.0 * patience).round() as u32;
    }

    pub(super) fn reset(&mut self) {
        *self = Self { noise: self.noise, patience_frames: self.patience_frames, ..Self::default() };
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// Takes a frame of [`FRAME`] samples, or less.
    pub(super) fn hear(&mut self, frame: &[i16]) -> Option<Turn> {
        let loudness = loudness(frame);
        let is_loud = loudness > SPEECH.max(self.noise * OVER_NOISE);
        self.noise = if loudness < self.noise { loudness } else { (self.noise * RISE).min(LOUDEST_ROOM) };
        self.noise = self.noise.max(SPEECH / 10.0);
        self.recent = (self.recent << 1) | u32::from(is_loud);
        if !self.is_speaking {
            let loud_frames = (self.recent & ((1 << WINDOW) - 1)).count_ones();
            self.is_speaking = loud_frames >= LOUD_FRAMES;
            self.silent_frames = 0;
            return self.is_speaking.then_some(Turn::Began);
        }
        self.silent_frames = if is_loud { 0 } else { self.silent_frames + 1 };
        if self.silent_frames < self.patience_frames {
            return None;
        }
        self.is_speaking = false;
        self.recent = 0;
        Some(Turn::Ended)
    }
}

/// Whether a piece of a turn that the user ended may hold speech.
pub(super) fn is_audible(frame: &[i16]) -> bool {
    loudness(frame) > AUDIBLE
}

fn loudness(frame: &[i16]) -> f32 {
    let sum: f32 = frame.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
    (sum / frame.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hisses or hums for so many ms; tells when turns began and ended, in ms.
    fn turns(detector: &mut Detector, parts: &[(u32, i16)]) -> Vec<(u32, Turn)> {
        let mut turns = Vec::new();
        let mut at = 0;
        for (ms, level) in parts {
            for _ in 0..ms / 20 {
                let frame: Vec<i16> = (0..FRAME).map(|index| if index % 2 == 0 { *level } else { -*level }).collect();
                at += 20;
                turns.extend(detector.hear(&frame).map(|turn| (at, turn)));
            }
        }
        turns
    }

    #[test]
    fn a_turn_ends_after_as_much_silence_as_patience_asks_for() {
        for (patience, silence) in [(0.0, 300), (0.5, 760), (1.0, 1_200), (f32::NAN, 760)] {
            let mut detector = Detector::default();
            detector.wait(patience);
            let turns = turns(&mut detector, &[(500, 10), (1_000, 3_000), (200, 10), (400, 3_000), (2_000, 10)]);
            assert_eq!(turns, [(600, Turn::Began), (2_100 + silence, Turn::Ended)], "{patience}");
        }
    }

    #[test]
    fn a_click_is_no_turn_and_a_fan_is_no_speech() {
        let mut detector = Detector::default();
        assert_eq!(turns(&mut detector, &[(500, 10), (40, 20_000), (1_000, 10)]), []);
        let begun = turns(&mut detector, &[(20_000, 300), (10_000, 330)]);
        assert!(begun.len() <= 2, "the fan is the room: {begun:?}");
        assert_eq!(turns(&mut detector, &[(500, 6_000)]).len(), 1, "speech over the fan is heard");
    }
}
