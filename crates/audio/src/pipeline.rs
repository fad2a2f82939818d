//! The thread between callbacks, queue and sink: all signal processing happens here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::callback::Gauges;
use crate::front::{FRAME, Front, Processing};
use crate::gate::Gate;
use crate::guard::Held;
use crate::intake::{Ear, Intake, Outlet, SilenceWatch};
use crate::level::{decibels, power};
use crate::playout::Playout;
use crate::presence::Echo;
use crate::reference::{FarEnd, Reference};
use crate::{Captured, Direction, Error, Notice};

/// Longest time a pass may take: half a frame.
const BUDGET: Duration = Duration::from_millis(5);
/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_millis(500);

/// What takes the microphone.
pub(crate) type Sink = Box<dyn FnMut(Captured) + Send>;

/// Both ends of one frame: 10 ms at 48 kHz mono each.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The microphone as it came.
    pub raw: &'a [f32; FRAME],
    /// The microphone as it goes on, without the echo; silence while muted.
    pub clean: &'a [f32; FRAME],
    /// What the speaker played.
    pub far: &'a [f32; FRAME],
}

/// Sees every frame on the pipeline thread; must not block.
pub type Tap = Box<dyn FnMut(Pair<'_>) + Send>;

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
    /// Signalled after each pass of the pipeline.
    pub(crate) passed: Condvar,
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
    sink: Sink,
    gate: Gate,
    intake: Option<Intake>,
    reference: Option<Reference>,
    front: Front,
    outlet: Outlet,
    held: Held,
    is_ducked: bool,
    tap: Option<Tap>,
    silence: SilenceWatch,
    has_input_ended: bool,
    is_stopped: bool,
}

impl Pipeline {
    pub(crate) fn new(shared: Arc<Shared>, inbox: Receiver<Command>, sink: Sink, wire_rate: u32, gate: Gate) -> Self {
        Self {
            shared,
            inbox,
            sink,
            gate,
            intake: None,
            reference: None,
            front: Front::new(Processing::default()),
            outlet: Outlet::new(wire_rate),
            held: Held::default(),
            is_ducked: false,
            tap: None,
            silence: SilenceWatch::default(),
            has_input_ended: false,
            is_stopped: false,
        }
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
        self.gate.tick(now, &mut self.sink);
        let notices = self.shared.playout().pour(now);
        self.shared.passed.notify_all();
        for notice in notices {
            self.shared.bell.ring(notice);
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::OpenGate => {
                self.gate.open(&mut self.sink);
                self.shared.has_begun.store(true, Ordering::Release);
            }
            Command::CloseGate => self.gate.close(now, &mut self.sink),
            Command::DropGate => self.gate.discard(),
            Command::Listen(ear) => self.intake = ear.map(Intake::new),
            Command::Refer(far_end) => self.reference = far_end.map(Reference::new),
            Command::Process(processing) => self.front.process(processing),
            Command::Guard(is_guarded) => self.front.set_guard(is_guarded),
            Command::Tap(tap) => self.tap = tap,
            Command::Stop => self.is_stopped = true,
        }
    }

    fn listen(&mut self) {
        // Read before the samples: what was spoken before the end is in the ring by now.
        let ends = self.shared.input_ended.swap(false, Ordering::Acquire);
        let is_muted = self.shared.is_muted.load(Ordering::Relaxed);
        let is_playing = self.shared.playout().is_playing();
        if let Some(mut intake) = self.intake.take() {
            intake.drain(|near| self.frame(near, is_muted, is_playing));
            self.intake = Some(intake);
            *self.shared.echo.lock().unwrap_or_else(PoisonError::into_inner) = self.front.echo();
        } else {
            self.duck(false);
        }
        if ends {
            self.has_input_ended = true;
            (self.sink)(Captured::InputEnded);
        }
    }

    /// 10 ms of the microphone.
    fn frame(&mut self, near: &[f32; FRAME], is_muted: bool, is_playing: bool) {
        let mut far = [0.0; FRAME];
        if let Some(reference) = &mut self.reference {
            reference.frame(&mut far);
        }
        let step = self.front.frame(near, &far, is_playing, is_muted);
        let clean = self.front.clean();
        if let Some(tap) = &mut self.tap {
            tap(Pair { raw: near, clean, far: &far });
        }
        if step.is_barge_in {
            (self.sink)(Captured::BargeIn);
        }
        let (gate, held, sink) = (&mut self.gate, &mut self.held, &mut self.sink);
        self.outlet.push(clean, |samples| held.frame(samples, step.pass, |samples| gate.frame(samples, sink)));
        self.duck(step.is_ducked);
        self.watch_silence(near, is_muted);
    }

    fn duck(&mut self, is_ducked: bool) {
        if std::mem::replace(&mut self.is_ducked, is_ducked) != is_ducked {
            self.shared.playout().duck(is_ducked);
        }
    }

    fn watch_silence(&mut self, near: &[f32; FRAME], is_muted: bool) {
        let is_watched = self.gate.is_open() && !is_muted && !self.has_input_ended;
        if let Some(is_silent) = self.silence.frame(decibels(power(near)), is_watched) {
            self.shared.bell.ring(if is_silent { Notice::Silent } else { Notice::Audible });
        }
    }

    fn rest(&self) -> Duration {
        let playout = self.shared.playout().deadline();
        let next = [self.gate.deadline(), playout].into_iter().flatten().min();
        next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()).min(IDLE))
    }
}
