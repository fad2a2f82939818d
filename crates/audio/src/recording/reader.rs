//! Reading a recording back, whole or in part, also one that broke off.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use ogg::{Packet, PacketReader};
use opus::{Channels, Decoder};

use super::{CHANNELS, RATE, failure, samples};
use crate::Error;

/// A decoder needs this much before its output is right (RFC 7845, 4.6): 80 ms.
const CONVERGENCE: u64 = 3_840;
/// Longest packet (RFC 6716): 120 ms.
const LONGEST: usize = 5_760;

/// Sound of both sides, -1.0…1.0, equally long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stereo {
    /// The user.
    pub left: Vec<f32>,
    /// The answer.
    pub right: Vec<f32>,
}

/// How long a recording is; of one that broke off, how much of it can be read. Reads the whole file.
///
/// # Errors
/// When it is no recording of ours.
pub fn duration(file: &Path) -> Result<Duration, Error> {
    Stream::open(source(file)?)?.length().map(samples)
}

/// A part of a recording at `rate` Hz (48 000, 24 000, 16 000, 12 000 or 8 000), as much of it as there is.
///
/// # Errors
/// When it is no recording of ours, or the rate is none of these.
pub fn read(file: &Path, rate: u32, range: Range<Duration>) -> Result<Stereo, Error> {
    Stream::open(source(file)?)?.part(rate, &range)
}

fn source(file: &Path) -> Result<BufReader<File>, Error> {
    File::open(file).map(|file| BufReader::with_capacity(1 << 16, file)).map_err(|error| failure(&error))
}

/// The packets of a recording, each with its place. Positions are samples at 48 kHz and begin `pre_skip` too early.
pub(super) struct Stream<R: Read + Seek> {
    packets: PacketReader<R>,
    pre_skip: u64,
    at: u64,
}

impl<R: Read + Seek> Stream<R> {
    pub(super) fn open(source: R) -> Result<Self, Error> {
        let mut packets = PacketReader::new(source);
        let head = next(&mut packets).filter(|packet| packet.data.starts_with(b"OpusHead"));
        let tags = next(&mut packets).filter(|packet| packet.data.starts_with(b"OpusTags"));
        let head = head.filter(|_| tags.is_some()).map(|packet| packet.data);
        // Version 1.x, our channels in their plain order.
        match head.as_deref() {
            Some([_, _, _, _, _, _, _, _, 0..16, 2, low, high, _, _, _, _, _, _, 0]) => {
                let pre_skip = u64::from(u16::from_le_bytes([*low, *high]));
                Ok(Self { packets, pre_skip, at: 0 })
            }
            _ => Err(Error::File("this is no recording of Sidetone".into())),
        }
    }

    /// The next packet with its range of positions; `None` at the end, or where the file is broken.
    fn next(&mut self) -> Option<(Vec<u8>, Range<u64>)> {
        let packet = next(&mut self.packets)?;
        let count = opus::packet::get_nb_samples(&packet.data, RATE).ok()? as u64;
        let start = self.at;
        self.at += count;
        let end = if packet.last_in_stream() { self.at.min(packet.absgp_page()) } else { self.at };
        Some((packet.data, start..end))
    }

    pub(super) fn length(mut self) -> Result<u64, Error> {
        let mut end = 0;
        while let Some((_, range)) = self.next() {
            end = range.end;
        }
        Ok(end.saturating_sub(self.pre_skip))
    }

    pub(super) fn part(mut self, rate: u32, range: &Range<Duration>) -> Result<Stereo, Error> {
        let wrong = |error: opus::Error| Error::File(error.to_string());
        let mut decoder = Decoder::new(rate, Channels::Stereo).map_err(wrong)?;
        let step = u64::from(RATE / rate);
        let [from, to] = [range.start, range.end].map(|at| position(at) + self.pre_skip);
        let mut sound = Stereo::default();
        let mut buffer = vec![0.0; LONGEST * CHANNELS];
        while let Some((packet, place)) = self.next() {
            if place.start >= to {
                break;
            }
            if place.end + CONVERGENCE <= from {
                continue;
            }
            buffer.fill(0.0);
            // A packet that cannot be decoded is as long as it says, and silent.
            let _: Result<usize, _> = decoder.decode_float(&packet, &mut buffer, false);
            let wanted = place.start.max(from)..place.end.min(to);
            let [first, last] = [wanted.start, wanted.end].map(|at| (at.saturating_sub(place.start) / step) as usize);
            for frame in buffer.chunks_exact(CHANNELS).take(last).skip(first) {
                sound.left.extend(frame.first());
                sound.right.extend(frame.last());
            }
        }
        Ok(sound)
    }
}

/// A broken page ends the recording: what came before it counts.
fn next<R: Read + Seek>(packets: &mut PacketReader<R>) -> Option<Packet> {
    packets.read_packet().ok().flatten()
}

fn position(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX / 64) * u64::from(RATE / 1_000) / 1_000
}
