//! The microphone's way through the pipeline: front end, wire rate, guard, gate, sink.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::front::{FRAME, Far, Front, Processing};
use crate::gate::Gate;
use crate::guard::Held;
use crate::intake::{Outlet, SilenceWatch};
use crate::level::{decibels, power};
use crate::parcel::Parcels;
use crate::pipeline::Shared;
use crate::reference::{FarEnd, Reference};
use crate::{Captured, Notice};

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
    /// How much later than it was played it stands beside the microphone.
    pub far_held: Duration,
}

/// Sees every frame on the pipeline thread; must not block.
pub type Tap = Box<dyn FnMut(Pair<'_>) + Send>;

/// Everything between the microphone's frames and the sink.
pub(crate) struct Microphone {
    shared: Arc<Shared>,
    pub(crate) front: Front,
    pub(crate) tap: Option<Tap>,
    reference: Option<Reference>,
    outlet: Outlet,
    held: Held,
    gate: Gate,
    sink: Parcels,
    silence: SilenceWatch,
    is_ducked: bool,
    is_voice: bool,
    has_input_ended: bool,
}

impl Microphone {
    pub(crate) fn new(shared: Arc<Shared>, sink: Sink, wire_rate: u32, gate: Gate) -> Self {
        Self {
            shared,
            front: Front::new(Processing::default()),
            tap: None,
            reference: None,
            outlet: Outlet::new(wire_rate),
            held: Held::default(),
            gate,
            sink: Parcels::new(sink, wire_rate),
            silence: SilenceWatch::default(),
            is_ducked: false,
            is_voice: false,
            has_input_ended: false,
        }
    }

    pub(crate) fn open_gate(&mut self) {
        self.gate.open(&mut |captured| self.sink.take(captured));
    }

    pub(crate) fn close_gate(&mut self, now: Instant) {
        self.gate.close(now, &mut |captured| self.sink.take(captured));
    }

    pub(crate) fn drop_gate(&mut self) {
        self.gate.discard();
        self.sink.clear();
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.gate.tick(now, &mut |captured| self.sink.take(captured));
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.gate.deadline()
    }

    /// Another speaker, or none: what it plays is the far end.
    pub(crate) fn refer(&mut self, far_end: Option<FarEnd>) {
        self.reference = far_end.map(Reference::new);
    }

    /// 10 ms of the device; `is_playing` while an answer comes out of the speaker.
    pub(crate) fn frame(&mut self, near: &[f32; FRAME], is_playing: bool) {
        let is_muted = self.shared.is_muted.load(Ordering::Relaxed);
        let mut far = [0.0; FRAME];
        let mut far_held = Duration::ZERO;
        if let Some(reference) = &mut self.reference {
            reference.frame(&mut far, |played| self.front.hear(played));
            far_held = reference.held();
        }
        let step = self.front.frame(near, Far { samples: &far, held: far_held }, is_playing, is_muted);
        self.shared.set_echo(self.front.echo());
        self.tell_voice(step.is_voice && !is_muted && self.gate.is_open());
        let clean = self.front.clean();
        if let Some(tap) = &mut self.tap {
            tap(Pair { raw: near, clean, far: &far, far_held });
        }
        if step.is_barge_in {
            tracing::info!(echo = ?self.front.echo(), ?far_held, "the user took the floor");
            self.sink.take(Captured::BargeIn);
        }
        let (gate, held, sink) = (&mut self.gate, &mut self.held, &mut self.sink);
        self.outlet.push(clean, |samples| {
            held.frame(samples, step.pass, |samples| {
                gate.frame(samples, &mut |captured| sink.take(captured));
            })
        });
        self.duck(step.is_ducked);
        self.watch_silence(near, is_muted);
    }

    /// No device is open: nobody can speak over an answer.
    pub(crate) fn rest(&mut self) {
        self.duck(false);
    }

    /// The input file is over.
    pub(crate) fn end_input(&mut self) {
        self.has_input_ended = true;
        self.sink.take(Captured::InputEnded);
    }

    fn duck(&mut self, is_ducked: bool) {
        if std::mem::replace(&mut self.is_ducked, is_ducked) != is_ducked {
            tracing::debug!(is_ducked, echo = ?self.front.echo(), "duck");
            self.shared.playout().duck(is_ducked);
        }
    }

    fn tell_voice(&mut self, is_voice: bool) {
        if std::mem::replace(&mut self.is_voice, is_voice) != is_voice {
            self.sink.take(Captured::Voice(is_voice));
        }
    }

    fn watch_silence(&mut self, near: &[f32; FRAME], is_muted: bool) {
        let is_watched = self.gate.is_open() && !is_muted && !self.has_input_ended;
        if let Some(is_silent) = self.silence.frame(decibels(power(near)), is_watched) {
            self.shared.bell.ring(if is_silent { Notice::Silent } else { Notice::Audible });
        }
    }
}
