//! Writing Opus into Ogg as RFC 7845 wants it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};

use super::{CHANNELS, RATE, Tags};

/// Samples per channel and packet: 20 ms.
const FRAME: usize = 960;
/// Packets on a page: one second.
const PAGE: usize = 50;
/// Both voices together, bit/s.
const BITRATE: i32 = 48_000;
/// Longest packet that one frame can become (RFC 6716, 3.4).
const LONGEST_PACKET: usize = 1_275;

/// Encodes interleaved stereo and writes pages of one second.
pub(super) struct Writer<W: Write> {
    pages: PacketWriter<'static, W>,
    serial: u32,
    encoder: Encoder,
    /// Samples that the encoder needs to begin with, and a decoder throws away.
    pre_skip: u64,
    /// Less than a frame, interleaved.
    rest: Vec<f32>,
    /// Samples per channel taken in.
    taken: u64,
    /// Packets that are not written yet: the last one is kept back, since it may end the stream.
    packets: VecDeque<Vec<u8>>,
    /// Samples per channel in the packets that are written, which is the granule position of the last one.
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the two header pages.
    pub(super) fn new(sink: W, tags: &Tags) -> io::Result<Self> {
        let mut encoder = Encoder::new(RATE, Channels::Stereo, Application::Audio).map_err(io::Error::other)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE)).map_err(io::Error::other)?;
        let pre_skip = u16::try_from(encoder.get_lookahead().map_err(io::Error::other)?).unwrap_or_default();
        let mut this = Self {
            pages: PacketWriter::new(sink),
            serial: RandomState::new().build_hasher().finish() as u32,
            encoder,
            pre_skip: u64::from(pre_skip),
            rest: Vec::with_capacity(FRAME * CHANNELS),
            taken: 0,
            packets: VecDeque::new(),
            written: 0,
        };
        this.pages.write_packet(head(pre_skip), this.serial, PacketWriteEndInfo::EndPage, 0)?;
        this.pages.write_packet(comments(tags), this.serial, PacketWriteEndInfo::EndPage, 0)?;
        this.pages.inner_mut().flush()?;
        Ok(this)
    }

    /// Takes interleaved samples in.
    pub(super) fn push(&mut self, mut samples: &[f32]) -> io::Result<()> {
        self.taken += (samples.len() / CHANNELS) as u64;
        while !samples.is_empty() {
            let wanted = (FRAME * CHANNELS - self.rest.len()).min(samples.len());
            let (now, later) = samples.split_at(wanted);
            self.rest.extend_from_slice(now);
            samples = later;
            if self.rest.len() == FRAME * CHANNELS {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Ends the page, so that everything but the last packet is in the file.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let count = self.packets.len().saturating_sub(1);
        self.write_page(count, None)
    }

    /// Writes what is left; the last granule position says where the sound ends within the last packet.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let end = self.pre_skip + self.taken;
        while self.packets.is_empty() || self.written + ((self.packets.len() * FRAME) as u64) < end {
            self.rest.resize(FRAME * CHANNELS, 0.0);
            self.encode()?;
        }
        self.write_page(self.packets.len(), Some(end))
    }

    fn encode(&mut self) -> io::Result<()> {
        let packet = self.encoder.encode_vec_float(&self.rest, LONGEST_PACKET * CHANNELS).map_err(io::Error::other)?;
        self.rest.clear();
        self.packets.push_back(packet);
        if self.packets.len() > PAGE {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes that many packets as one page. `end` is the granule position of the last page.
    fn write_page(&mut self, count: usize, end: Option<u64>) -> io::Result<()> {
        for left in (0..count).rev() {
            let Some(packet) = self.packets.pop_front() else { break };
            self.written += FRAME as u64;
            let (place, granule) = match (left, end) {
                (1.., _) => (PacketWriteEndInfo::NormalPacket, self.written),
                (0, None) => (PacketWriteEndInfo::EndPage, self.written),
                (0, Some(end)) => (PacketWriteEndInfo::EndStream, end),
            };
            self.pages.write_packet(packet, self.serial, place, granule)?;
        }
        self.pages.inner_mut().flush()
    }
}

/// RFC 7845, 5.1.
fn head(pre_skip: u16) -> Vec<u8> {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, CHANNELS as u8]);
    head.extend(pre_skip.to_le_bytes());
    head.extend(RATE.to_le_bytes());
    // No gain; the channels are left and right.
    head.extend([0, 0, 0]);
    head
}

/// RFC 7845, 5.2.
fn comments(tags: &Tags) -> Vec<u8> {
    let mut packet = b"OpusTags".to_vec();
    let mut text = |text: &str| {
        packet.extend((text.len() as u32).to_le_bytes());
        packet.extend(text.as_bytes());
    };
    text(opus::version());
    let comments = [
        format!("TITLE={}", tags.title),
        format!("DATE={}", tags.date),
        "ENCODER=sidetone".to_owned(),
        "DESCRIPTION=left: the user, right: the answer".to_owned(),
    ];
    let count = (comments.len() as u32).to_le_bytes();
    let list: Vec<u8> = comments
        .iter()
        .flat_map(|comment| (comment.len() as u32).to_le_bytes().into_iter().chain(comment.bytes()))
        .collect();
    packet.extend(count);
    packet.extend(list);
    packet
}
