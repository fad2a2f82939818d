//! Other sample rates than [`crate::SAMPLE_RATE`], for providers that have one of their own.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction};

/// Taps of the filter: it delays by half of them, 1.3 ms at 24 kHz.
const LENGTH: usize = 64;

/// A windowed-sinc converter of a live signal in pieces of any length.
pub(crate) struct Resampler {
    sinc: Option<Async<f32>>,
    chunk: usize,
    pending: Vec<f32>,
    buffer: Vec<f32>,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Resampler").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

impl Resampler {
    /// Converts from `from` to `to` samples per second, in steps of 5 ms. Equal rates pass through.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let chunk = (from as usize / 200).max(16);
        let parameters = SincInterpolationParameters::new(LENGTH, WindowFunction::BlackmanHarris2)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(to) / f64::from(from.max(1));
        // Two positive rates always give a usable ratio.
        let make = || Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input).ok();
        let sinc = if from == to { None } else { make() };
        let buffer = vec![0.0; sinc.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        Self { sinc, chunk, pending: Vec::new(), buffer }
    }

    /// Converts `pcm` and appends to `out`; less than 5 ms stay inside.
    pub(crate) fn push(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        let Some(sinc) = &mut self.sinc else { return out.extend_from_slice(pcm) };
        self.pending.extend(pcm.iter().map(|sample| f32::from(*sample) / 32_768.0));
        let whole = self.pending.len() - self.pending.len() % self.chunk;
        for chunk in self.pending.get(..whole).unwrap_or_default().chunks(self.chunk) {
            convert(sinc, chunk, &mut self.buffer, out);
        }
        self.pending.drain(..whole);
    }

    /// The same as samples of their own.
    pub(crate) fn convert(&mut self, pcm: &[i16]) -> Vec<i16> {
        let mut out = Vec::with_capacity(pcm.len());
        self.push(pcm, &mut out);
        out
    }

    /// Forgets what came before.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        if let Some(sinc) = &mut self.sinc {
            sinc.reset();
        }
    }

    /// Appends what is still inside, filled up with silence; the next piece begins anew.
    pub(crate) fn finish(&mut self, out: &mut Vec<i16>) {
        if self.sinc.is_none() {
            return;
        }
        let missing = self.chunk - self.pending.len() % self.chunk;
        self.push(&vec![0; missing.max(LENGTH)], out);
        self.reset();
    }
}

fn convert(sinc: &mut Async<f32>, chunk: &[f32], buffer: &mut [f32], out: &mut Vec<i16>) {
    let room = buffer.len();
    let (Ok(input), Ok(mut output)) =
        (InterleavedSlice::new(chunk, 1, chunk.len()), InterleavedSlice::new_mut(buffer, 1, room))
    else {
        return;
    };
    if let Ok((_, count)) = sinc.process_into_buffer(&input, &mut output, None) {
        let samples = buffer.get(..count).unwrap_or_default();
        out.extend(samples.iter().map(|sample| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f64, count: usize) -> Vec<i16> {
        let sample = |at: usize| (at as f64 * hertz * std::f64::consts::TAU / f64::from(rate)).sin() * 12_000.0;
        (0..count).map(|at| sample(at) as i16).collect()
    }

    fn loudness(pcm: &[i16]) -> f64 {
        (pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
    }

    fn converted(hertz: f64) -> Vec<i16> {
        let (mut resampler, mut out) = (Resampler::new(24_000, 16_000), Vec::new());
        for piece in sine(24_000, hertz, 24_000).chunks(337) {
            resampler.push(piece, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_keeps_its_length_pitch_and_loudness() {
        let out = converted(440.0);
        assert!((16_000..16_200).contains(&out.len()), "{}", out.len());
        let middle = &out[1_000..15_000];
        assert!((loudness(middle) - 12_000.0 / 2.0_f64.sqrt()).abs() < 200.0);
        let crossings = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!(crossings.abs_diff(440 * 14 / 16) <= 1, "{crossings}");
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_left_out() {
        assert!(loudness(&converted(10_000.0)[1_000..15_000]) < 120.0);
    }

    #[test]
    fn equal_rates_pass_through() {
        let (mut resampler, mut out) = (Resampler::new(24_000, 24_000), Vec::new());
        resampler.push(&[1, 2, 3], &mut out);
        resampler.finish(&mut out);
        assert_eq!(out, [1, 2, 3]);
    }
}
