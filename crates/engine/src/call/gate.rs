//! The user's finger: when microphone audio belongs to a turn.

use std::time::{Duration, Instant};

use protocol::Input;

use crate::api::Mode;
use crate::board::Board;

use super::Call;

/// A press shorter than this locks the turn: it goes on without a finger.
const TAP: Duration = Duration::from_millis(200);
/// The tail takes 150 ms; when its end does not come (the device died), the turn ends anyway after this long.
const TAIL_LIMIT: Duration = Duration::from_millis(1000);

/// Where the talk key is.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: State,
    is_locked: bool,
    /// The press that ended a locked turn still has its release to come.
    ignores_release: bool,
    /// The microphone is open for good (open mode).
    is_open: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Up,
    /// Pressed, the microphone is not open yet.
    Awaiting { since: Instant },
    /// Pressed or locked, audio flows.
    Down { since: Instant },
    /// Released, the tail still flows.
    Ending { since: Instant },
}

impl Gate {
    /// A turn is being captured (also while its microphone opens).
    pub(super) fn is_recording(&self) -> bool {
        self.state != State::Up
    }

    /// The finger is down or locked and the microphone is open.
    pub(super) fn is_capturing(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// Audio flows to the session.
    pub(super) fn is_capturing_or_open(&self) -> bool {
        self.is_open || matches!(self.state, State::Down { .. } | State::Ending { .. })
    }

    pub(super) fn is_locked(&self) -> bool {
        self.is_locked
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Ending { since } => Some(since + TAIL_LIMIT),
            State::Up | State::Awaiting { .. } | State::Down { .. } => None,
        }
    }

    /// The microphone is open now. Whether a press waited for it.
    pub(super) fn sound_opened(&mut self) -> bool {
        let State::Awaiting { since } = self.state else { return false };
        self.state = State::Down { since };
        true
    }

    /// How long the key is down.
    fn held(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Awaiting { since } | State::Down { since } => Some(now.saturating_duration_since(since)),
            State::Up | State::Ending { .. } => None,
        }
    }
}

impl Call {
    /// The talk key goes down.
    pub(crate) fn press(&mut self, board: &mut Board) {
        match board.settings().call.mode {
            Mode::Ptt => self.press_to_talk(board),
            Mode::Open if self.started_at.is_none() || self.link.is_idle() => self.start(board),
            Mode::Open => self.stop(board),
        }
        self.settle(board);
    }

    fn press_to_talk(&mut self, board: &mut Board) {
        if self.gate.is_locked {
            self.gate.ignores_release = true;
            self.end_turn();
            return;
        }
        match self.gate.state {
            State::Awaiting { .. } | State::Down { .. } => return, // a second press without a release
            State::Ending { .. } => {
                self.sound.drop_gate();
                self.turn_captured(board);
            }
            State::Up => {}
        }
        self.begin(board);
        self.input(Input::Press, board);
        self.link.dial(board.settings());
        let since = Instant::now();
        if self.sound.is_open() {
            self.sound.open_gate();
            self.gate.state = State::Down { since };
        } else {
            self.sound.open(board.settings());
            self.gate.state = State::Awaiting { since };
        }
    }

    /// The talk key goes up.
    pub(crate) fn release(&mut self, board: &mut Board) {
        if std::mem::take(&mut self.gate.ignores_release) || self.gate.is_locked {
            return;
        }
        match self.gate.held(Instant::now()) {
            Some(held) if held < TAP => self.gate.is_locked = true,
            Some(_) if self.gate.is_capturing() => self.end_turn(),
            Some(_) => self.discard_recording(board), // the microphone never opened: nothing was said into it
            None => {}
        }
        self.settle(board);
    }

    /// The turn that is being recorded is dropped.
    pub(crate) fn discard(&mut self, board: &mut Board) {
        self.discard_recording(board);
        self.settle(board);
    }

    /// No more is spoken; the tail is still captured.
    pub(super) fn end_turn(&mut self) {
        let now = Instant::now();
        self.gate.is_locked = false;
        self.turn_ended = Some(now);
        self.gate.state = State::Ending { since: now };
        self.sound.close_gate();
    }

    /// All audio of the turn is there.
    pub(super) fn turn_captured(&mut self, board: &mut Board) {
        if matches!(self.gate.state, State::Ending { .. }) {
            self.gate.state = State::Up;
            self.input(Input::Release, board);
        }
    }

    /// Keeps what was spoken so far as a whole turn.
    pub(super) fn finish_recording(&mut self, board: &mut Board) {
        match self.gate.state {
            State::Down { .. } | State::Ending { .. } => {
                self.sound.drop_gate();
                self.gate.state = State::Up;
                self.input(Input::Release, board);
            }
            State::Awaiting { .. } => self.discard_recording(board),
            State::Up => {}
        }
    }

    pub(super) fn discard_recording(&mut self, board: &mut Board) {
        if !self.gate.is_recording() {
            return;
        }
        self.sound.drop_gate();
        self.gate.state = State::Up;
        self.gate.is_locked = false;
        self.input(Input::Discard, board);
    }

    /// Open mode: audio flows all the time.
    pub(super) fn open_microphone(&mut self) {
        self.gate.is_open = true;
        self.sound.open_gate();
    }

    /// Push to talk or open microphone, changed in mid-call.
    pub(super) fn change_mode(&mut self, mode: Mode, board: &mut Board) {
        self.is_speech = false;
        match mode {
            Mode::Open => {
                self.discard_recording(board);
                if self.sound.is_open() {
                    self.open_microphone();
                }
            }
            Mode::Ptt => {
                self.gate = Gate::default();
                self.sound.drop_gate();
            }
        }
    }
}
