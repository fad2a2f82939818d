//! The sound formats of agents, as they name them (`pcm_16000`, `ulaw_8000`).

use crate::SAMPLE_RATE;
use crate::pcm::{self, Pieces, Resampler};

/// How samples become bytes, and how many there are in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// Hz.
    pub(super) rate: u32,
    is_ulaw: bool,
}

impl Format {
    /// `None`: a format that we do not speak.
    pub(super) fn read(name: &str) -> Option<Self> {
        let (codec, rate) = name.split_once('_')?;
        let rate = rate.parse().ok().filter(|rate| (8_000..=48_000).contains(rate))?;
        match codec {
            "pcm" => Some(Self { rate, is_ulaw: false }),
            "ulaw" => Some(Self { rate, is_ulaw: true }),
            _ => None,
        }
    }

    /// Samples at this format's rate, for a JSON frame.
    pub(super) fn encode(self, pcm: &[i16]) -> String {
        if self.is_ulaw {
            return pcm::base64(&pcm.iter().copied().map(ulaw).collect::<Vec<_>>());
        }
        pcm::base64(&pcm::bytes(pcm))
    }
}

/// From our samples to the wire's.
#[derive(Debug)]
pub(super) struct Encoder {
    /// The wire's.
    pub(super) format: Format,
    resampler: Resampler,
}

impl Encoder {
    pub(super) fn new(format: Format) -> Self {
        Self { format, resampler: Resampler::new(SAMPLE_RATE, format.rate) }
    }

    /// Samples at the wire's rate.
    pub(super) fn convert(&mut self, pcm: &[i16]) -> Vec<i16> {
        self.resampler.convert(pcm)
    }
}

/// From the wire's sound to our samples.
#[derive(Debug)]
pub(super) struct Decoder {
    format: Format,
    pieces: Pieces,
    resampler: Resampler,
}

impl Decoder {
    pub(super) fn new(format: Format) -> Self {
        Self { format, pieces: Pieces::default(), resampler: Resampler::new(format.rate, SAMPLE_RATE) }
    }

    /// Another sound begins.
    pub(super) fn reset(&mut self) {
        self.pieces = Pieces::default();
        self.resampler.reset();
    }

    /// Samples of the next piece; `None`: it was not sound.
    pub(super) fn decode(&mut self, text: &str) -> Option<Vec<i16>> {
        let bytes = pcm::decoded(text)?;
        let samples =
            if self.format.is_ulaw { bytes.into_iter().map(of_ulaw).collect() } else { self.pieces.samples(&bytes) };
        Some(self.resampler.convert(&samples))
    }
}

/// ITU-T G.711: what is added before the exponent is looked for, and the largest value then.
const BIAS: i32 = 0x84;
const MOST: i32 = 32_635;

fn ulaw(sample: i16) -> u8 {
    let value = i32::from(sample);
    let sign = if value < 0 { 0x80 } else { 0 };
    let magnitude = value.abs().min(MOST) + BIAS;
    let exponent = (24 - magnitude.leading_zeros() as i32).clamp(0, 7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    !((sign | (exponent << 4) | mantissa) as u8)
}

fn of_ulaw(byte: u8) -> i16 {
    let byte = i32::from(!byte);
    let exponent = (byte >> 4) & 0x07;
    let magnitude = ((((byte & 0x0F) << 3) + BIAS) << exponent) - BIAS;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_by_name() {
        assert_eq!(Format::read("pcm_16000").unwrap(), Format { rate: 16_000, is_ulaw: false });
        assert_eq!(Format::read("ulaw_8000").unwrap(), Format { rate: 8_000, is_ulaw: true });
        for name in ["", "pcm", "pcm_", "pcm_1", "opus_48000_32", "mp3_44100"] {
            assert_eq!(Format::read(name), None, "{name}");
        }
    }

    #[test]
    fn telephone_sound_comes_back_nearly_the_same() {
        assert_eq!((ulaw(0), of_ulaw(0xFF)), (0xFF, 0));
        assert_eq!((ulaw(i16::MIN), ulaw(i16::MAX)), (0x00, 0x80));
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let back = i32::from(of_ulaw(ulaw(sample)));
            let error = (back - i32::from(sample)).abs();
            assert!(error <= i32::from(sample).abs() / 16 + 8, "{sample} became {back}");
        }
    }

    #[test]
    fn sound_goes_there_and_back_at_another_rate() {
        let format = Format::read("pcm_16000").unwrap();
        let ours = vec![1_000; 24_000];
        let theirs = Encoder::new(format).convert(&ours);
        let back = Decoder::new(format).decode(&format.encode(&theirs)).unwrap();
        // The filters of both ways keep back 5 ms.
        assert!((23_870..=24_000).contains(&back.len()), "{}", back.len());
        assert!((990..=1_010).contains(&back[12_000]), "{}", back[12_000]);
    }
}
