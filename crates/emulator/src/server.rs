//! What all connections of one emulator share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{broadcast, watch};

use crate::Command;
use crate::fault::{Fault, FaultKind};
use crate::record::Recorder;
use crate::script::{Answer, Script};

/// Commands that a slow connection may be behind.
const COMMANDS: usize = 1024;

/// Script, faults left, answers left, record.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) script: Script,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) commands: broadcast::Sender<Command>,
    /// Turns true when the emulator is dropped.
    pub(crate) stopped: watch::Sender<bool>,
    answers: Mutex<VecDeque<Answer>>,
    connections: AtomicU64,
}

impl Server {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            faults: Faults(Mutex::new(script.faults.clone())),
            recorder: Recorder::new(script.keep_events),
            commands: broadcast::Sender::new(COMMANDS),
            stopped: watch::Sender::new(false),
            answers: Mutex::new(script.answers.clone().into()),
            connections: AtomicU64::new(0),
            script,
        }
    }

    pub(crate) fn next_answer(&self) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.pop_front().unwrap_or(Answer::Practice)
    }

    /// A seed for one more connection: the same for the same script and order.
    pub(crate) fn next_seed(&self) -> u64 {
        let index = self.connections.fetch_add(1, Ordering::Relaxed);
        self.script.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index)
    }
}

/// Faults and how often they may still strike.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Whether the fault strikes now; one strike less is left.
    pub(crate) fn strikes(&self, kind: FaultKind) -> bool {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(fault) = faults.iter_mut().find(|fault| fault.kind == kind && fault.times != Some(0)) else {
            return false;
        };
        fault.times = fault.times.map(|times| times - 1);
        true
    }

    /// Whether the fault is on.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().any(|fault| fault.kind == kind && fault.times != Some(0))
    }
}
