//! Where there was a voice in the open microphone. The provider does not say when speech begins and ends; this is for
//! the places of turns in the sound, for keeping the floor and for telling late captions from new speech.

use std::collections::VecDeque;
use std::time::Duration;

use crate::SAMPLE_RATE;

/// 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;
const FRAME_MS: u32 = 20;
/// Never taken for a voice (RMS, full scale 1): -50 dBFS.
const QUIETEST: f32 = 0.003;
/// A voice is so much louder than the room.
const ABOVE_ROOM: f32 = 3.0;
/// A stretch of speech goes on over pauses up to here.
const BREATH_MS: u32 = 1_500;
/// What comes before and after a voice and still belongs to it.
const MARGIN_MS: u32 = 200;

/// See the module. Times count sound that was taken in.
#[derive(Debug)]
pub(super) struct Ear {
    pending: Vec<i16>,
    room: f32,
    /// Since the last voice.
    quiet_ms: u32,
    /// Since the present stretch of speech began.
    since_ms: Option<u32>,
    /// There was a voice since [`Ear::turn_over`].
    has_voice: bool,
    /// Quiet sound that was held back.
    margin: VecDeque<i16>,
}

impl Default for Ear {
    fn default() -> Self {
        let pending = Vec::new();
        Self { pending, room: 0.001, quiet_ms: BREATH_MS, since_ms: None, has_voice: false, margin: VecDeque::new() }
    }
}

impl Ear {
    pub(super) fn hear(&mut self, pcm: &[i16]) {
        self.pending.extend_from_slice(pcm);
        let whole = self.pending.len() - self.pending.len() % FRAME;
        let frames: Vec<i16> = self.pending.drain(..whole).collect();
        for frame in frames.chunks(FRAME) {
            self.frame(loudness(frame));
        }
    }

    fn frame(&mut self, loudness: f32) {
        let is_voice = loudness > QUIETEST.max(self.room * ABOVE_ROOM);
        // The room is learnt quickly when it gets quieter, slowly when it gets louder.
        self.room = if loudness < self.room { loudness } else { (self.room * 1.003).min(0.02) }.max(0.000_1);
        self.since_ms = self.since_ms.map(|since| since.saturating_add(FRAME_MS));
        if is_voice {
            let is_new = self.quiet_ms > BREATH_MS || self.since_ms.is_none();
            self.since_ms = if is_new { Some(FRAME_MS) } else { self.since_ms };
            self.quiet_ms = 0;
            self.has_voice = true;
        } else {
            self.quiet_ms = self.quiet_ms.saturating_add(FRAME_MS);
        }
    }

    /// How long ago the speech began that the provider now tells of.
    pub(super) fn since(&self) -> Duration {
        Duration::from_millis(u64::from(self.since_ms.map_or(0, |since| since.saturating_add(MARGIN_MS))))
    }

    /// How long there has been no voice.
    pub(super) fn quiet_ms(&self) -> u32 {
        self.quiet_ms
    }

    /// Somebody speaks, or did a moment ago.
    pub(super) fn is_voice(&self) -> bool {
        self.quiet_ms <= MARGIN_MS
    }

    /// There was a voice that belongs to no turn yet.
    pub(super) fn has_voice(&self) -> bool {
        self.has_voice
    }

    /// The turn that was heard has its end.
    pub(super) fn turn_over(&mut self) {
        self.has_voice = false;
        self.since_ms = None;
    }

    /// What of this sound is to be sent while pauses must not end the turn: the speech with its margins.
    pub(super) fn without_pauses(&mut self, pcm: &[i16]) -> Vec<i16> {
        if self.is_voice() {
            let mut sound: Vec<i16> = std::mem::take(&mut self.margin).into();
            sound.extend_from_slice(pcm);
            return sound;
        }
        self.margin.extend(pcm);
        let excess = self.margin.len().saturating_sub((MARGIN_MS * SAMPLE_RATE / 1_000) as usize);
        self.margin.drain(..excess);
        Vec::new()
    }

    /// Pauses count again.
    pub(super) fn with_pauses(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.margin).into()
    }
}

/// Root mean square, full scale 1.
fn loudness(pcm: &[i16]) -> f32 {
    let sum: f32 = pcm.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
    (sum / pcm.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: usize = SAMPLE_RATE as usize / 1_000;

    #[test]
    fn speech_is_found_with_its_begin_over_short_pauses() {
        let mut ear = Ear::default();
        ear.hear(&vec![3; 500 * MS]);
        assert!(!ear.has_voice());
        ear.hear(&vec![3_000; 300 * MS]);
        ear.hear(&vec![3; 400 * MS]);
        ear.hear(&vec![3_000; 300 * MS]);
        assert!(ear.is_voice() && ear.has_voice());
        assert!(ear.since().as_millis().abs_diff(1_200) <= 40, "{:?}", ear.since());
        ear.turn_over();
        ear.hear(&vec![3; 1_000 * MS]);
        assert_eq!((ear.has_voice(), ear.quiet_ms()), (false, 1_000));
    }

    #[test]
    fn pauses_are_held_back_but_for_their_margins() {
        let mut ear = Ear::default();
        let mut sent = 0;
        for (level, ms) in [(3_000, 400), (3, 2_000), (3_000, 400)] {
            for _ in 0..ms / 20 {
                let pcm = vec![level; 20 * MS];
                ear.hear(&pcm);
                sent += ear.without_pauses(&pcm).len() / MS;
            }
        }
        assert_eq!(sent, 800 + 2 * MARGIN_MS as usize);
    }
}
