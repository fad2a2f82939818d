//! Speech of one voice in memory, packed for keeping: framed Opus, 24 kHz mono, 24 kbit/s.
//!
//! ```text
//! version (1) ─ samples to throw away at the beginning (u16) ─ samples after them (u64) ─ { length (u16) ─ packet }…
//! ```
//!
//! Little-endian. No Ogg: nobody but this program reads it, and it can be read at any moment, also in mid-speech.

use opus::{Application, Bitrate, Channels, Decoder, Encoder};

use crate::Error;

/// Samples per second, in Hz.
pub const RATE: u32 = 24_000;
const BITRATE: i32 = 24_000;
/// Samples per packet: 20 ms.
const FRAME: usize = 480;
/// Longest packet that one frame can become (RFC 6716, 3.4).
const LONGEST_PACKET: usize = 1_275;
/// Longest packet that a decoder may meet, in samples (RFC 6716: 120 ms).
const LONGEST: usize = 2_880;
const VERSION: u8 = 1;
const HEAD: usize = 11;

/// Speech that is being packed while it is spoken.
#[derive(Debug)]
pub struct Packer {
    encoder: Encoder,
    /// Samples that the encoder needs to begin with.
    pre_skip: u16,
    /// Less than a frame.
    rest: Vec<i16>,
    taken: u64,
    frames: u64,
    packets: Vec<u8>,
}

impl Packer {
    /// Nothing so far.
    ///
    /// # Errors
    /// When there is no encoder.
    pub fn new() -> Result<Self, Error> {
        let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip).map_err(wrong)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE)).map_err(wrong)?;
        let pre_skip = u16::try_from(encoder.get_lookahead().map_err(wrong)?).unwrap_or_default();
        Ok(Self { encoder, pre_skip, rest: Vec::with_capacity(FRAME), taken: 0, frames: 0, packets: Vec::new() })
    }

    /// Takes in what was said next, at [`RATE`].
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn push(&mut self, mut pcm: &[i16]) -> Result<(), Error> {
        self.taken += pcm.len() as u64;
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at((FRAME - self.rest.len()).min(pcm.len()));
            self.rest.extend_from_slice(now);
            pcm = later;
            if self.rest.len() == FRAME {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Nothing follows: the last samples are packed too.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn finish(&mut self) -> Result<(), Error> {
        while self.frames * (FRAME as u64) < u64::from(self.pre_skip) + self.taken {
            self.rest.resize(FRAME, 0);
            self.encode()?;
        }
        Ok(())
    }

    /// Everything so far; before [`Self::finish`] less than the last 40 ms.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        let whole = (self.frames * FRAME as u64).saturating_sub(u64::from(self.pre_skip));
        let mut bytes = Vec::with_capacity(HEAD + self.packets.len());
        bytes.push(VERSION);
        bytes.extend(self.pre_skip.to_le_bytes());
        bytes.extend(self.taken.min(whole).to_le_bytes());
        bytes.extend(&self.packets);
        bytes
    }

    fn encode(&mut self) -> Result<(), Error> {
        let packet = self.encoder.encode_vec(&self.rest, LONGEST_PACKET).map_err(wrong)?;
        self.rest.clear();
        self.frames += 1;
        self.packets.extend((packet.len() as u16).to_le_bytes());
        self.packets.extend(packet);
        Ok(())
    }
}

/// The samples at [`RATE`] of what [`Packer::packed`] gave.
///
/// # Errors
/// When it is something else, or broken.
pub fn unpack(bytes: &[u8]) -> Result<Vec<i16>, Error> {
    let broken = || Error::File("this is no speech of Sidetone".into());
    let (head, mut packets) = bytes.split_at_checked(HEAD).ok_or_else(broken)?;
    let [VERSION, low, high, length @ ..] = head else { return Err(broken()) };
    let pre_skip = usize::from(u16::from_le_bytes([*low, *high]));
    let length = length.try_into().map(u64::from_le_bytes).map_err(|_| broken())?;
    let mut decoder = Decoder::new(RATE, Channels::Mono).map_err(wrong)?;
    let mut pcm = Vec::new();
    let mut frame = vec![0; LONGEST];
    while let Some((size, rest)) = packets.split_first_chunk::<2>() {
        let size = usize::from(u16::from_le_bytes(*size));
        let (packet, rest) = rest.split_at_checked(size).filter(|_| size > 0).ok_or_else(broken)?;
        let count = decoder.decode(packet, &mut frame, false).map_err(wrong)?;
        pcm.extend_from_slice(frame.get(..count).unwrap_or_default());
        packets = rest;
    }
    pcm.drain(..pre_skip.min(pcm.len()));
    if !packets.is_empty() || (pcm.len() as u64) < length {
        return Err(broken());
    }
    pcm.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(pcm)
}

fn wrong(error: opus::Error) -> Error {
    Error::File(error.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples).map(|at| ((at as f64 * 0.08).sin() * 9_000.0) as i16).collect()
    }

    fn packed(pcm: &[i16], piece: usize) -> Packer {
        let mut packer = Packer::new().unwrap();
        pcm.chunks(piece).for_each(|piece| packer.push(piece).unwrap());
        packer
    }

    fn power(pcm: &[i16]) -> f64 {
        pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64
    }

    #[test]
    fn speech_is_as_long_and_as_loud_as_it_was_and_far_smaller() {
        for samples in [1, 480, 7_777, 72_000] {
            let pcm = tone(samples);
            let mut packer = packed(&pcm, 331);
            packer.finish().unwrap();
            let bytes = packer.packed();
            let back = unpack(&bytes).unwrap();
            assert_eq!(back.len(), samples);
            if samples > 24_000 {
                assert!(bytes.len() * 10 < samples * 2, "{} bytes", bytes.len());
                let ratio = power(&back) / power(&pcm);
                assert!((0.5..2.0).contains(&ratio), "{ratio}");
            }
        }
    }

    #[test]
    fn it_lines_up_with_what_was_said() {
        let mut pcm = vec![0; 12_000];
        pcm.extend(tone(12_000));
        let mut packer = packed(&pcm, 480);
        packer.finish().unwrap();
        let back = unpack(&packer.packed()).unwrap();
        assert!(power(&back[..11_500]) < 1_000.0 && power(&back[12_500..]) > 1_000_000.0);
    }

    #[test]
    fn in_mid_speech_all_but_the_last_moment_is_there() {
        let mut packer = packed(&tone(24_100), 240);
        let sofar = unpack(&packer.packed()).unwrap();
        assert!((23_140..=24_100).contains(&sofar.len()), "{}", sofar.len());
        packer.push(&tone(900)).unwrap();
        packer.finish().unwrap();
        assert_eq!(unpack(&packer.packed()).unwrap().len(), 25_000);
    }

    #[test]
    fn what_is_broken_is_refused_and_nothing_is_speech_too() {
        let mut packer = packed(&tone(4_800), 480);
        packer.finish().unwrap();
        let bytes = packer.packed();
        for length in 0..bytes.len() {
            assert!(unpack(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..HEAD {
            let mut odd = bytes.clone();
            odd[at] ^= 0x80;
            let _ = unpack(&odd);
        }
        assert_eq!(unpack(&Packer::new().unwrap().packed()).unwrap(), []);
    }
}
