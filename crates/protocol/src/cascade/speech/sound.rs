//! The body of an answer of `audio/speech` as samples: raw PCM16 at 24 kHz as it was asked for, or a WAV file, which
//! some servers send whatever they are asked for.

use crate::SAMPLE_RATE;
use crate::pcm::Resampler;

/// Bytes before a WAV file's samples begin, at most.
const LONGEST_HEADER: usize = 4_096;

/// What came of one body.
#[derive(Debug, Default)]
pub(super) struct Sound {
    form: Form,
    /// Bytes that are not samples yet.
    rest: Vec<u8>,
    resampler: Option<Resampler>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The first bytes tell.
    #[default]
    Unknown,
    Pcm {
        channels: usize,
    },
}

impl Sound {
    /// Takes more of the body. The error names what is no PCM.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, &'static str> {
        self.rest.extend_from_slice(bytes);
        if self.form == Form::Unknown && !self.recognise()? {
            return Ok(Vec::new());
        }
        let Form::Pcm { channels } = self.form else { return Ok(Vec::new()) };
        let size = 2 * channels;
        let whole = self.rest.len() / size * size;
        let rest = self.rest.split_off(whole);
        let frames = std::mem::replace(&mut self.rest, rest);
        let first = |frame: &[u8]| Some(i16::from_le_bytes([*frame.first()?, *frame.get(1)?]));
        let pcm: Vec<i16> = frames.chunks_exact(size).filter_map(first).collect();
        Ok(match &mut self.resampler {
            Some(resampler) => resampler.convert(&pcm),
            None => pcm,
        })
    }

    /// False: more has to come before it can be told.
    fn recognise(&mut self) -> Result<bool, &'static str> {
        if self.rest.len() < 4 {
            return Ok(false);
        }
        match self.rest.as_slice() {
            [b'R', b'I', b'F', b'F', ..] => return self.read_header(),
            [b'I', b'D', b'3', ..] | [0xFF, 0xFB | 0xF3 | 0xF2, 0x40..=0xEF, ..] => return Err("an MP3 file"),
            [b'O', b'g', b'g', b'S', ..] => return Err("an Ogg file"),
            [b'f', b'L', b'a', b'C', ..] => return Err("a FLAC file"),
            [b'{', b'"', ..] => return Err("a text"),
            _ => self.form = Form::Pcm { channels: 1 },
        }
        Ok(true)
    }

    /// WAV: chunks of name, size and content up to the one that holds the samples.
    fn read_header(&mut self) -> Result<bool, &'static str> {
        let number = |at: usize, size: usize| -> Option<usize> {
            let bytes = self.rest.get(at..at + size)?;
            Some(bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
        };
        let (mut at, mut channels, mut rate) = (12, 1, SAMPLE_RATE as usize);
        while let (Some(name), Some(size)) = (self.rest.get(at..at + 4), number(at + 4, 4)) {
            if name == b"data" {
                self.rest.drain(..at + 8);
                self.form = Form::Pcm { channels: channels.clamp(1, 8) };
                self.resampler = (rate != SAMPLE_RATE as usize).then(|| Resampler::new(rate as u32, SAMPLE_RATE));
                return Ok(true);
            }
            if name == b"fmt " {
                let (Some(kind), Some(count), Some(hz), Some(bits)) =
                    (number(at + 8, 2), number(at + 10, 2), number(at + 12, 4), number(at + 22, 2))
                else {
                    return Ok(false);
                };
                if !matches!(kind, 1 | 0xFFFE) || bits != 16 || !(4_000..=192_000).contains(&hz) {
                    return Err("a WAV file of an unknown kind");
                }
                (channels, rate) = (count, hz);
            }
            at = at.saturating_add(8).saturating_add(size).saturating_add(size % 2);
            if at > LONGEST_HEADER {
                return Err("a WAV file of an unknown kind");
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16, pcm: &[i16]) -> Vec<u8> {
        let mut wav = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        wav.extend(channels.to_le_bytes());
        wav.extend(rate.to_le_bytes());
        wav.extend([0; 6]);
        wav.extend(b"\x10\0data\xFF\xFF\xFF\xFF");
        wav.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        wav
    }

    #[test]
    fn samples_are_whole_however_the_body_is_cut() {
        let mut sound = Sound::default();
        let mut pcm = Vec::new();
        for piece in [&[1, 0, 2][..], &[0, 3], &[0, 4, 0]] {
            pcm.extend(sound.push(piece).unwrap());
        }
        assert_eq!(pcm, [1, 2, 3, 4]);
    }

    #[test]
    fn a_wav_file_is_read_byte_by_byte() {
        let mut sound = Sound::default();
        let pieces = wav(24_000, 2, &[5, 50, 6, 60]);
        let pcm: Vec<i16> = pieces.iter().flat_map(|byte| sound.push(&[*byte]).unwrap()).collect();
        assert_eq!(pcm, [5, 6]);
    }

    #[test]
    fn other_rates_are_brought_to_ours() {
        let mut sound = Sound::default();
        let pcm = sound.push(&wav(12_000, 1, &[100; 1_200])).unwrap();
        assert!((2_300..=2_402).contains(&pcm.len()), "{}", pcm.len());
        assert!(pcm.iter().skip(200).all(|sample| (98..=102).contains(sample)));
    }

    #[test]
    fn what_is_no_pcm_is_refused() {
        for body in [&b"ID3\x04 "[..], &b"OggS "[..], &b"{\"error\":1}"[..], &[0xFF, 0xFB, 0x90, 0]] {
            Sound::default().push(body).unwrap_err();
        }
    }
}
