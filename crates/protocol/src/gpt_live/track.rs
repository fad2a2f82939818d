//! The model's voice: one endless track at the speed of time, with silence where it says nothing.

use crate::SAMPLE_RATE;

const FRAME: usize = SAMPLE_RATE as usize / 100;
/// Louder than this, a sample is sound. Between utterances the track is digitally silent.
const SOUND: u16 = 48;
/// Pauses are played up to this length; what follows is no sound that anybody misses.
const GAP: usize = SAMPLE_RATE as usize * 4 / 10;
/// After so much silence an utterance is over.
const END: usize = SAMPLE_RATE as usize;
/// After so much silence what the user cut short has ended.
const HUSH: usize = SAMPLE_RATE as usize * 3 / 10;

/// Finds the utterances in the track.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Samples so far.
    length: u64,
    /// Samples of silence at the end.
    silence: usize,
    is_speaking: bool,
}

impl Track {
    /// Takes a piece in; returns what is to be played of it.
    pub(super) fn take(&mut self, pcm: &[i16]) -> Vec<i16> {
        let mut played = Vec::new();
        for frame in pcm.chunks(FRAME) {
            self.length += frame.len() as u64;
            if frame.iter().any(|sample| sample.unsigned_abs() > SOUND) {
                self.silence = 0;
                self.is_speaking = true;
            } else {
                self.silence = self.silence.saturating_add(frame.len());
                self.is_speaking &= self.silence < END;
            }
            if self.is_speaking && self.silence <= GAP {
                played.extend_from_slice(frame);
            }
        }
        played
    }

    /// Whether an utterance goes on.
    pub(super) fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// Whether it is silent now.
    pub(super) fn is_hushed(&self) -> bool {
        self.silence >= HUSH || self.length == 0
    }

    /// What goes on belongs to nobody any more.
    pub(super) fn cut(&mut self) {
        self.is_speaking = false;
    }

    /// Where its last sound ended, on its own clock, in ms.
    pub(super) fn end(&self) -> u64 {
        self.length.saturating_sub(self.silence as u64) * 1_000 / u64::from(SAMPLE_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: usize, level: i16) -> Vec<i16> {
        vec![level; 24 * count]
    }

    #[test]
    fn silence_before_and_between_utterances_is_not_played_and_short_gaps_are() {
        let mut track = Track::default();
        let mut play = |count, level| track.take(&ms(count, level)).len() / 24;
        assert_eq!(play(3_000, 0), 0);
        assert_eq!(play(500, 900), 500);
        assert_eq!(play(200, 0), 200);
        assert_eq!(play(100, 900), 100);
        assert_eq!(play(5_000, 0), 400);
        assert_eq!(play(100, 900), 100);
    }

    #[test]
    fn an_utterance_ends_after_a_second_of_silence() {
        let mut track = Track::default();
        track.take(&ms(500, 900));
        track.take(&ms(990, 0));
        assert!(track.is_speaking() && track.is_hushed());
        track.take(&ms(10, 0));
        assert!(!track.is_speaking());
        assert_eq!(track.end(), 500);
    }
}
