//! The pair of microphone and speaker that a call talks through.

use std::path::PathBuf;
use std::time::Duration;

use crate::{DeviceId, Direction, Error};

/// The caller's name of a played item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey(pub u64);

/// Which device to use in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// Whatever the system uses, followed when it changes.
    #[default]
    Default,
    /// This one; the default while it is missing, taken again when it returns.
    Device(DeviceId),
    /// None: not opened at all (text-only start).
    Off,
}

/// Where sound comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Card {
    /// Real devices.
    System {
        /// Microphone.
        input: Choice,
        /// Speaker.
        output: Choice,
    },
    /// Files in real time: `input` is spoken from the moment the gate opens, then silence; `output` gets what was heard.
    Files {
        /// What is spoken: any WAV.
        input: Option<PathBuf>,
        /// What was heard: 48 kHz mono 16 bit, written when the duplex is dropped or [`Duplex::close`]d.
        output: Option<PathBuf>,
    },
}

/// How a duplex is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Devices or files.
    pub card: Card,
    /// Samples per second on the wire, both ways, in Hz (24 000 for OpenAI).
    pub wire_rate: u32,
    /// Kept before the gate opens and handed over first (500 ms).
    pub pre_roll: Duration,
    /// Still captured after the gate was closed (150 ms).
    pub tail: Duration,
}

/// What the microphone side hands to the sink (on the pipeline thread: must not block).
#[derive(Debug, Clone, PartialEq)]
pub enum Captured {
    /// Mono samples at the wire rate, 10 ms each (the pre-roll comes as several frames in a row).
    Frame(Vec<i16>),
    /// The gate was closed and the tail is over: the turn's audio is complete.
    End,
    /// [`Card::Files`]: the input file is over (once).
    InputEnded,
}

/// Something the user or the call should know; sent from the audio threads, must be taken without blocking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A device runs now; its readable name.
    Opened {
        /// Which one.
        direction: Direction,
        /// Readable name.
        name: String,
        /// Whether the chosen device was missing and this is a stand-in.
        is_fallback: bool,
    },
    /// A device failed; another try is under way.
    Lost {
        /// Which one.
        direction: Direction,
        /// Why.
        error: Error,
    },
    /// The microphone delivers exact or near silence for 3 s while the gate is open.
    Silent,
    /// Sound is there again after [`Notice::Silent`].
    Audible,
    /// First audible sample of an item went to the speaker.
    Started(ItemKey),
    /// An item was played to its end.
    Finished(ItemKey),
}

/// How much of an item was really played when it was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Which item.
    pub item: ItemKey,
    /// Audible part.
    pub duration: Duration,
}

/// Loudness for meters, dBFS (0 = full scale, -90 = silence), over the last 50 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Microphone.
    pub input: f32,
    /// Speaker.
    pub output: f32,
    /// Whether the microphone clipped in the last second.
    pub clipped: bool,
}

/// Counters since opening.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Times the playout ran dry in the middle of an item.
    pub underruns: u32,
    /// Capture samples lost because the ring was full.
    pub overflows: u32,
    /// Present start cushion of the jitter buffer in ms.
    pub prebuffer_ms: u32,
    /// Pipeline passes that took longer than 5 ms.
    pub over_budget: u32,
    /// Times a device was reopened.
    pub reopened: u32,
}

/// An open pair of microphone and speaker. Dropping it closes the devices.
pub struct Duplex {}

impl Duplex {
    /// Opens the devices. Returns once both run, or with the first error (within 3 s). `sink` gets the microphone,
    /// `notice` the rest; both are called from audio threads and must not block.
    ///
    /// # Errors
    /// When a device that is not [`Choice::Off`] cannot be opened. No microphone is not fatal later on: after a good
    /// start the duplex reopens by itself.
    pub fn open(
        _config: Config,
        _sink: impl FnMut(Captured) + Send + 'static,
        _notice: impl FnMut(Notice) + Send + 'static,
    ) -> Result<Self, Error> {
        Err(Error::NoHost)
    }

    /// Opens the gate: the pre-roll, then every frame goes to the sink.
    pub fn open_gate(&self) {}

    /// Closes the gate: the tail still goes to the sink, then [`Captured::End`].
    pub fn close_gate(&self) {}

    /// Closes the gate at once; no tail, no [`Captured::End`] (a discarded turn).
    pub fn drop_gate(&self) {}

    /// Muted: frames become zeros (a server that listens still hears silence).
    pub fn mute(&self, _is_muted: bool) {}

    /// Queues samples at the wire rate behind what is queued. Blocks only when five minutes are queued.
    pub fn play(&self, _item: ItemKey, _pcm: Vec<i16>) {}

    /// No more samples of this item will come.
    pub fn finish(&self, _item: ItemKey) {}

    /// Silences the speaker within 50 ms with a 5 ms fade, drops what is queued, and tells what was cut short:
    /// only items that were queued and not heard to their end (also those of which nothing was heard).
    pub fn flush(&self) -> Vec<Heard> {
        Vec::new()
    }

    /// How much of an item was really played so far.
    pub fn heard(&self, _item: ItemKey) -> Duration {
        Duration::ZERO
    }

    /// Whether anything is queued or audible.
    pub fn is_playing(&self) -> bool {
        false
    }

    /// Changes devices without a break of the other one. Takes effect soon; [`Notice::Opened`] follows.
    pub fn choose(&self, _input: Choice, _output: Choice) {}

    /// For the meters; cheap, never blocks.
    pub fn levels(&self) -> Levels {
        Levels { input: -90.0, output: -90.0, clipped: false }
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Plays what is queued to its end (at most `limit`), closes the devices and finishes the output file.
    ///
    /// # Errors
    /// When the output file cannot be written.
    pub fn close(self, _limit: Duration) -> Result<(), Error> {
        Ok(())
    }
}
