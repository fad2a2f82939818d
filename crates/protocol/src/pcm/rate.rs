//! Another sample rate, piece by piece: a windowed sinc for the ratio of two whole numbers.

use std::f32::consts::PI;

/// Zero crossings of the sinc on either side.
const CROSSINGS: usize = 16;
/// Share of the narrower band that is kept.
const BAND: f32 = 0.92;

/// Converts a stream of samples; it lags by less than 2 ms.
#[derive(Debug)]
pub(crate) struct Resampler {
    up: usize,
    down: usize,
    /// Samples of the input on either side of a sample of the output.
    reach: usize,
    /// Coefficients of each of the `up` phases, `2 * reach` of them.
    phases: Vec<Vec<f32>>,
    /// The input that is still needed.
    input: Vec<f32>,
    /// Place of the next sample of the output in `input`, in parts of `up`.
    place: usize,
}

impl Resampler {
    /// From so many Hz to so many; equal rates pass through.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let (from, to) = (from.max(1), to.max(1));
        let common = divisor(from, to);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        let narrow = (to as f32 / from as f32).min(1.0);
        let reach = (CROSSINGS as f32 / narrow).ceil() as usize;
        let phases = if up == down { Vec::new() } else { (0..up).map(|at| phase(at, up, reach, narrow)).collect() };
        Self { up, down, reach, phases, input: vec![0.0; reach.saturating_sub(1)], place: 0 }
    }

    /// Forgets what came before.
    pub(crate) fn reset(&mut self) {
        self.input = vec![0.0; self.reach.saturating_sub(1)];
        self.place = 0;
    }

    /// The output that the input so far makes certain.
    pub(crate) fn convert(&mut self, pcm: &[i16]) -> Vec<i16> {
        if self.phases.is_empty() {
            return pcm.to_vec();
        }
        self.input.extend(pcm.iter().map(|sample| f32::from(*sample)));
        let mut output = Vec::with_capacity(pcm.len() * self.up / self.down + 1);
        while let Some(window) = self.input.get(self.place / self.up..self.place / self.up + 2 * self.reach) {
            let Some(phase) = self.phases.get(self.place % self.up) else { break };
            let sum: f32 = window.iter().zip(phase).map(|(sample, weight)| sample * weight).sum();
            output.push(sum.round() as i16); // saturates
            self.place += self.down;
        }
        let used = (self.place / self.up).min(self.input.len());
        self.input.drain(..used);
        self.place -= used * self.up;
        output
    }
}

fn divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { divisor(other, one % other) }
}

/// The weights of the input around a point that lies `at / up` samples behind the middle of the window.
fn phase(at: usize, up: usize, reach: usize, narrow: f32) -> Vec<f32> {
    let middle = (reach - 1) as f32 + at as f32 / up as f32;
    let weight = |index: usize| {
        let distance = index as f32 - middle;
        let turn = PI * distance / reach as f32;
        let window = if turn.abs() >= PI { 0.0 } else { 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos() };
        sinc(distance * narrow * BAND) * window
    };
    let weights: Vec<f32> = (0..2 * reach).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn sinc(x: f32) -> f32 {
    if x.abs() < 1e-6 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = 24_000;

    fn tone(hz: f32, rate: u32) -> Vec<i16> {
        (0..rate).map(|at| ((at as f32 * 2.0 * PI * hz / rate as f32).sin() * 10_000.0) as i16).collect()
    }

    fn power(pcm: &[i16]) -> f32 {
        let middle = &pcm[pcm.len() / 4..pcm.len() * 3 / 4];
        (middle.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / middle.len() as f32).sqrt()
    }

    fn in_pieces(resampler: &mut Resampler, pcm: &[i16], piece: usize) -> Vec<i16> {
        pcm.chunks(piece).flat_map(|piece| resampler.convert(piece)).collect()
    }

    #[test]
    fn a_tone_keeps_its_length_and_loudness_at_every_rate() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
            for (from, to) in [(24_000, rate), (rate, 24_000)] {
                let there = in_pieces(&mut Resampler::new(from, to), &tone(440.0, from), 480);
                assert!((there.len() as i64 - i64::from(to)).abs() < i64::from(to) / 250, "{from} to {to}");
                assert!((power(&there) / 7_071.0 - 1.0).abs() < 0.02, "{from} to {to}: {}", power(&there));
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let there = Resampler::new(24_000, 16_000).convert(&tone(10_500.0, 24_000));
        assert!(power(&there) < 20.0, "{}", power(&there));
    }

    #[test]
    fn pieces_make_no_difference_and_a_reset_begins_anew() {
        let tone = tone(700.0, 24_000);
        let mut resampler = Resampler::new(24_000, 16_000);
        let whole = resampler.convert(&tone);
        resampler.reset();
        assert_eq!(in_pieces(&mut resampler, &tone, 7), whole);
        assert_eq!(Resampler::new(24_000, 24_000).convert(&tone).len(), SECOND);
    }
}
