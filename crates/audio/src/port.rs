//! One direction of the duplex: the stream that runs, the one that is being opened, and what to try next.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::callback::{Gauges, Heartbeat};
use crate::choice::{Pick, pick};
use crate::device::Listing;
use crate::stream::{self, Opened, Side};
use crate::{Choice, DeviceId, Direction, Error};

/// A stream without a callback for this long is dead.
const SILENT: Duration = Duration::from_millis(500);
/// The same while the stream is young: a server may first play out what its long buffer was planned for.
const SILENT_AT_FIRST: Duration = Duration::from_millis(2_500);
/// How long a stream is young.
const YOUTH: Duration = Duration::from_secs(4);
/// How long a device may take to start before another one is tried. A sleeping source needs a second.
const PATIENCE: Duration = Duration::from_millis(1_300);
/// First and longest time that a device is left alone after a failure.
const SHUN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// First and longest period of a speaker. A short one needs a machine that is not too busy.
const PERIOD: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));
/// A playing speaker that took this much less than real time within [`WINDOW`] has stuttered.
const STUTTER: Duration = Duration::from_millis(40);
const WINDOW: Duration = Duration::from_secs(1);

/// What the port's owner has to pass on.
pub(crate) enum Event {
    /// A stream runs; `is_again` when it is not the first one, `is_same` when it only replaces one of the same device.
    Opened {
        side: Side,
        name: String,
        is_fallback: bool,
        is_again: bool,
        is_same: bool,
    },
    Lost(Error),
}

struct Running {
    stream: cpal::Stream,
    id: DeviceId,
    heartbeat: Arc<Heartbeat>,
    trouble: Arc<OnceLock<Error>>,
    opened: Instant,
    beats: u64,
    beaten: Instant,
    rate: u32,
    /// Start of the present window of the stutter watch: when, and frames until then.
    window: Option<(Instant, u64)>,
    has_stuttered: bool,
}

impl Running {
    /// Compares what the speaker took with the time that passed, while something plays.
    fn watch_pace(&mut self, is_playing: bool, period: Duration, now: Instant) {
        let frames = self.heartbeat.frames();
        let Some((since, before)) = self.window.filter(|_| is_playing) else {
            self.window = is_playing.then_some((now, frames));
            return;
        };
        let passed = now.saturating_duration_since(since);
        let taken = Duration::from_secs_f64((frames - before) as f64 / f64::from(self.rate));
        self.has_stuttered |= passed.saturating_sub(taken) > STUTTER.max(3 * period);
        if passed >= WINDOW {
            self.window = Some((now, frames));
        }
    }
}

struct Opening {
    pick: Pick,
    since: Instant,
    reply: Receiver<Result<Opened, Error>>,
}

/// A device that failed and is left alone until a moment.
struct Shunned {
    id: DeviceId,
    until: Instant,
    pause: Duration,
}

pub(crate) struct Port {
    pub(crate) direction: Direction,
    choice: Choice,
    running: Option<Running>,
    opening: Option<Opening>,
    /// Attempts that took too long. They may still succeed: a source without data starts with its first sample.
    late: Vec<Opening>,
    shunned: Vec<Shunned>,
    error: Option<Error>,
    has_run: bool,
    period: Duration,
}

impl Port {
    pub(crate) fn new(direction: Direction, choice: Choice) -> Self {
        Self {
            direction,
            choice,
            running: None,
            opening: None,
            late: Vec::new(),
            shunned: Vec::new(),
            error: None,
            has_run: false,
            period: PERIOD.0,
        }
    }

    pub(crate) fn choice(&self) -> &Choice {
        &self.choice
    }

    pub(crate) fn choose(&mut self, choice: Choice) {
        self.choice = choice;
        self.shunned.clear();
        self.opening = None;
        if self.choice == Choice::Off {
            self.close();
        }
    }

    /// Whether it runs, or need not.
    pub(crate) fn is_well(&self) -> bool {
        self.choice == Choice::Off || self.running.is_some()
    }

    /// Whether something may change soon.
    pub(crate) fn is_opening(&self) -> bool {
        self.opening.is_some() || !self.has_run && !self.is_well()
    }

    pub(crate) fn close(&mut self) {
        self.opening = None;
        if let Some(running) = self.running.take() {
            retire(running.stream);
        }
    }

    /// A device that has gone and come back deserves a fresh try.
    pub(crate) fn note_listing(&mut self, listing: Option<&Listing>) {
        let Some(listing) = listing else { return };
        self.shunned.retain(|shunned| listing.devices.iter().any(|device| device.id == shunned.id));
    }

    /// Why there is nothing left to try, if that is so; `is_over` when there is no more time.
    pub(crate) fn dead_end(&self, listing: Option<&Listing>, is_over: bool) -> Option<Error> {
        let stuck = || Error::Stuck(self.direction);
        if is_over {
            return Some(self.error.clone().unwrap_or_else(stuck));
        }
        let shunned: Vec<&DeviceId> = self.shunned.iter().map(|shunned| &shunned.id).collect();
        let is_idle = self.opening.is_none();
        let has_no_pick = pick(&self.choice, self.direction, &listing?.devices, &shunned).is_none();
        (is_idle && has_no_pick).then(|| self.error.clone().unwrap_or(Error::NoDevice(self.direction)))
    }

    /// Looks after the running stream and goes on with opening another one.
    pub(crate) fn step(
        &mut self,
        listing: Option<&Listing>,
        gauges: &Arc<Gauges>,
        pipeline: &Thread,
        is_playing: bool,
        now: Instant,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(error) = self.ailment(listing, now) {
            self.close();
            events.push(Event::Lost(error));
        }
        self.pace(is_playing, now);
        self.collect(now, &mut events);
        self.reopen(listing, gauges, pipeline, now);
        events
    }

    /// A speaker that stutters on a busy machine gets a longer period.
    fn pace(&mut self, is_playing: bool, now: Instant) {
        let Some(running) = self.running.as_mut().filter(|_| self.direction == Direction::Output) else { return };
        running.watch_pace(is_playing, self.period, now);
        if running.has_stuttered && self.opening.is_none() && self.period < PERIOD.1 {
            self.period *= 2;
            tracing::info!(period_ms = self.period.as_millis(), "the speaker stutters: its buffer grows");
        } else if self.opening.is_none() {
            running.has_stuttered = false;
        }
    }

    fn ailment(&mut self, listing: Option<&Listing>, now: Instant) -> Option<Error> {
        let running = self.running.as_mut()?;
        let lost = |detail: &str| Error::Lost { direction: self.direction, detail: detail.into() };
        let beats = running.heartbeat.count();
        if beats != running.beats {
            (running.beats, running.beaten) = (beats, now);
        }
        let is_young = now.saturating_duration_since(running.opened) < YOUTH;
        let limit = if is_young { SILENT_AT_FIRST } else { SILENT };
        let is_unplugged = listing.is_some_and(|listing| {
            listing.is_watchable && !listing.devices.iter().any(|device| device.id == running.id)
        });
        match running.trouble.get() {
            Some(error) => Some(error.clone()),
            None if is_unplugged => Some(lost("the device was removed")),
            None if now.saturating_duration_since(running.beaten) >= limit => Some(lost("the device stopped")),
            None => None,
        }
    }

    /// Takes what the opening threads have achieved.
    fn collect(&mut self, now: Instant, events: &mut Vec<Event>) {
        let waiting: Vec<(bool, Opening)> = self
            .late
            .drain(..)
            .map(|late| (true, late))
            .chain(self.opening.take().map(|opening| (false, opening)))
            .collect();
        for (is_late, opening) in waiting {
            match opening.reply.try_recv() {
                Ok(Ok(opened)) => self.accept(opening.pick, opened, is_late, now, events),
                Ok(Err(error)) => self.fail(opening.pick.id, error, now),
                Err(TryRecvError::Disconnected) => self.fail(opening.pick.id, Error::Stuck(self.direction), now),
                Err(TryRecvError::Empty) if is_late => self.late.push(opening),
                Err(TryRecvError::Empty) if now.saturating_duration_since(opening.since) >= PATIENCE => {
                    self.error = Some(Error::Stuck(self.direction));
                    self.late.push(opening);
                }
                Err(TryRecvError::Empty) => self.opening = Some(opening),
            }
        }
    }

    fn accept(&mut self, pick: Pick, opened: Opened, is_late: bool, now: Instant, events: &mut Vec<Event>) {
        let is_asked_for = match &self.choice {
            Choice::Off => false,
            Choice::Default => !pick.is_fallback,
            Choice::Device(id) => *id == pick.id,
        };
        if (is_late && !is_asked_for && self.running.is_some()) || self.choice == Choice::Off {
            return retire(opened.stream);
        }
        let is_same = self.running.as_ref().is_some_and(|running| running.id == pick.id);
        self.close();
        self.shunned.retain(|shunned| shunned.id != pick.id);
        self.error = None;
        let Opened { stream, side, heartbeat, trouble } = opened;
        self.running = Some(Running {
            stream,
            id: pick.id,
            beats: heartbeat.count(),
            heartbeat,
            trouble,
            opened: now,
            beaten: now,
            rate: side.rate(),
            window: None,
            has_stuttered: false,
        });
        let is_again = std::mem::replace(&mut self.has_run, true);
        events.push(Event::Opened { side, name: pick.name, is_fallback: !is_asked_for, is_again, is_same });
    }

    fn fail(&mut self, id: DeviceId, error: Error, now: Instant) {
        tracing::debug!(direction = ?self.direction, id = id.0, %error, "audio device not opened");
        if let Some(running) = self.running.as_mut().filter(|running| running.id == id) {
            // It could not get a longer period, but it runs.
            running.has_stuttered = false;
            return;
        }
        self.error = Some(error);
        let last =
            self.shunned.iter().position(|shunned| shunned.id == id).map(|index| self.shunned.swap_remove(index));
        let pause = last.map_or(SHUN.0, |shunned| (shunned.pause * 2).min(SHUN.1));
        self.shunned.push(Shunned { id, until: now + pause, pause });
    }

    fn reopen(&mut self, listing: Option<&Listing>, gauges: &Arc<Gauges>, pipeline: &Thread, now: Instant) {
        let Some(listing) = listing.filter(|_| self.opening.is_none()) else { return };
        let resting = self.shunned.iter().filter(|shunned| shunned.until > now).map(|shunned| &shunned.id);
        let shunned: Vec<&DeviceId> = resting.chain(self.late.iter().map(|late| &late.pick.id)).collect();
        let Some(pick) = pick(&self.choice, self.direction, &listing.devices, &shunned) else { return };
        if self.running.as_ref().is_some_and(|running| running.id == pick.id && !running.has_stuttered) {
            return;
        }
        let (outbox, reply) = sync_channel(1);
        let (direction, id, gauges, pipeline) = (self.direction, pick.id.clone(), Arc::clone(gauges), pipeline.clone());
        let period = self.period;
        let open = move || {
            if let Err(unwanted) = outbox.send(stream::open(direction, &id, period, &gauges, &pipeline)) {
                drop(unwanted);
            }
        };
        if thread::Builder::new().name("audio-opening".into()).spawn(open).is_ok() {
            self.opening = Some(Opening { pick, since: now, reply });
        }
    }
}

/// Closes a stream on a thread of its own: with a dead sound server that may take for ever.
fn retire(stream: cpal::Stream) {
    thread::Builder::new().name("audio-closing".into()).spawn(move || drop(stream)).ok();
}
