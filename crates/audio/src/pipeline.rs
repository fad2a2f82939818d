//! The thread between callbacks, queue and sink: all signal processing happens here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::callback::Gauges;
use crate::front::Processing;
use crate::gate::Gate;
use crate::intake::{Ear, Intake};
use crate::microphone::{Microphone, Sink, Tap};
use crate::playout::Playout;
use crate::presence::Echo;
use crate::reference::FarEnd;
use crate::{Direction, Error, Notice};

/// Longest time a pass may take: half a frame.
const BUDGET: Duration = Duration::from_millis(5);
/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_millis(500);

/// Tells the user of the duplex what happened, from any thread but a callback.
pub(crate) struct Bell(Mutex<Box<dyn FnMut(Notice) + Send>>);

impl Bell {
    pub(crate) fn new(notice: impl FnMut(Notice) + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(notice)))
    }

    pub(crate) fn ring(&self, notice: Notice) {
        (*self.0.lock().unwrap_or_else(PoisonError::into_inner))(notice);
    }
}

/// What the threads of a duplex have in common. The callbacks see nothing of it but the gauges.
pub(crate) struct Shared {
    playout: Mutex<Playout>,
    /// Signalled after each pass of the pipeline while somebody waits for it: each signal is a call of the kernel.
    pub(crate) passed: Condvar,
    pub(crate) is_awaited: AtomicBool,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) bell: Bell,
    pub(crate) is_muted: AtomicBool,
    /// The gate was opened at least once.
    pub(crate) has_begun: AtomicBool,
    /// The input file was read to its end, and the pipeline has not told so yet.
    pub(crate) input_ended: AtomicBool,
    pub(crate) over_budget: AtomicU32,
    pub(crate) reopened: AtomicU32,
    echo: Mutex<Echo>,
}

impl Shared {
    pub(crate) fn new(playout: Playout, bell: Bell) -> Self {
        Self {
            playout: Mutex::new(playout),
            passed: Condvar::new(),
            is_awaited: AtomicBool::new(false),
            gauges: Arc::default(),
            bell,
            is_muted: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            input_ended: AtomicBool::new(false),
            over_budget: AtomicU32::new(0),
            reopened: AtomicU32::new(0),
            echo: Mutex::new(Echo::Unknown),
        }
    }

    pub(crate) fn set_echo(&self, echo: Echo) {
        *self.echo.lock().unwrap_or_else(PoisonError::into_inner) = echo;
    }

    /// What is known of the echo.
    pub(crate) fn echo(&self) -> Echo {
        *self.echo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The speaker side. Held for microseconds, and never while calling out: a flush must not wait for anybody.
    pub(crate) fn playout(&self) -> MutexGuard<'_, Playout> {
        self.playout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the pipeline is told.
pub(crate) enum Command {
    OpenGate,
    CloseGate,
    DropGate,
    /// Another microphone, or none.
    Listen(Option<Ear>),
    /// Another speaker, or none: what it plays is the far end.
    Refer(Option<FarEnd>),
    Process(Processing),
    Guard(bool),
    Tap(Option<Tap>),
    Stop,
}

pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    inbox: Receiver<Command>,
    intake: Option<Intake>,
    microphone: Microphone,
    is_stopped: bool,
}

impl Pipeline {
    pub(crate) fn new(shared: Arc<Shared>, inbox: Receiver<Command>, sink: Sink, wire_rate: u32, gate: Gate) -> Self {
        let microphone = Microphone::new(Arc::clone(&shared), sink, wire_rate, gate);
        Self { shared, inbox, intake: None, microphone, is_stopped: false }
    }

    /// Runs until it is told to stop. A panic (ours or the sink's) is reported, and survived once.
    pub(crate) fn run(mut self) {
        for _ in 0..2 {
            if catch_unwind(AssertUnwindSafe(|| self.turn_round())).is_ok() {
                return;
            }
            tracing::error!("the audio pipeline failed");
            let error =
                Error::Lost { direction: Direction::Input, detail: "internal error in the audio pipeline".into() };
            self.shared.bell.ring(Notice::Lost { direction: Direction::Input, error });
        }
    }

    fn turn_round(&mut self) {
        while !self.is_stopped {
            let now = Instant::now();
            self.pass(now);
            if now.elapsed() > BUDGET {
                self.shared.over_budget.fetch_add(1, Ordering::Relaxed);
            }
            thread::park_timeout(self.rest());
        }
    }

    fn pass(&mut self, now: Instant) {
        self.listen();
        while let Ok(command) = self.inbox.try_recv() {
            self.obey(command, now);
        }
        self.microphone.tick(now);
        let notices = self.shared.playout().pour(now);
        if self.shared.is_awaited.load(Ordering::Relaxed) {
            self.shared.passed.notify_all();
        }
        for notice in notices {
            self.shared.bell.ring(notice);
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        let microphone = &mut self.microphone;
        match command {
            Command::OpenGate => {
                microphone.open_gate();
                self.shared.has_begun.store(true, Ordering::Release);
            }
            Command::CloseGate => microphone.close_gate(now),
            Command::DropGate => microphone.drop_gate(),
            Command::Listen(ear) => self.intake = ear.map(Intake::new),
            Command::Refer(far_end) => microphone.refer(far_end),
            Command::Process(processing) => microphone.front.process(processing),
            Command::Guard(is_guarded) => microphone.front.set_guard(is_guarded),
            Command::Tap(tap) => microphone.tap = tap,
            Command::Stop => self.is_stopped = true,
        }
    }

    fn listen(&mut self) {
        // Read before the samples: what was spoken before the end is in the ring by now.
        let ends = self.shared.input_ended.swap(false, Ordering::Acquire);
        match &mut self.intake {
            Some(intake) => {
                let is_audible = self.shared.playout().is_audible();
                intake.drain(|near| self.microphone.frame(near, is_audible));
            }
            None => self.microphone.rest(),
        }
        if ends {
            self.microphone.end_input();
        }
    }

    fn rest(&self) -> Duration {
        let playout = self.shared.playout().deadline();
        let next = [self.microphone.deadline(), playout].into_iter().flatten().min();
        next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()).min(IDLE))
    }
}
