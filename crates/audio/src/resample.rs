//! Mono sample-rate conversion for pieces of any length.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// What happens to the converter's own delay at the start of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// A live signal: zeros go first, so that each chunk in gives a whole chunk out and nobody waits for two samples.
    Live,
    /// A signal with a beginning: the delay is cut off, sample 0 stays sample 0.
    Aligned,
}

/// Places between two samples of the input for which the filter is worked out.
const PHASES: u32 = 128;
/// How much the ratio of an elastic converter can be trimmed.
const ELASTICITY: f64 = 1.005;

/// A windowed-sinc converter between two rates; passes samples through when they are equal.
pub(crate) struct Resampler {
    sinc: Option<Async<f32>>,
    chunk: usize,
    ratio: f64,
    start: Start,
    is_fresh: bool,
    skip: usize,
    /// How much more or less than the rates say is made of the input now, in parts of one.
    share: f64,
    /// Samples out since the start: how many there must be, and how many there were.
    owed: f64,
    given: usize,
    pending: Vec<f32>,
    buffer: Vec<f32>,
}

impl Resampler {
    /// Converts from `from` to `to` Hz in steps of `chunk` input samples.
    pub(crate) fn new(from: u32, to: u32, chunk: usize, start: Start) -> Self {
        let chunk = chunk.max(16);
        let ratio = f64::from(to) / f64::from(from);
        let sinc = (from != to).then(|| sinc(from, to, chunk, 1.0)).flatten();
        let buffer = vec![0.0; sinc.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        let pending = Vec::with_capacity(chunk * 4);
        let mut this = Self {
            sinc,
            chunk,
            ratio,
            start,
            is_fresh: true,
            skip: 0,
            share: 0.0,
            owed: 0.0,
            given: 0,
            pending,
            buffer,
        };
        this.reset();
        this
    }

    /// The same, but the ratio can be trimmed; therefore it never passes samples through.
    pub(crate) fn elastic(from: u32, to: u32, chunk: usize, start: Start) -> Self {
        let mut this = Self::new(from, to, chunk, start);
        this.sinc = sinc(from, to, this.chunk, ELASTICITY);
        this.buffer = vec![0.0; this.sinc.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        this.reset();
        this
    }

    /// Makes a little more (positive) or less of the signal, in parts of one, at most 0.5 %.
    pub(crate) fn trim(&mut self, share: f64) {
        let relative = (1.0 + share).clamp(1.0 / ELASTICITY, ELASTICITY);
        if self.share == relative - 1.0 {
            return;
        }
        // Inside of the limits it cannot fail; a rigid converter refuses.
        let is_done = |sinc: &mut Async<f32>| sinc.set_resample_ratio_relative(relative, true).is_ok();
        if self.sinc.as_mut().is_some_and(is_done) {
            self.share = relative - 1.0;
        }
    }

    /// Forgets the signal so far.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        self.is_fresh = true;
        (self.skip, self.share, self.owed, self.given) = (0, 0.0, 0.0, 0);
        if let Some(sinc) = &mut self.sinc {
            sinc.reset();
            if self.start == Start::Aligned {
                self.skip = sinc.output_delay();
            }
        }
    }

    /// Converts `input` and appends to `out`; up to a chunk stays inside.
    pub(crate) fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        if self.sinc.is_none() {
            return out.extend_from_slice(input);
        }
        let start = out.len();
        self.owed += input.len() as f64 * self.ratio * (1.0 + self.share);
        self.pending.extend_from_slice(input);
        let mut at = 0;
        while let Some(chunk) = self.pending.get(at..at + self.chunk) {
            let before = out.len();
            if let Some(sinc) = &mut self.sinc {
                convert(sinc, chunk, &mut self.buffer, out);
            }
            at += self.chunk;
            self.align(before, out);
        }
        self.pending.drain(..at);
        self.given += out.len() - start;
    }

    /// Appends what is still inside and resets.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        let owed = self.owed.round() as usize;
        let end = out.len() + owed.saturating_sub(self.given);
        let zeros = vec![0.0; self.chunk];
        // The filter's memory is shorter than this.
        for _ in 0..8 {
            if self.sinc.is_none() || out.len() >= end {
                break;
            }
            self.push(&zeros, out);
        }
        out.truncate(end);
        self.reset();
    }

    fn align(&mut self, before: usize, out: &mut Vec<f32>) {
        let fresh = out.len() - before;
        if self.start == Start::Live && self.is_fresh {
            let whole = (self.chunk as f64 * self.ratio).ceil() as usize + 2;
            let zeros = whole.saturating_sub(fresh);
            out.splice(before..before, std::iter::repeat_n(0.0, zeros));
        }
        self.is_fresh = false;
        let cut = self.skip.min(fresh);
        out.drain(before..before + cut);
        self.skip -= cut;
    }
}

/// Length 128 delays by 64 input samples (1.3 ms at 48 kHz). Slow inputs get a shorter filter, so that an answer of 24 kHz
/// does not wait 2.7 ms and a telephone headset 8; strong decimation gets a longer one, since the cut-off moves down with
/// the ratio.
fn sinc(from: u32, to: u32, chunk: usize, elasticity: f64) -> Option<Async<f32>> {
    let length = match (from / to, from) {
        (4.., _) => 256,
        (_, ..=24_000) => 64,
        _ => 128,
    };
    // Every sample out lies on a phase of the filter: half of the work is to find what lies between two.
    let is_exact = elasticity == 1.0 && (from * PHASES).is_multiple_of(to);
    let parameters = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2)
        .oversampling_factor(PHASES as usize)
        .interpolation(if is_exact { SincInterpolationType::Nearest } else { SincInterpolationType::Linear });
    // Two positive rates always give a usable ratio.
    Async::new_sinc(f64::from(to) / f64::from(from), elasticity, &parameters, chunk, 1, FixedAsync::Input).ok()
}

fn convert(sinc: &mut Async<f32>, chunk: &[f32], buffer: &mut [f32], out: &mut Vec<f32>) {
    let room = buffer.len();
    let (Ok(input), Ok(mut output)) =
        (InterleavedSlice::new(chunk, 1, chunk.len()), InterleavedSlice::new_mut(buffer, 1, room))
    else {
        return;
    };
    if let Ok((_, count)) = sinc.process_into_buffer(&input, &mut output, None) {
        out.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

/// -1.0…1.0 to 16 bit, clipped.
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// 16 bit to -1.0…1.0.
pub(crate) fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|n| (n as f64 * hertz * std::f64::consts::TAU / f64::from(rate)).sin() as f32).collect()
    }

    fn correlation(a: &[f32], b: &[f32]) -> f64 {
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(p, q)| f64::from(*p) * f64::from(*q)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn aligned_conversion_keeps_time_and_length_at_every_rate() {
        for (from, to) in
            [(24_000, 48_000), (24_000, 44_100), (24_000, 8_000), (8_000, 48_000), (24_000, 192_000), (24_000, 11_025)]
        {
            let input = sine(from, 200.0, from as usize / 2);
            let mut resampler = Resampler::new(from, to, from as usize / 200, Start::Aligned);
            let mut out = Vec::new();
            for piece in input.chunks(337) {
                resampler.push(piece, &mut out);
            }
            resampler.finish(&mut out);
            let wanted = sine(to, 200.0, to as usize / 2);
            assert!(out.len().abs_diff(wanted.len()) <= 1, "{from} to {to}: {} for {}", out.len(), wanted.len());
            let margin = to as usize / 50;
            let range = margin..wanted.len() - margin;
            let match_ = correlation(&out[range.clone()], &wanted[range]);
            // The converter is off by up to 0.1 ms.
            assert!(match_ > 0.99, "{from} to {to}: {match_}");
        }
    }

    #[test]
    fn live_conversion_gives_a_whole_frame_for_each_frame_from_the_first() {
        for (from, to) in [
            (48_000, 24_000),
            (44_100, 48_000),
            (16_000, 48_000),
            (96_000, 48_000),
            (192_000, 48_000),
            (48_000, 16_000),
        ] {
            let mut resampler = Resampler::new(from, to, from as usize / 100, Start::Live);
            let mut out = Vec::new();
            for frame in 1..=500 {
                resampler.push(&vec![0.1; from as usize / 100], &mut out);
                assert!(out.len() >= frame * to as usize / 100, "{from} to {to}, frame {frame}: {}", out.len());
                assert!(out.len() <= (frame + 1) * to as usize / 100);
            }
        }
    }

    #[test]
    fn nothing_of_the_signal_before_a_reset_comes_after_it() {
        let mut resampler = Resampler::new(24_000, 48_000, 120, Start::Aligned);
        let mut out = Vec::new();
        resampler.push(&[1.0; 500], &mut out);
        resampler.reset();
        out.clear();
        resampler.push(&[0.0; 960], &mut out);
        assert!(!out.is_empty() && out.iter().all(|sample| *sample == 0.0));
    }
}
