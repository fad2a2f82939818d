//! Recording to Ogg Opus in stereo, and reading it back: the user is left, the answer right.
//!
//! ```text
//! pipeline thread ─ Inlet ─ ring of 4 s ─ `audio-recorder` thread ─ file
//! ```
//!
//! A page is written each second, so a crash loses no more than that, and what is there can always be read.

mod ogg_opus;
mod reader;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::Error;
use ogg_opus::Writer;

pub use reader::{Stereo, duration, read};

/// Samples per second of a recording, in Hz.
pub const RATE: u32 = 48_000;
/// What the ring holds: a disk that hesitates this long is not noticed.
const RING: Duration = Duration::from_secs(4);
/// How often the ring is emptied.
const STEP: Duration = Duration::from_millis(100);
const CHANNELS: usize = 2;

/// What is written about a recording into the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// Name of the recording.
    pub title: String,
    /// When it began, as ISO 8601.
    pub date: String,
}

/// What the recorder reports, from its own thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The disk was too slow: this much sound is missing in the recording.
    Lost(Duration),
    /// The file cannot be written any more; the recording has ended.
    Failed(Error),
}

/// What both ends of the ring count, samples per channel.
#[derive(Debug, Default)]
struct Gauge {
    accepted: AtomicU64,
    lost: AtomicU64,
}

/// Where the sound of a recording goes in. Never blocks and never allocates.
#[derive(Debug)]
pub struct Inlet {
    ring: Producer<f32>,
    gauge: Arc<Gauge>,
}

impl Inlet {
    /// Takes one frame at 48 kHz, -1.0…1.0: what the user said and what the speaker played. The shorter one counts.
    pub fn frame(&mut self, user: &[f32], answer: &[f32]) {
        let count = user.len().min(answer.len());
        let Ok(room) = self.ring.write_chunk_uninit(count * CHANNELS) else {
            self.gauge.lost.fetch_add(count as u64, Ordering::Relaxed);
            return;
        };
        room.fill_from_iter(user.iter().zip(answer).flat_map(|(left, right)| [*left, *right]));
        self.gauge.accepted.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// A recording under way. Dropping it ends the recording in order, without waiting for it.
#[derive(Debug)]
pub struct Recorder {
    orders: SyncSender<Order>,
    gauge: Arc<Gauge>,
    thread: JoinHandle<()>,
}

/// Asks that all sound so far be in the file; the channel is closed when it is.
#[derive(Debug)]
struct Order(#[expect(dead_code, reason = "its drop is the answer")] SyncSender<()>);

impl Recorder {
    /// Creates the file (or empties it) and starts to record what comes through the inlet. Blocks for the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn start(file: &Path, tags: &Tags, news: impl FnMut(News) + Send + 'static) -> Result<(Self, Inlet), Error> {
        let sink = File::create(file).map_err(|error| failure(&error))?;
        Self::record(BufWriter::with_capacity(1 << 16, sink), tags, news)
    }

    fn record<W: Write + Send + 'static>(
        sink: W,
        tags: &Tags,
        news: impl FnMut(News) + Send + 'static,
    ) -> Result<(Self, Inlet), Error> {
        let writer = Writer::new(sink, tags).map_err(|error| failure(&error))?;
        let (producer, ring) = RingBuffer::new(RING.as_secs() as usize * RATE as usize * CHANNELS);
        let (orders, inbox) = sync_channel(4);
        let gauge = Arc::new(Gauge::default());
        let scribe =
            Scribe { writer, ring, inbox, gauge: Arc::clone(&gauge), told: 0, news: Box::new(news), piece: Vec::new() };
        let spawned = thread::Builder::new().name("audio-recorder".into()).spawn(move || scribe.run());
        let thread = spawned.map_err(|error| failure(&error))?;
        Ok((Self { orders, gauge: Arc::clone(&gauge), thread }, Inlet { ring: producer, gauge }))
    }

    /// Where in the recording we are: sound taken in so far.
    #[must_use]
    pub fn position(&self) -> Duration {
        samples(self.gauge.accepted.load(Ordering::Relaxed))
    }

    /// Waits until all sound so far is in the file, but for the last 40 ms; at most `limit`.
    pub fn sync(&self, limit: Duration) {
        let (done, written) = sync_channel(0);
        if self.orders.try_send(Order(done)).is_ok() {
            // Nothing is ever sent: the end of the channel is the answer.
            let _: Result<(), _> = written.recv_timeout(limit);
        }
    }

    /// Ends the recording and waits until the file is whole.
    pub fn finish(self) {
        drop(self.orders);
        if self.thread.join().is_err() {
            tracing::error!("the recorder's thread failed");
        }
    }
}

/// The recorder's thread.
struct Scribe<W: Write> {
    writer: Writer<W>,
    ring: Consumer<f32>,
    inbox: Receiver<Order>,
    gauge: Arc<Gauge>,
    /// Lost samples that were reported.
    told: u64,
    news: Box<dyn FnMut(News) + Send>,
    piece: Vec<f32>,
}

impl<W: Write> Scribe<W> {
    fn run(mut self) {
        if let Err(error) = self.write() {
            (self.news)(News::Failed(failure(&error)));
        }
    }

    fn write(&mut self) -> io::Result<()> {
        loop {
            self.drain()?;
            match self.inbox.recv_timeout(STEP) {
                Ok(order) => {
                    self.drain()?;
                    self.writer.flush()?;
                    drop(order);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.drain()?;
                    return self.writer.finish();
                }
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let count = self.ring.slots();
        if let Ok(chunk) = self.ring.read_chunk(count) {
            self.piece.clear();
            self.piece.extend(chunk);
            self.writer.push(&self.piece)?;
        }
        let lost = self.gauge.lost.load(Ordering::Relaxed);
        if lost > self.told {
            (self.news)(News::Lost(samples(lost - self.told)));
            self.told = lost;
        }
        Ok(())
    }
}

fn samples(count: u64) -> Duration {
    Duration::from_micros(count * 1_000 / u64::from(RATE / 1_000))
}

fn failure(error: &io::Error) -> Error {
    Error::File(error.to_string())
}
