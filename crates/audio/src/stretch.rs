//! Faster or slower speech at the same pitch, between the jitter buffer and the resampler.

use std::collections::VecDeque;
use std::num::{NonZeroU16, NonZeroU32};
use std::ops::RangeInclusive;

use wsola::TimeStretch;

/// Slowest and fastest.
pub(crate) const SPEEDS: RangeInclusive<f32> = 0.75..=1.5;
/// Pieces of silence that surely push out what is inside.
const MOST_PIECES: usize = 64;

/// What happens to the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// They pass as they are, at once.
    Passing,
    /// The stretcher collects its first frame, whose first half was played already.
    Priming,
    Stretching,
}

/// Waveform-similarity overlap-add. Once it has begun it goes on to the end of the item, also at speed 1, where it
/// repeats its input exactly: so the speed can change at any moment without a seam.
#[derive(Debug)]
pub(crate) struct Stretch {
    wsola: Option<TimeStretch>,
    phase: Phase,
    /// What passed last, as long as a frame's first half.
    recent: VecDeque<f32>,
    /// Samples that went in and did not come out in any form, of the input.
    held: f64,
    piece: Vec<f32>,
}

impl Stretch {
    /// For samples at `rate` Hz.
    pub(crate) fn new(rate: u32) -> Self {
        let mono = NonZeroU16::MIN;
        let wsola = NonZeroU32::new(rate).and_then(|rate| TimeStretch::new(rate, mono).ok());
        let hop = wsola.as_ref().map_or(0, TimeStretch::min_output_buff_size);
        let recent = VecDeque::with_capacity(hop);
        Self { wsola, phase: Phase::Passing, recent, held: 0.0, piece: vec![0.0; hop] }
    }

    /// Samples of the input that still have to come out.
    pub(crate) fn held(&self) -> usize {
        self.held.round() as usize
    }

    /// Takes `input` at `speed` and appends what comes out of it.
    pub(crate) fn push(&mut self, input: &[f32], speed: f32, out: &mut Vec<f32>) {
        if self.phase == Phase::Passing && speed == 1.0 {
            let hop = self.piece.len();
            self.recent.extend(input.iter().skip(input.len().saturating_sub(hop)));
            self.recent.drain(..self.recent.len().saturating_sub(hop));
            return out.extend_from_slice(input);
        }
        if self.phase == Phase::Passing {
            self.begin();
        }
        self.held += input.len() as f64;
        if let Some(wsola) = &mut self.wsola {
            wsola.push(input);
        }
        self.pull(speed, out);
    }

    /// Appends everything that is inside, and forgets the signal.
    pub(crate) fn finish(&mut self, speed: f32, out: &mut Vec<f32>) {
        let end = out.len() + (self.held / f64::from(speed)).round() as usize;
        let silence = vec![0.0; self.piece.len()];
        for _ in 0..MOST_PIECES {
            if out.len() >= end || self.phase == Phase::Passing {
                break;
            }
            if let Some(wsola) = &mut self.wsola {
                wsola.push(&silence);
            }
            self.pull(speed, out);
        }
        out.truncate(end);
        self.reset();
    }

    /// Forgets the signal.
    pub(crate) fn reset(&mut self) {
        if let Some(wsola) = &mut self.wsola {
            wsola.reset();
        }
        self.phase = Phase::Passing;
        self.recent.clear();
        self.held = 0.0;
    }

    /// The first frame overlaps what was played last, so that nothing of the rest is faded in.
    fn begin(&mut self) {
        let Some(wsola) = &mut self.wsola else { return };
        let hop = self.piece.len();
        let mut before = vec![0.0; hop.saturating_sub(self.recent.len())];
        before.extend(self.recent.drain(..));
        wsola.reset();
        wsola.push(&before);
        self.phase = Phase::Priming;
    }

    fn pull(&mut self, speed: f32, out: &mut Vec<f32>) {
        let Some(wsola) = &mut self.wsola else { return };
        loop {
            wsola.set_tempo(if self.phase == Phase::Priming { 1.0 } else { speed });
            if wsola.pull(&mut self.piece).is_err() {
                return;
            }
            if self.phase == Phase::Priming {
                self.phase = Phase::Stretching;
                continue;
            }
            self.held = (self.held - self.piece.len() as f64 * f64::from(speed)).max(0.0);
            out.extend_from_slice(&self.piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 24_000;

    fn tone(hz: f64, samples: usize) -> Vec<f32> {
        let step = hz * std::f64::consts::TAU / f64::from(RATE);
        (0..samples).map(|n| (0.5 * (n as f64 * step).sin()) as f32).collect()
    }

    /// Something like speech: a buzz of changing pitch in syllables.
    fn babble(samples: usize) -> Vec<f32> {
        let mut phase = 0.0_f64;
        (0..samples)
            .map(|n| {
                let time = n as f64 / f64::from(RATE);
                phase += (120.0 + 40.0 * (time * 3.0).sin()) / f64::from(RATE);
                let buzz: f64 =
                    (1..12).map(|k| (phase * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
                (0.3 * buzz * (time * 4.0 * std::f64::consts::PI).sin().powi(2)) as f32
            })
            .collect()
    }

    fn stretched(input: &[f32], sizes: &[usize], speed: impl Fn(usize) -> f32) -> Vec<f32> {
        let mut stretch = Stretch::new(RATE);
        let mut out = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < input.len() {
            let end = (at + sizes[turn % sizes.len()]).min(input.len());
            stretch.push(&input[at..end], speed(at), &mut out);
            (at, turn) = (end, turn + 1);
        }
        stretch.finish(speed(input.len()), &mut out);
        assert_eq!(stretch.held(), 0);
        out
    }

    /// Upward zero crossings per second, without the edges.
    fn pitch(samples: &[f32]) -> f64 {
        let middle = &samples[samples.len() / 10..samples.len() * 9 / 10];
        let count = middle.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        count as f64 * f64::from(RATE) / middle.len() as f64
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_lasts_as_long_as_the_speed_says() {
        let input = tone(1_000.0, 4 * RATE as usize);
        for speed in [0.75, 0.9, 1.1, 1.25, 1.5] {
            let out = stretched(&input, &[240], |_| speed);
            let wanted = input.len() as f64 / f64::from(speed);
            assert!((out.len() as f64 / wanted - 1.0).abs() < 0.001, "{speed}: {} for {wanted}", out.len());
            assert!((pitch(&out) - 1_000.0).abs() < 3.0, "{speed}: {}", pitch(&out));
            assert!(steepest(&out) < 1.1 * steepest(&input), "{speed}: a click");
        }
    }

    #[test]
    fn at_speed_one_samples_pass_at_once_and_unchanged() {
        let input = babble(10_000);
        let mut stretch = Stretch::new(RATE);
        let mut out = Vec::new();
        for piece in input.chunks(97) {
            let before = out.len();
            stretch.push(piece, 1.0, &mut out);
            assert_eq!(out.len() - before, piece.len());
        }
        assert_eq!(out, input);
    }

    #[test]
    fn pieces_of_any_size_sound_like_one() {
        let input = babble(3 * RATE as usize);
        for speed in [0.75, 1.5] {
            let whole = stretched(&input, &[input.len()], |_| speed);
            let pieces = stretched(&input, &[1, 240, 7, 4_800, 113], |_| speed);
            assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn speed_can_change_in_the_middle_without_a_seam() {
        let input = tone(437.0, 4 * RATE as usize);
        let third = input.len() / 3;
        for speeds in [[1.0, 1.5, 1.0], [1.5, 0.75, 1.5], [1.0, 0.75, 1.25], [0.75, 1.0, 1.5]] {
            let out = stretched(&input, &[240], |at| speeds[(at / third).min(2)]);
            let wanted: f64 = speeds.iter().map(|speed| third as f64 / f64::from(*speed)).sum();
            assert!((out.len() as f64 / wanted - 1.0).abs() < 0.02, "{speeds:?}: {} for {wanted}", out.len());
            assert!(steepest(&out) < 1.1 * steepest(&input), "{speeds:?}: a click");
            assert!((pitch(&out) - 437.0).abs() < 3.0, "{speeds:?}: {}", pitch(&out));
        }
    }

    #[test]
    fn a_stretched_stretch_goes_back_to_exact_samples_at_speed_one() {
        let input = babble(2 * RATE as usize);
        let out = stretched(&input, &[240], |at| if at < RATE as usize { 1.25 } else { 1.0 });
        let tail = &input[input.len() - 4_800..input.len() - 1_200];
        let is_tail = |from: &[f32]| from.iter().zip(tail).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(out.windows(tail.len()).any(is_tail), "the end is not the input's");
    }

    #[test]
    fn the_first_and_last_syllables_are_whole() {
        let loud = vec![0.5; 4_800];
        for speed in [0.75, 1.5] {
            let out = stretched(&loud, &[240], |_| speed);
            assert!(out.first().is_some_and(|first| *first > 0.49), "{speed}: {:?}", out.first());
            let level = out.iter().take(out.len() - 600).fold(1.0_f32, |low, sample| low.min(*sample));
            assert!(level > 0.49, "{speed}: {level}");
        }
    }

    #[test]
    fn short_and_empty_items_are_spoken() {
        for count in [0, 1, 10, 500] {
            for speed in [0.75, 1.5] {
                let out = stretched(&tone(300.0, count), &[240], |_| speed);
                assert_eq!(out.len(), (count as f64 / f64::from(speed)).round() as usize);
            }
        }
    }

    #[test]
    fn nothing_of_the_signal_before_a_reset_comes_after_it() {
        let mut stretch = Stretch::new(RATE);
        let mut out = Vec::new();
        stretch.push(&vec![1.0; 4_800], 1.5, &mut out);
        stretch.reset();
        out.clear();
        stretch.push(&vec![0.0; 4_800], 1.5, &mut out);
        stretch.finish(1.5, &mut out);
        assert!(out.len() == 3_200 && out.iter().all(|sample| *sample == 0.0));
    }
}
