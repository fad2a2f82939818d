//! The pair of microphone and speaker that a call talks through.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::cue::Cue;
use crate::files::Tape;
use crate::front::Processing;
use crate::gate::Gate;
use crate::jitter::STEADY;
use crate::keeper::{Keeper, Order};
use crate::microphone::Tap;
use crate::pipeline::{Bell, Command, Pipeline, Shared};
use crate::playout::Playout;
use crate::presence::Echo;
use crate::{DeviceId, Direction, Error};

/// Commands that may wait for the pipeline.
const INBOX: usize = 64;
/// Longest wait for a thread that ends.
const PARTING: Duration = Duration::from_millis(300);
/// Longest start.
const START: Duration = Duration::from_secs(3);

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
    /// Mono samples at the wire rate: 10 ms, or up to 40 ms in long silence (the pre-roll comes as several in a row).
    Frame(Vec<i16>),
    /// While the gate is open: the detector of this computer hears somebody begin to speak (`true`) or end, 200 ms late.
    Voice(bool),
    /// The gate was closed and the tail is over: the turn's audio is complete.
    End,
    /// The user spoke over an answer long enough to take the floor ([`Duplex::guard`]); what was said follows.
    BargeIn,
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

/// What moves the samples: real devices or files.
enum Motor {
    Keeper { orders: SyncSender<Order>, ended: Mutex<Receiver<()>> },
    Tape(Tape),
}

/// An open pair of microphone and speaker. Dropping it closes the devices.
pub struct Duplex {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    pipeline: Thread,
    /// In a mutex only so that a duplex can be shared between threads.
    pipeline_ended: Mutex<Receiver<()>>,
    motor: Option<Motor>,
}

impl std::fmt::Debug for Duplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Duplex").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Duplex {
    /// Opens the devices. Returns once both run, or with the first error (within 3 s). `sink` gets the microphone,
    /// `notice` the rest; both are called from audio threads and must not block.
    ///
    /// # Errors
    /// When a device that is not [`Choice::Off`] cannot be opened. No microphone is not fatal later on: after a good
    /// start the duplex reopens by itself.
    pub fn open(
        config: Config,
        sink: impl FnMut(Captured) + Send + 'static,
        notice: impl FnMut(Notice) + Send + 'static,
    ) -> Result<Self, Error> {
        let wire_rate = config.wire_rate.clamp(8_000, 192_000);
        let shared = Arc::new(Shared::new(Playout::new(wire_rate), Bell::new(notice)));
        let (commands, inbox) = sync_channel(INBOX);
        let gate = Gate::new(wire_rate, config.pre_roll, config.tail);
        let pipeline = Pipeline::new(Arc::clone(&shared), inbox, Box::new(sink), wire_rate, gate);
        let (pipeline, pipeline_ended) = spawn("audio-pipeline", move || pipeline.run())?;
        let pipeline_ended = Mutex::new(pipeline_ended);
        let mut duplex = Self { shared, commands, pipeline, pipeline_ended, motor: None };
        duplex.motor = Some(match config.card {
            Card::System { input, output } => duplex.start_keeper(input, output)?,
            Card::Files { input, output } => duplex.start_tape(input, output)?,
        });
        Ok(duplex)
    }

    fn start_keeper(&self, input: Choice, output: Choice) -> Result<Motor, Error> {
        let (orders, inbox) = sync_channel(INBOX);
        let (started, outcome) = sync_channel(1);
        let (shared, commands, pipeline) = (Arc::clone(&self.shared), self.commands.clone(), self.pipeline.clone());
        let keeper = Keeper::new(shared, commands, pipeline, inbox, (input, output), started);
        let (_, ended) = spawn("audio-keeper", move || keeper.run())?;
        outcome.recv_timeout(START).unwrap_or(Err(Error::NoHost))?;
        Ok(Motor::Keeper { orders, ended: Mutex::new(ended) })
    }

    fn start_tape(&self, input: Option<PathBuf>, output: Option<PathBuf>) -> Result<Motor, Error> {
        let (tape, ear, mouth, far_end) = Tape::start(input, output, &self.shared, &self.pipeline)?;
        self.shared.playout().attach(mouth);
        self.send(Command::Refer(Some(far_end)));
        self.send(Command::Listen(Some(ear)));
        Ok(Motor::Tape(tape))
    }

    /// Opens the gate: the pre-roll, then every frame goes to the sink.
    pub fn open_gate(&self) {
        self.send(Command::OpenGate);
    }

    /// Closes the gate: the tail still goes to the sink, then [`Captured::End`].
    pub fn close_gate(&self) {
        self.send(Command::CloseGate);
    }

    /// Closes the gate at once; no tail, no [`Captured::End`] (a discarded turn).
    pub fn drop_gate(&self) {
        self.send(Command::DropGate);
    }

    /// Muted: frames become zeros (a server that listens still hears silence).
    pub fn mute(&self, is_muted: bool) {
        self.shared.is_muted.store(is_muted, Ordering::Relaxed);
    }

    /// Changes how the microphone is processed, and how much the jitter buffer begins with.
    pub fn process(&self, processing: Processing) {
        let jitter = processing.calibration.map_or(Duration::ZERO, |calibration| calibration.jitter);
        self.shared.playout().set_cushion(STEADY + jitter);
        self.send(Command::Process(processing));
    }

    /// Guards the answer (open microphone): while one is audible the microphone's frames are held back, silence goes to
    /// the sink instead; a voice ducks the answer, and when it proves to be speech, [`Captured::BargeIn`] and what was
    /// held follow.
    pub fn guard(&self, is_guarded: bool) {
        self.send(Command::Guard(is_guarded));
    }

    /// Lets `tap` see every frame from now on; `None` ends that.
    pub fn tap(&self, tap: Option<Tap>) {
        self.send(Command::Tap(tap));
    }

    /// Loudness of everything that is played, 0 to 1 (linear).
    pub fn set_volume(&self, volume: f32) {
        self.shared.playout().set_volume(volume);
    }

    /// Speed of everything that is played from now on, 0.75 to 1.5; the pitch stays. [`Duplex::heard`] and the like go on
    /// in the time of the item.
    pub fn set_speed(&self, speed: f32) {
        self.shared.playout().set_speed(speed);
    }

    /// How long after [`Notice::Started`] the first sample of an item is audible: the device's own delay.
    pub fn output_latency(&self) -> Duration {
        self.shared.playout().latency()
    }

    /// What is known of the echo.
    pub fn echo(&self) -> Echo {
        self.shared.echo()
    }

    /// Plays a cue, unless something else plays: and whatever comes while it plays takes its place. Without effect on
    /// [`Card::Files`], whose output is what the other side said and nothing else. Neither [`Notice`]s nor [`Heard`]
    /// tell of it.
    pub fn cue(&self, cue: Cue) {
        if let Some(Motor::Keeper { .. }) = &self.motor {
            self.shared.playout().cue(cue, Instant::now());
            self.pipeline.unpark();
        }
    }

    /// Queues samples at the wire rate behind what is queued. When twenty minutes are queued, more is dropped with a
    /// trace.
    pub fn play(&self, item: ItemKey, pcm: Vec<i16>) {
        self.shared.playout().play(item, pcm, Instant::now());
        self.pipeline.unpark();
    }

    /// No more samples of this item will come.
    pub fn finish(&self, item: ItemKey) {
        self.shared.playout().finish(item);
        self.pipeline.unpark();
    }

    /// Silences the speaker within 50 ms with a 5 ms fade, drops what is queued, and tells what was cut short:
    /// only items that were queued and not heard to their end (also those of which nothing was heard).
    pub fn flush(&self) -> Vec<Heard> {
        let heard = self.shared.playout().flush();
        self.pipeline.unpark();
        heard
    }

    /// How much of an item was really played so far; of an item that ended lately, how much was played in all.
    pub fn heard(&self, item: ItemKey) -> Duration {
        self.shared.playout().heard(item)
    }

    /// Whether anything is queued or audible.
    pub fn is_playing(&self) -> bool {
        self.shared.playout().is_playing()
    }

    /// Changes devices without a break of the other one. Takes effect soon; [`Notice::Opened`] follows. Without effect
    /// on [`Card::Files`].
    pub fn choose(&self, input: Choice, output: Choice) {
        if let Some(Motor::Keeper { orders, .. }) = &self.motor {
            orders.send(Order::Choose(input, output)).ok();
        }
    }

    /// For the meters; cheap, never blocks.
    pub fn levels(&self) -> Levels {
        let gauges = &self.shared.gauges;
        Levels { input: gauges.input.level(), output: gauges.output.level(), clipped: gauges.input.is_clipped() }
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let playout = self.shared.playout();
        Stats {
            underruns: playout.underruns(),
            overflows: self.shared.gauges.overflows.load(Ordering::Relaxed),
            prebuffer_ms: playout.cushion().as_millis() as u32,
            over_budget: self.shared.over_budget.load(Ordering::Relaxed),
            reopened: self.shared.reopened.load(Ordering::Relaxed),
        }
    }

    /// Plays what is queued to its end (at most `limit`), closes the devices and finishes the output file.
    ///
    /// # Errors
    /// When the output file cannot be written.
    pub fn close(mut self, limit: Duration) -> Result<(), Error> {
        let until = Instant::now() + limit;
        self.shared.is_awaited.store(true, Ordering::Relaxed);
        let mut playout = self.shared.playout();
        while playout.is_playing() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.passed.wait_timeout(playout, left);
            playout = waited.map_or_else(|poison| poison.into_inner().0, |(playout, _)| playout);
        }
        let lag = playout.lag().min(until.saturating_duration_since(Instant::now()));
        drop(playout);
        thread::sleep(lag);
        self.shut()
    }

    fn send(&self, command: Command) {
        self.commands.send(command).ok();
        self.pipeline.unpark();
    }

    /// Ends all threads. Never waits long: a hanging sound server must not hang the app.
    fn shut(&mut self) -> Result<(), Error> {
        let outcome = match self.motor.take() {
            Some(Motor::Keeper { orders, mut ended }) => {
                orders.send(Order::Stop).ok();
                wait_for(&mut ended);
                Ok(())
            }
            Some(Motor::Tape(tape)) => tape.stop(),
            None => Ok(()),
        };
        self.send(Command::Stop);
        wait_for(&mut self.pipeline_ended);
        outcome
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::error!(%error, "the audio output file was not written");
        }
    }
}

/// Starts a named thread; the channel is closed when it ends.
fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(Thread, Receiver<()>), Error> {
    let (alive, ended) = sync_channel(0);
    let run = move || {
        body();
        drop(alive);
    };
    let handle = thread::Builder::new().name(name.into()).spawn(run).map_err(|_| Error::NoHost)?;
    Ok((handle.thread().clone(), ended))
}

/// Waits for a thread's end, but never long.
fn wait_for(ended: &mut Mutex<Receiver<()>>) {
    ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(PARTING).ok();
}
