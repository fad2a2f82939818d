//! The thread that owns the streams: opens them, watches over them, and replaces what fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::device::Listing;
use crate::pipeline::{Command, Shared};
use crate::port::{Event, Port};
use crate::scout::Scout;
use crate::stream::Side;
use crate::{Choice, Direction, Error, Notice};

/// How often the streams are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often the devices are listed while all is well.
const CALM: Duration = Duration::from_millis(900);
/// How often they are listed while something is missing.
const ALARM: Duration = Duration::from_millis(300);
/// Longest time until the first start has succeeded or failed.
const START: Duration = Duration::from_millis(2_900);

/// What the keeper is told.
pub(crate) enum Order {
    Choose(Choice, Choice),
    Stop,
}

pub(crate) struct Keeper {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    pipeline: Thread,
    orders: Receiver<Order>,
    ports: [Port; 2],
    scout: Scout,
    listing: Option<Listing>,
    asked: Option<Instant>,
    started: Option<SyncSender<Result<(), Error>>>,
}

impl Keeper {
    /// A keeper for two choices; the outcome of the first start goes to `started`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: SyncSender<Command>,
        pipeline: Thread,
        orders: Receiver<Order>,
        choices: (Choice, Choice),
        started: SyncSender<Result<(), Error>>,
    ) -> Self {
        let ports = [Port::new(Direction::Input, choices.0), Port::new(Direction::Output, choices.1)];
        let scout = Scout::new();
        Self { shared, commands, pipeline, orders, ports, scout, listing: None, asked: None, started: Some(started) }
    }

    /// Runs until it is told to stop, or the first start fails.
    pub(crate) fn run(mut self) {
        let begun = Instant::now();
        if self.ports.iter().any(|port| *port.choice() == Choice::Off && port.direction == Direction::Output) {
            self.shared.playout().turn_off();
        }
        loop {
            let now = Instant::now();
            self.look_round(now);
            if self.has_failed_to_start(now.saturating_duration_since(begun)) {
                break;
            }
            let pause = if self.ports.iter().any(Port::is_opening) { TICK / 20 } else { TICK };
            match self.orders.recv_timeout(pause) {
                Ok(Order::Choose(input, output)) => self.choose(input, output, Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for port in &mut self.ports {
            port.close();
        }
    }

    fn choose(&mut self, input: Choice, output: Choice, now: Instant) {
        for (port, choice) in self.ports.iter_mut().zip([input, output]) {
            if *port.choice() == choice {
                continue;
            }
            let is_off = choice == Choice::Off;
            port.choose(choice);
            if is_off {
                disconnect(port.direction, &self.shared, &self.commands, &self.pipeline);
                if port.direction == Direction::Output {
                    self.shared.playout().turn_off();
                }
            }
        }
        // The new choice may have been plugged in since.
        self.listing = None;
        self.ask(now);
    }

    fn look_round(&mut self, now: Instant) {
        let mut is_stale = false;
        if let Some(answer) = self.scout.answer() {
            // No list means no sound system: what still runs will notice by itself.
            self.listing = answer.ok();
            for port in &mut self.ports {
                port.note_listing(self.listing.as_ref());
            }
        }
        let devices = self.listing.as_ref();
        for index in 0..self.ports.len() {
            let Some(port) = self.ports.get_mut(index) else { continue };
            let is_playing = self.shared.playout().is_playing();
            for event in port.step(devices, &self.shared.gauges, &self.pipeline, is_playing, now) {
                is_stale |= matches!(event, Event::Lost(_));
                tell(port.direction, event, &self.shared, &self.commands, &self.pipeline);
            }
        }
        let is_calm = self.ports.iter().all(Port::is_well);
        let is_blind = is_calm && self.listing.as_ref().is_some_and(|listing| !listing.is_watchable);
        let pause = if is_calm { CALM } else { ALARM };
        let is_due = self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= pause);
        if is_stale || (is_due && !is_blind) {
            self.ask(now);
        }
    }

    fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
        self.scout.ask();
    }

    /// Reports the outcome of the start once; true when it failed.
    fn has_failed_to_start(&mut self, passed: Duration) -> bool {
        let Some(started) = &self.started else { return false };
        let outcome = if self.ports.iter().all(Port::is_well) {
            Ok(())
        } else if let Some(error) = self.hopeless(passed) {
            Err(error)
        } else {
            return false;
        };
        let has_failed = outcome.is_err();
        started.try_send(outcome).ok();
        self.started = None;
        has_failed
    }

    fn hopeless(&self, passed: Duration) -> Option<Error> {
        let mut waiting = self.ports.iter().filter(|port| !port.is_well());
        let is_over = passed >= START;
        if self.scout.has_failed() {
            return Some(Error::NoHost);
        }
        waiting.find_map(|port| port.dead_end(self.listing.as_ref(), is_over))
    }
}

fn tell(direction: Direction, event: Event, shared: &Shared, commands: &SyncSender<Command>, pipeline: &Thread) {
    match event {
        Event::Opened { side, name, is_fallback, is_again, is_same } => {
            if is_again {
                shared.reopened.fetch_add(1, Ordering::Relaxed);
            }
            // First the news, then the sound: an item must not start before its speaker.
            if !is_same {
                tracing::info!(?direction, name, is_fallback, "audio device opened");
                shared.bell.ring(Notice::Opened { direction, name, is_fallback });
            }
            match side {
                Side::Ear(ear) => send(commands, pipeline, Command::Listen(Some(ear))),
                Side::Mouth(mouth, far_end) => {
                    shared.playout().attach(mouth);
                    send(commands, pipeline, Command::Refer(Some(far_end)));
                }
            }
        }
        Event::Lost(error) => {
            disconnect(direction, shared, commands, pipeline);
            tracing::warn!(?direction, %error, "audio device lost");
            shared.bell.ring(Notice::Lost { direction, error });
        }
    }
}

fn disconnect(direction: Direction, shared: &Shared, commands: &SyncSender<Command>, pipeline: &Thread) {
    match direction {
        Direction::Input => {
            send(commands, pipeline, Command::Listen(None));
            shared.gauges.input.clear();
        }
        Direction::Output => {
            shared.playout().detach();
            send(commands, pipeline, Command::Refer(None));
            shared.gauges.output.clear();
        }
    }
}

fn send(commands: &SyncSender<Command>, pipeline: &Thread, command: Command) {
    commands.send(command).ok();
    pipeline.unpark();
}
