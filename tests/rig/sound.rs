//! Sounds to say, and finding them again in a recording.

use std::path::Path;

use crate::project;

/// Mono samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// 16 bit samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: u32,
}

impl Sound {
    /// One of `tests/fixtures`.
    pub fn fixture(name: &str) -> Self {
        Self::read(&project().join("tests/fixtures").join(name))
    }

    /// A mono 16 bit WAV file.
    pub fn read(path: &Path) -> Self {
        let mut reader =
            hound::WavReader::open(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (1, 16), "{} is not 16 bit mono", path.display());
        let samples = reader.samples::<i16>().map(|sample| sample.expect("a whole WAV file")).collect();
        Self { samples, rate: spec.sample_rate }
    }

    /// Writes it as a WAV file.
    pub fn write(&self, path: &Path) {
        let format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels: 1, sample_rate: self.rate, bits_per_sample: 16, sample_format: format };
        let mut writer = hound::WavWriter::create(path, spec).expect("a WAV file can be made");
        for sample in &self.samples {
            writer.write_sample(*sample).expect("a WAV file can be written");
        }
        writer.finalize().expect("a WAV file can be finished");
    }

    /// A tone that rises from 600 Hz at 8 kHz per second: it sounds like nothing else and is found to the sample.
    pub fn chirp(ms: u32, rate: u32) -> Self {
        let samples = (0..rate * ms / 1000).map(|index| {
            let t = f64::from(index) / f64::from(rate);
            (0.7 * 32767.0 * (std::f64::consts::TAU * (600.0 * t + 4000.0 * t * t)).sin()) as i16
        });
        Self { samples: samples.collect(), rate }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// This sound, then the other one.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        assert_eq!(self.rate, other.rate, "sounds of one rate");
        self.samples.extend(&other.samples);
        self
    }

    /// Silence.
    pub fn silence(ms: u32, rate: u32) -> Self {
        Self { samples: vec![0; (rate * ms / 1000) as usize], rate }
    }

    /// The part from `from` to `to`, in seconds.
    #[must_use]
    pub fn part(&self, from: f64, to: f64) -> Self {
        let index = |seconds: f64| ((seconds * f64::from(self.rate)).max(0.0) as usize).min(self.samples.len());
        Self { samples: self.samples[index(from)..index(to)].to_vec(), rate: self.rate }
    }

    /// Where `needle` is in this sound: seconds from the start, and how alike they are there (1 = the same shape).
    ///
    /// The search runs over loudness in 5 ms steps first, then over samples at 8 kHz around the best places, where a
    /// likeness above 0.6 does not come by chance.
    pub fn find(&self, needle: &Self) -> Option<(f64, f64)> {
        const RATE: u32 = 8_000;
        const STEP: usize = 40;
        let (hay, needle) = (self.resampled(RATE), needle.trimmed().resampled(RATE));
        let (hay_loud, needle_loud) = (loudness(&hay, STEP), loudness(&needle, STEP));
        let last = hay_loud.len().checked_sub(needle_loud.len())?;
        let mut places: Vec<(f64, usize)> =
            (0..=last).map(|at| (likeness(&hay_loud[at..at + needle_loud.len()], &needle_loud), at)).collect();
        places.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near = |at: usize| (at * STEP).saturating_sub(STEP)..=(at + 1) * STEP;
        let candidates = places.iter().take(5).flat_map(|(_, at)| near(*at));
        candidates
            .filter(|at| at + needle.len() <= hay.len())
            .map(|at| (at as f64 / f64::from(RATE), likeness(&hay[at..at + needle.len()], &needle)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// Without the silence around it.
    fn trimmed(&self) -> Self {
        let is_loud = |sample: &i16| sample.unsigned_abs() > 300;
        let from = self.samples.iter().position(is_loud).unwrap_or(0);
        let to = self.samples.iter().rposition(is_loud).map_or(self.samples.len(), |at| at + 1);
        Self { samples: self.samples[from..to].to_vec(), rate: self.rate }
    }

    /// Means over windows: enough of a low-pass to compare shapes with.
    fn resampled(&self, rate: u32) -> Vec<f64> {
        let ratio = f64::from(self.rate) / f64::from(rate);
        let count = (self.samples.len() as f64 / ratio) as usize;
        (0..count)
            .map(|index| {
                let from = (index as f64 * ratio) as usize;
                let to = (((index + 1) as f64 * ratio) as usize).clamp(from + 1, self.samples.len());
                let sum: f64 = self.samples[from..to].iter().map(|sample| f64::from(*sample)).sum();
                sum / (to - from) as f64
            })
            .collect()
    }
}

/// Loudness in dBFS; silence is −120.
pub fn rms_dbfs(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32768.0).powi(2)).sum();
    (10.0 * (sum / samples.len().max(1) as f64).log10()).max(-120.0)
}

fn loudness(samples: &[f64], step: usize) -> Vec<f64> {
    samples.chunks(step).map(|piece| (piece.iter().map(|s| s * s).sum::<f64>() / piece.len() as f64).sqrt()).collect()
}

/// Correlation coefficient of two equally long runs.
fn likeness(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / count, b.iter().sum::<f64>() / count);
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        product += x * y;
        square_a += x * x;
        square_b += y * y;
    }
    if square_a * square_b == 0.0 { 0.0 } else { product / (square_a * square_b).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_found_where_it_was_put_and_nothing_where_it_is_not() {
        let words = Sound::fixture("question.wav");
        let hay = Sound::silence(700, 16_000).then(&words).then(&Sound::silence(900, 16_000));
        let (_, alike) = hay.find(&words).unwrap();
        assert!(alike > 0.9, "{alike}");
        let other = Sound::fixture("interruption.wav");
        let longer = hay.then(&Sound::silence(2000, 16_000));
        let (_, alike) = longer.find(&other).unwrap();
        assert!(alike < 0.4, "{alike}");
        let chirp = Sound::chirp(120, 48_000);
        let (at, alike) = Sound::silence(500, 48_000).then(&chirp).then(&Sound::silence(500, 48_000)).find(&chirp).unwrap();
        assert!(alike > 0.95 && (at - 0.5).abs() < 0.001, "{at} {alike}");
    }
}
