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
/// How long a device may take to start before another one is tried. A sleeping source needs a second.
const PATIENCE: Duration = Duration::from_millis(1_300);
/// First and longest time that a device is left alone after a failure.
const SHUN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// What the port's owner has to pass on.
pub(crate) enum Event {
    /// A stream runs; `is_again` when it is not the first one.
    Opened { side: Side, name: String, is_fallback: bool, is_again: bool },
    Lost(Error),
}

struct Running {
    stream: cpal::Stream,
    id: DeviceId,
    heartbeat: Arc<Heartbeat>,
    trouble: Arc<OnceLock<Error>>,
    beats: u64,
    beaten: Instant,
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
        now: Instant,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(error) = self.ailment(listing, now) {
            self.close();
            events.push(Event::Lost(error));
        }
        self.collect(now, &mut events);
        self.reopen(listing, gauges, pipeline, now);
        events
    }

    fn ailment(&mut self, listing: Option<&Listing>, now: Instant) -> Option<Error> {
        let running = self.running.as_mut()?;
        let lost = |detail: &str| Error::Lost { direction: self.direction, detail: detail.into() };
        let beats = running.heartbeat.count();
        if beats != running.beats {
            (running.beats, running.beaten) = (beats, now);
        }
        let is_unplugged = listing.is_some_and(|listing| {
            listing.is_watchable && !listing.devices.iter().any(|device| device.id == running.id)
        });
        match running.trouble.get() {
            Some(error) => Some(error.clone()),
            None if is_unplugged => Some(lost("the device was removed")),
            None if now.saturating_duration_since(running.beaten) >= SILENT => Some(lost("the device stopped")),
            None => None,
        }
    }

    /// Takes what the opening threads have achieved.
    fn collect(&mut self, now: Instant, events: &mut Vec<Event>) {
        let waiting: Vec<(bool, Opening)> =
            self.late.drain(..).map(|late| (true, late)).chain(self.opening.take().map(|opening| (false, opening))).collect();
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
        self.close();
        self.shunned.retain(|shunned| shunned.id != pick.id);
        self.error = None;
        let Opened { stream, side, heartbeat, trouble } = opened;
        let beats = heartbeat.count();
        self.running = Some(Running { stream, id: pick.id, heartbeat, trouble, beats, beaten: now });
        let is_again = std::mem::replace(&mut self.has_run, true);
        events.push(Event::Opened { side, name: pick.name, is_fallback: !is_asked_for, is_again });
    }

    fn fail(&mut self, id: DeviceId, error: Error, now: Instant) {
        tracing::debug!(direction = ?self.direction, id = id.0, %error, "audio device not opened");
        self.error = Some(error);
        let last = self.shunned.iter().position(|shunned| shunned.id == id).map(|index| self.shunned.swap_remove(index));
        let pause = last.map_or(SHUN.0, |shunned| (shunned.pause * 2).min(SHUN.1));
        self.shunned.push(Shunned { id, until: now + pause, pause });
    }

    fn reopen(&mut self, listing: Option<&Listing>, gauges: &Arc<Gauges>, pipeline: &Thread, now: Instant) {
        let Some(listing) = listing.filter(|_| self.opening.is_none()) else { return };
        let resting = self.shunned.iter().filter(|shunned| shunned.until > now).map(|shunned| &shunned.id);
        let shunned: Vec<&DeviceId> = resting.chain(self.late.iter().map(|late| &late.pick.id)).collect();
        let Some(pick) = pick(&self.choice, self.direction, &listing.devices, &shunned) else { return };
        if self.running.as_ref().is_some_and(|running| running.id == pick.id) {
            return;
        }
        let (outbox, reply) = sync_channel(1);
        let (direction, id, gauges, pipeline) = (self.direction, pick.id.clone(), Arc::clone(gauges), pipeline.clone());
        let open = move || {
            if let Err(unwanted) = outbox.send(stream::open(direction, &id, &gauges, &pipeline)) {
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
