//! The user's turns: what the talk key does to a call.

use std::time::Instant;

use protocol::Input;

use crate::api::{Mode, Note};
use crate::board::Board;

use super::gate::{self, Due, Gate, Pressed, Released};
use super::{Call, view};

impl Call {
    /// The talk key goes down.
    pub(crate) fn press(&mut self, board: &mut Board) {
        self.silence_replay();
        match board.settings().call.mode {
            Mode::Ptt => self.press_to_talk(board),
            Mode::Open => self.press_to_hold_floor(board),
        }
        self.settle(board);
    }

    /// Open mode: begins the call, or stops the answer; and nothing is answered as long as the key is down.
    fn press_to_hold_floor(&mut self, board: &mut Board) {
        if !self.sound.is_open() || self.link.is_idle() {
            self.start(board);
        } else {
            self.stop(board);
        }
        self.gate.hold_floor(Instant::now());
        self.input(Input::HoldFloor(true), board);
    }

    fn press_to_talk(&mut self, board: &mut Board) {
        if self.is_muted && !self.gate.is_recording() {
            return; // silence is no turn
        }
        match self.gate.press(Instant::now(), self.sound.is_open()) {
            Pressed::Nothing => return,
            Pressed::End => return self.end_turn(),
            Pressed::Resume => return self.sound.open_gate(),
            Pressed::BeginAnew => {
                self.sound.drop_gate();
                self.hand_in(board);
            }
            Pressed::Begin => {}
        }
        self.begin(board);
        self.input(Input::Press, board);
        let supply = self.connect(board);
        self.stopwatch.begin(supply);
        if self.sound.is_open() {
            self.sound.open_gate();
        } else {
            self.open_sound(board);
        }
    }

    /// The talk key goes up.
    pub(crate) fn release(&mut self, board: &mut Board) {
        let asked = self.gate.release(Instant::now());
        self.released(asked, board);
        self.settle(board);
    }

    pub(super) fn released(&mut self, asked: Released, board: &mut Board) {
        match asked {
            Released::Nothing => {}
            Released::End => self.end_turn(),
            Released::Discard => {
                self.discard_recording(board);
                board.note(Note::NotOpenYet);
            }
            Released::FreeFloor => self.input(Input::HoldFloor(false), board),
        }
    }

    /// What time has brought to the turn.
    pub(super) fn turn_due(&mut self, due: Due, board: &mut Board) {
        match due {
            Due::Tail => self.turn_captured(board),
            Due::Warning => board.note(Note::TurnEndsSoon { seconds: view::millis(gate::WARNING) / 1000 }),
            Due::Limit => {
                board.note(Note::TurnEnded);
                let asked = self.gate.leave();
                self.released(asked, board);
            }
        }
    }

    /// The turn that is being recorded is dropped.
    pub(crate) fn discard(&mut self, board: &mut Board) {
        self.discard_recording(board);
        self.settle(board);
    }

    /// No more is spoken; the tail is still captured.
    pub(super) fn end_turn(&mut self) {
        self.gate.end(Instant::now());
        self.sound.close_gate();
    }

    /// All audio of the turn is there.
    pub(super) fn turn_captured(&mut self, board: &mut Board) {
        if self.gate.is_ending() {
            self.gate.close();
            self.hand_in(board);
        }
    }

    /// The session gets the turn as a whole.
    fn hand_in(&mut self, board: &mut Board) {
        self.close_turn(board);
        self.stopwatch.end(Instant::now());
        self.input(Input::Release, board);
    }

    /// Keeps what was spoken so far as a whole turn.
    pub(super) fn finish_recording(&mut self, board: &mut Board) {
        if !self.gate.has_audio() {
            return self.discard_recording(board);
        }
        self.sound.drop_gate();
        self.gate.close();
        self.hand_in(board);
    }

    pub(super) fn discard_recording(&mut self, board: &mut Board) {
        if !self.gate.is_recording() {
            return;
        }
        self.sound.drop_gate();
        self.gate.close();
        self.input(Input::Discard, board);
    }

    /// Open mode: audio flows all the time.
    pub(super) fn open_microphone(&self) {
        self.sound.guard(true);
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
                self.sound.guard(false);
                self.sound.drop_gate();
            }
        }
    }
}
