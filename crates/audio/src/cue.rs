//! Short soft sounds that tell how a call stands, for ears that do not look at the screen.

use std::f32::consts::{PI, TAU};

/// What a cue tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cue {
    /// The microphone is open now: speak.
    Armed,
    /// The turn is on its way.
    Sent,
    /// Something is in the way.
    Failed,
    /// The user speaks, and the microphone is muted.
    Muted,
}

/// One note: pitch in Hz, when it begins and how long it lasts in ms, peak in dBFS.
struct Tone {
    pitch: f32,
    at: f32,
    length: f32,
    peak: f32,
}

const fn tone(pitch: f32, at: f32, length: f32, peak: f32) -> Tone {
    Tone { pitch, at, length, peak }
}

/// Rise of a note, in ms: its fall takes the rest.
const RISE: f32 = 5.0;

impl Cue {
    /// A tick, a step up, a step down, two knocks. At most 120 ms and -24 dBFS; the tick is the softest, because an open
    /// microphone is near.
    fn tones(self) -> &'static [Tone] {
        match self {
            Self::Armed => const { &[tone(1175.0, 0.0, 35.0, -32.0)] },
            Self::Sent => const { &[tone(659.0, 0.0, 40.0, -30.0), tone(988.0, 35.0, 45.0, -30.0)] },
            Self::Failed => const { &[tone(440.0, 0.0, 60.0, -26.0), tone(294.0, 50.0, 70.0, -26.0)] },
            Self::Muted => const { &[tone(220.0, 0.0, 45.0, -26.0), tone(220.0, 65.0, 45.0, -26.0)] },
        }
    }

    /// Its sound at `rate` Hz, mono.
    pub(crate) fn samples(self, rate: u32) -> Vec<i16> {
        let per_ms = rate as f32 / 1_000.0;
        let end = self.tones().iter().map(|tone| tone.at + tone.length).fold(0.0, f32::max);
        (0..(end * per_ms) as usize)
            .map(|n| {
                let ms = n as f32 / per_ms;
                let level: f32 = self.tones().iter().map(|tone| tone.level(ms)).sum();
                (level * f32::from(i16::MAX)).round() as i16
            })
            .collect()
    }
}

impl Tone {
    fn level(&self, ms: f32) -> f32 {
        let t = ms - self.at;
        if !(0.0..self.length).contains(&t) {
            return 0.0;
        }
        // Raised cosines on both sides: nothing to click.
        let swell = |share: f32| 0.5 - 0.5 * (PI * share).cos();
        let envelope = swell((t / RISE).min(1.0)) * swell(((self.length - t) / (self.length - RISE)).min(1.0));
        10_f32.powf(self.peak / 20.0) * envelope * (TAU * self.pitch * t / 1_000.0).sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Cue; 4] = [Cue::Armed, Cue::Sent, Cue::Failed, Cue::Muted];

    fn level(cue: Cue, rate: u32) -> Vec<f32> {
        cue.samples(rate).into_iter().map(|sample| f32::from(sample) / 32_768.0).collect()
    }

    #[test]
    fn every_cue_is_short_and_soft_at_every_rate() {
        for cue in ALL {
            for rate in [8_000, 16_000, 24_000, 48_000] {
                let samples = level(cue, rate);
                let ms = samples.len() as f32 * 1_000.0 / rate as f32;
                assert!((30.0..=120.0).contains(&ms), "{cue:?}: {ms} ms");
                let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                let dbfs = 20.0 * peak.log10();
                assert!((-36.0..=-24.0).contains(&dbfs), "{cue:?}: {dbfs} dBFS");
            }
        }
    }

    #[test]
    fn no_cue_clicks() {
        for cue in ALL {
            let samples = level(cue, 48_000);
            // The steepest a tone of that pitch and peak can be by itself; a click is far steeper.
            let steepest: f32 = cue
                .tones()
                .iter()
                .map(|tone| 10_f32.powf(tone.peak / 20.0) * TAU * tone.pitch / 48_000.0)
                .fold(0.0, f32::max);
            let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            let worst = steps.fold(0.0_f32, f32::max);
            assert!(worst <= 1.3 * steepest + 1.0 / 32_768.0, "{cue:?}: {worst} of {steepest}");
            assert!(samples[0].abs() < 1e-4 && samples[samples.len() - 1].abs() < 1e-4, "{cue:?}");
        }
    }

    #[test]
    fn no_two_cues_sound_alike() {
        // How much of a sound is like another one, wherever it stands in it.
        let likeness = |one: &[f32], other: &[f32]| {
            let energy = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>().sqrt();
            let scale = energy(one) * energy(other);
            let reach = one.len() as isize;
            (-reach..other.len() as isize)
                .map(|shift| {
                    let at = |n: usize| usize::try_from(n as isize + shift).ok().and_then(|n| other.get(n));
                    let product: f32 = one.iter().enumerate().filter_map(|(n, a)| Some(a * at(n)?)).sum();
                    product.abs() / scale
                })
                .fold(0.0, f32::max)
        };
        for (index, one) in ALL.into_iter().enumerate() {
            let sound = level(one, 8_000);
            assert!(likeness(&sound, &sound) > 0.99);
            for other in ALL.into_iter().skip(index + 1) {
                let likeness = likeness(&sound, &level(other, 8_000));
                assert!(likeness < 0.5, "{one:?} and {other:?}: {likeness}");
            }
        }
    }
}
