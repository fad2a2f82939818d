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

    /// The same at another rate.
    #[must_use]
    pub fn at(&self, rate: u32) -> Self {
        Self { samples: self.resampled(rate).into_iter().map(|sample| sample as i16).collect(), rate }
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

    /// Where `needle` is in this sound: seconds from the start, and the share of it that was found (1 = all).
    ///
    /// It is looked for in pieces of 200 ms, so that a gap of some milliseconds, as a busy machine makes them, costs the
    /// pieces that it tears apart and not the rest.
    pub fn find(&self, needle: &Self) -> Option<(f64, f64)> {
        /// Seconds by which gaps may stretch the whole.
        const STRETCH: f64 = 1.0;
        /// Likeness that does not come by chance.
        const ALIKE: f32 = 0.85;
        let (hay, needle) = (Shape::of(self), needle.trimmed());
        let pieces = (0..(needle.seconds() / 0.2) as u32).map(|index| f64::from(index) * 0.2);
        let pieces: Vec<(f64, Shape)> = pieces.map(|from| (from, Shape::of(&needle.part(from, from + 0.2)))).collect();
        let place = |(from, piece): &(f64, Shape)| {
            let (at, alike) = hay.place(piece)?;
            (alike > ALIKE).then_some(at - from)
        };
        let found: Vec<f64> = pieces.iter().filter_map(place).collect();
        // The start that most pieces agree on, each later by the gaps before it.
        let agree = |start: f64| found.iter().filter(|at| (start - 0.01..start + STRETCH).contains(at)).count();
        let start = found.iter().copied().max_by(|a, b| agree(*a).cmp(&agree(*b)).then(b.total_cmp(a)))?;
        Some((start, agree(start) as f64 / pieces.len() as f64))
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
    fn resampled(&self, rate: u32) -> Vec<f32> {
        let ratio = f64::from(self.rate) / f64::from(rate);
        let count = (self.samples.len() as f64 / ratio) as usize;
        (0..count)
            .map(|index| {
                let from = (index as f64 * ratio) as usize;
                let to = (((index + 1) as f64 * ratio) as usize).clamp(from + 1, self.samples.len());
                let sum: f64 = self.samples[from..to].iter().map(|sample| f64::from(*sample)).sum();
                (sum / (to - from) as f64) as f32
            })
            .collect()
    }
}

/// Loudness in dBFS; silence is −120.
pub fn rms_dbfs(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32768.0).powi(2)).sum();
    (10.0 * (sum / samples.len().max(1) as f64).log10()).max(-120.0)
}

/// A sound at two resolutions: a coarse one to find candidates, a fine one to choose among them.
struct Shape {
    coarse: Vec<f32>,
    fine: Vec<f32>,
}

impl Shape {
    const COARSE: u32 = 2_000;
    const FINE: u32 = 8_000;
    const CANDIDATES: usize = 8;

    fn of(sound: &Sound) -> Self {
        Self { coarse: sound.resampled(Self::COARSE), fine: sound.resampled(Self::FINE) }
    }

    /// Where `piece` fits best, in seconds, and the correlation coefficient there.
    fn place(&self, piece: &Self) -> Option<(f64, f32)> {
        const RATIO: usize = (Shape::FINE / Shape::COARSE) as usize;
        let mut candidates = likeness(&self.coarse, &piece.coarse);
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1));
        let near = |at: usize| (at * RATIO).saturating_sub(RATIO)..(at + 1) * RATIO;
        let refined = candidates.iter().take(Self::CANDIDATES).flat_map(|(at, _)| {
            let (from, to) = (near(*at).start, (near(*at).end + piece.fine.len()).min(self.fine.len()));
            likeness(&self.fine[from..to], &piece.fine).into_iter().map(move |(at, alike)| (from + at, alike))
        });
        let (at, alike) = refined.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((at as f64 / f64::from(Self::FINE), alike))
    }
}

/// The correlation coefficient at every place of `hay` that is not almost silent.
fn likeness(hay: &[f32], piece: &[f32]) -> Vec<(usize, f32)> {
    const SILENCE: f32 = 30.0;
    if hay.len() < piece.len() {
        return Vec::new();
    }
    let energy = |run: &[f32]| run.iter().map(|sample| sample * sample).sum::<f32>();
    let own = energy(piece).max(1.0);
    let floor = SILENCE * SILENCE * piece.len() as f32;
    let mut there = energy(&hay[..piece.len()]);
    let mut found = Vec::new();
    for (at, run) in hay.windows(piece.len()).enumerate() {
        if there > floor {
            let mut product = 0.0;
            for index in 0..piece.len() {
                product += run[index] * piece[index];
            }
            found.push((at, product / (there * own).sqrt()));
        }
        let next = hay.get(at + piece.len()).copied().unwrap_or_default();
        there += next * next - run[0] * run[0];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_found_where_it_was_put_and_nothing_where_it_is_not() {
        let words = Sound::fixture("question.wav");
        let hay = Sound::silence(700, 16_000).then(&words).then(&Sound::silence(900, 16_000));
        let (at, share) = hay.find(&words).unwrap();
        assert!(share > 0.8 && at > 0.6, "{at} {share}");
        let torn = hay.part(0.0, 1.5).then(&Sound::silence(40, 16_000)).then(&hay.part(1.5, 9.0));
        assert!(torn.find(&words).unwrap().1 > 0.7);
        let other = Sound::fixture("interruption.wav");
        assert!(hay.find(&other).is_none_or(|(_, share)| share < 0.3), "{:?}", hay.find(&other));
    }
}
