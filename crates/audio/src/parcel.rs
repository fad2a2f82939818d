//! Silence goes out in larger pieces: to make and send a message costs the same for 10 ms as for 40, a hundred times a
//! second, and most of a call is silence. A sound never waits: the first frame that is not quiet takes along what did.

use crate::Captured;
use crate::level::{SILENCE, decibels};
use crate::microphone::Sink;
use crate::voice::NoiseFloor;

/// Quiet before pieces grow, in ms: by then no end of a turn is waited for.
const CALM_MS: usize = 2_000;
/// Length of a piece of silence, in ms.
const PIECE_MS: usize = 40;
/// A sound stands out so far from the noise of the room, in dB.
const CONTRAST: f32 = 6.0;
/// Nothing below this is a sound, in dBFS.
const QUIETEST: f32 = -70.0;

/// In front of the sink. Lengths in samples at the wire's rate.
pub(crate) struct Parcels {
    sink: Sink,
    calm: usize,
    piece: usize,
    noise: NoiseFloor,
    quiet: usize,
    waiting: Vec<i16>,
}

impl Parcels {
    /// In front of `sink`, for frames at `rate` Hz.
    pub(crate) fn new(sink: Sink, rate: u32) -> Self {
        let samples = |ms: usize| rate as usize * ms / 1000;
        let piece = samples(PIECE_MS);
        Self { sink, calm: samples(CALM_MS), piece, noise: NoiseFloor::new(None), quiet: 0, waiting: Vec::new() }
    }

    pub(crate) fn take(&mut self, captured: Captured) {
        let Captured::Frame(samples) = captured else {
            self.flush();
            self.quiet = 0;
            return (self.sink)(captured);
        };
        self.quiet = if self.is_quiet(&samples) { self.quiet + samples.len() } else { 0 };
        if self.waiting.is_empty() && self.quiet <= self.calm {
            return (self.sink)(Captured::Frame(samples));
        }
        self.waiting.extend(samples);
        if self.quiet <= self.calm || self.waiting.len() >= self.piece {
            self.flush();
        }
    }

    /// Forgets what waits: its turn is discarded.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.quiet = 0;
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            (self.sink)(Captured::Frame(std::mem::take(&mut self.waiting)));
        }
    }

    fn is_quiet(&mut self, samples: &[i16]) -> bool {
        let power: f32 = samples.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
        let level = decibels(power / samples.len().max(1) as f32);
        // Digital silence is a muted or withheld microphone, and says nothing about the room.
        if level > SILENCE {
            self.noise.frame(level);
        }
        level <= (self.noise.level() + CONTRAST).max(QUIETEST)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// 10 ms at 24 kHz.
    const FRAME: usize = 240;

    fn parcels() -> (Parcels, Arc<Mutex<Vec<Captured>>>) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&taken);
        (Parcels::new(Box::new(move |captured| sink.lock().unwrap().push(captured)), 24_000), taken)
    }

    /// Alternating samples of `level`, the first one `mark`.
    fn frame(level: i16, mark: i16) -> Captured {
        let mut samples: Vec<i16> = (0..FRAME as i16).map(|n| if n % 2 == 0 { level } else { -level }).collect();
        samples[0] = mark;
        Captured::Frame(samples)
    }

    fn lengths(taken: &Mutex<Vec<Captured>>) -> Vec<usize> {
        let length = |captured: &Captured| match captured {
            Captured::Frame(samples) => samples.len() / FRAME,
            Captured::Voice(_) | Captured::End | Captured::BargeIn | Captured::InputEnded => 0,
        };
        taken.lock().unwrap().iter().map(length).collect()
    }

    #[test]
    fn after_two_seconds_of_silence_it_goes_out_in_pieces_of_40_ms() {
        let (mut parcels, taken) = parcels();
        (0..212).for_each(|_| parcels.take(frame(0, 0)));
        assert_eq!(lengths(&taken), [vec![1; 200], vec![4; 3]].concat());
    }

    #[test]
    fn a_sound_goes_out_at_once_behind_the_silence_that_waited() {
        let (mut parcels, taken) = parcels();
        (0..402).for_each(|n| parcels.take(frame(20, n)));
        taken.lock().unwrap().clear();
        parcels.take(frame(1_000, 402));
        parcels.take(frame(1_000, 403));
        assert_eq!(lengths(&taken), [3, 1]);
        let Captured::Frame(first) = taken.lock().unwrap()[0].clone() else { panic!("no frame") };
        assert_eq!([first[0], first[FRAME], first[2 * FRAME]], [400, 401, 402], "in order");
        (0..200).for_each(|n| parcels.take(frame(20, n)));
        assert_eq!(lengths(&taken)[2..], [1; 200], "and for two seconds more nothing waits");
    }

    #[test]
    fn the_noise_of_a_room_is_silence_too() {
        let (mut parcels, taken) = parcels();
        // A fan of -45 dBFS.
        (0..1_000).for_each(|_| parcels.take(frame(184, 184)));
        assert!(lengths(&taken).ends_with(&[4, 4, 4, 4]), "{:?}", lengths(&taken));
    }

    #[test]
    fn the_end_of_a_turn_finds_nothing_waiting() {
        let (mut parcels, taken) = parcels();
        (0..202).for_each(|_| parcels.take(frame(0, 0)));
        parcels.take(Captured::End);
        assert_eq!(lengths(&taken), [vec![1; 200], vec![2, 0]].concat());
        parcels.take(frame(0, 0));
        assert_eq!(lengths(&taken).last(), Some(&1), "the next turn begins anew");
    }

    #[test]
    fn silence_of_a_discarded_turn_is_in_no_other() {
        let (mut parcels, taken) = parcels();
        (0..203).for_each(|_| parcels.take(frame(0, 7)));
        parcels.clear();
        taken.lock().unwrap().clear();
        parcels.take(frame(0, 8));
        assert_eq!(lengths(&taken), [1]);
    }
}
