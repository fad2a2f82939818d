//! Making and measuring sound: PCM16, mono, 24 kHz.

use std::f32::consts::TAU;

/// Samples in a second.
pub(crate) const RATE: usize = 24_000;
/// Samples in the 10 ms over which a level is taken.
pub(crate) const FRAME: usize = RATE / 100;
/// Level below which nothing counts as speech.
pub(crate) const SILENCE: f32 = -55.0;

/// Milliseconds that this many samples last.
pub(crate) fn millis(samples: usize) -> u64 {
    (samples * 1000 / RATE) as u64
}

/// Samples in this many milliseconds.
pub(crate) fn samples(millis: u64) -> usize {
    usize::try_from(millis).unwrap_or(usize::MAX).saturating_mul(RATE / 1000)
}

/// RMS level in dBFS; −120 for digital silence.
pub(crate) fn level(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return -120.0;
    }
    let power: f64 = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64;
    ((power.sqrt() / 32_768.0).max(1e-6).log10() * 20.0) as f32
}

/// What a spoken message is like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Speech {
    /// The speech without the silence around it.
    pub(crate) pcm: Vec<i16>,
    /// RMS level of its loud parts, in dBFS.
    pub(crate) level: f32,
    /// Whether many samples stand at full scale.
    pub(crate) is_clipped: bool,
}

impl Speech {
    /// Cuts off the silence; `None` when there is nothing else.
    pub(crate) fn find(pcm: &[i16]) -> Option<Self> {
        let levels: Vec<f32> = pcm.chunks(FRAME).map(level).collect();
        let peak = levels.iter().copied().fold(-120.0, f32::max);
        let mut sorted = levels.clone();
        sorted.sort_by(f32::total_cmp);
        let noise = sorted.get(sorted.len() / 10).copied().unwrap_or(-120.0);
        let limit = SILENCE.max(peak - 35.0).max((noise + 8.0).min(peak - 10.0));
        let is_loud = |level: &f32| *level >= limit;
        if levels.iter().filter(|level| is_loud(level)).count() < 3 {
            return None;
        }
        let first = levels.iter().position(is_loud)?.saturating_sub(6);
        let last = (levels.iter().rposition(is_loud)? + 11) * FRAME;
        let loud: Vec<i16> = pcm
            .chunks(FRAME)
            .zip(&levels)
            .filter(|(_, level)| is_loud(level))
            .flat_map(|(frame, _)| frame)
            .copied()
            .collect();
        let clipped = pcm.iter().filter(|sample| sample.unsigned_abs() >= 32_700).count();
        Some(Self {
            pcm: pcm.get(first * FRAME..last.min(pcm.len()))?.to_vec(),
            level: level(&loud),
            is_clipped: clipped * 500 > loud.len(),
        })
    }

    /// The speech nearer to −20 dBFS: at most 6 dB louder (so that an echo dies out), never clipped, with soft edges.
    pub(crate) fn normalised(&self) -> Vec<i16> {
        let peak = self.pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(1).max(1);
        let wanted = 10f32.powf((-20.0 - self.level).clamp(-12.0, 6.0) / 20.0);
        let gain = wanted.min(30_000.0 / f32::from(peak));
        let mut pcm: Vec<i16> = self.pcm.iter().map(|sample| (f32::from(*sample) * gain) as i16).collect();
        soften(&mut pcm, samples(5));
        pcm
    }
}

/// The chime before an answer: two tones, 250 ms, −18 dBFS.
pub(crate) fn chime() -> Vec<i16> {
    let mut pcm = tone(659.26, 125, -18.0);
    pcm.extend(tone(987.77, 125, -18.0));
    pcm
}

/// Silence of this many milliseconds.
pub(crate) fn pause(millis: u64) -> Vec<i16> {
    vec![0; samples(millis)]
}

/// A melody of soft beeps, one for each word: what the practice partner says when there is nothing to play back.
pub(crate) fn hum(text: &str) -> Vec<i16> {
    const SCALE: [f32; 6] = [392.0, 440.0, 523.25, 587.33, 659.26, 784.0];
    let mut pcm = Vec::new();
    for word in text.split_whitespace().take(20) {
        let note = word.bytes().fold(word.len(), |sum, byte| sum.wrapping_add(usize::from(byte))) % SCALE.len();
        let length = 70 + 12 * word.len().min(8) as u64;
        pcm.extend(tone(SCALE.get(note).copied().unwrap_or(440.0), length, -24.0));
        pcm.extend(pause(35));
    }
    pcm
}

/// A sine of this RMS level in dBFS, with soft edges.
fn tone(hertz: f32, millis: u64, level: f32) -> Vec<i16> {
    let amplitude = 32_768.0 * 10f32.powf(level / 20.0) * std::f32::consts::SQRT_2;
    let wave = |index: usize| ((index as f32 * hertz * TAU / RATE as f32).sin() * amplitude) as i16;
    let mut pcm: Vec<i16> = (0..samples(millis)).map(wave).collect();
    soften(&mut pcm, samples(12));
    pcm
}

/// Fades the first and last `edge` samples along half a cosine.
fn soften(pcm: &mut [i16], edge: usize) {
    let edge = edge.min(pcm.len() / 2);
    let gain = |index: usize| 0.5 - 0.5 * (index as f32 / edge as f32 * TAU / 2.0).cos();
    for (index, sample) in pcm.iter_mut().take(edge).enumerate() {
        *sample = (f32::from(*sample) * gain(index)) as i16;
    }
    for (index, sample) in pcm.iter_mut().rev().take(edge).enumerate() {
        *sample = (f32::from(*sample) * gain(index)) as i16;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_chime_is_short_and_quiet_with_soft_edges() {
        let chime = chime();
        assert_eq!(millis(chime.len()), 250);
        assert!((-21.0..-17.0).contains(&level(&chime)), "{}", level(&chime));
        assert!(chime.first().unwrap().abs() < 10 && chime.last().unwrap().abs() < 10);
    }

    #[test]
    fn speech_is_found_between_silences() {
        let mut pcm = pause(500);
        pcm.extend(tone(300.0, 1000, -30.0));
        pcm.extend(pause(700));
        let speech = Speech::find(&pcm).unwrap();
        assert!((1000..=1200).contains(&millis(speech.pcm.len())), "{}", speech.pcm.len());
        assert!((speech.level + 30.0).abs() < 1.0, "{}", speech.level);
        assert!(!speech.is_clipped);
    }

    #[test]
    fn noise_around_speech_is_not_part_of_it() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut pcm = pause(500);
        pcm.extend(tone(300.0, 1000, -26.0));
        pcm.extend(pause(500));
        pcm.iter_mut().for_each(|sample| *sample += random.i16(-250..250));
        let speech = Speech::find(&pcm).unwrap();
        assert!((1000..=1200).contains(&millis(speech.pcm.len())), "{}", speech.pcm.len());
    }

    #[test]
    fn silence_and_clicks_are_no_speech() {
        assert_eq!(Speech::find(&pause(2000)), None);
        assert_eq!(Speech::find(&[]), None);
        let mut click = pause(1000);
        *click.get_mut(5000).unwrap() = 20_000;
        assert_eq!(Speech::find(&click), None);
    }

    #[test]
    fn normalising_neither_clips_nor_shouts() {
        for level_in in [-50.0, -30.0, -6.0] {
            let speech = Speech::find(&tone(300.0, 500, level_in)).unwrap();
            let out = level(&speech.normalised());
            assert!((-45.0..-15.0).contains(&out), "{level_in} became {out}");
            assert!(out <= level_in + 6.5);
        }
    }
}
