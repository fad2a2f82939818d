//! What becomes of a call when its devices open, fail, capture and play.

use std::time::{Duration, Instant};

use audio::{Captured, Cue, Direction, Notice as SoundNotice};
use protocol::{Input, ItemId};

use crate::api::{Code, Mode, Note, Problem};
use crate::board::Board;
use crate::config::Settings;

use super::{Call, sound_problem};

/// A device that failed is reopened or replaced within this time; only then is there something to tell.
const REOPENING: Duration = Duration::from_secs(2);

impl Call {
    pub(super) fn sound_opened(&mut self, board: &mut Board) {
        self.sound.mute(self.is_muted);
        self.begin_recording();
        if board.problem().is_some_and(|problem| is_about_devices(problem.code)) {
            board.set_problem(None);
        }
        match board.settings().call.mode {
            Mode::Ptt => {
                if self.gate.microphone_opened() {
                    self.sound.open_gate();
                    self.cue(Cue::Armed, board);
                }
            }
            Mode::Open => {
                self.open_microphone();
                self.cue(Cue::Armed, board);
            }
        }
    }

    /// Takes what a sound check found of the devices in use.
    pub(crate) fn calibrate(&mut self, calibration: Option<audio::Calibration>, settings: &Settings) {
        self.sound.calibrate(calibration, settings);
    }

    pub(super) fn sound_failed(&mut self, error: &audio::Error, board: &mut Board) {
        self.discard_recording(board);
        board.set_problem(Some(sound_problem(error)));
    }

    pub(super) fn sound_notice(&mut self, notice: SoundNotice, board: &mut Board) {
        if self.takes_replay_notice(&notice) {
            return;
        }
        match notice {
            SoundNotice::Started(key) => self.first_sound(ItemId(key.0), board),
            SoundNotice::Finished(key) => {
                let item = ItemId(key.0);
                self.queued.remove(&item);
                self.recordings.ended(item);
                self.is_audible = self.is_audible && !self.queued.is_empty();
                self.input(Input::Played(item), board);
            }
            SoundNotice::Opened { direction, name, is_fallback } => {
                self.device_opened(direction, name, is_fallback, board);
            }
            SoundNotice::Lost { direction, error } => {
                // Most devices are back before anybody misses them.
                let patience =
                    self.lost_device.as_ref().map_or_else(|| Instant::now() + REOPENING, |(until, _)| *until);
                self.lost_device = Some((patience, sound_problem(&error)));
                self.has_lost_microphone |= direction == Direction::Input;
            }
            SoundNotice::Silent => board
                .set_problem(Some(Problem { code: Code::MicrophoneSilent, detail: "three seconds of silence".into() })),
            SoundNotice::Audible => {
                if board.problem().is_some_and(|problem| problem.code == Code::MicrophoneSilent) {
                    board.set_problem(None);
                }
            }
        }
    }

    fn device_opened(&mut self, direction: Direction, name: String, is_fallback: bool, board: &mut Board) {
        self.has_lost_microphone &= direction != Direction::Input;
        if !self.has_lost_microphone {
            self.lost_device = None;
        }
        let is_over =
            |code| is_about_devices(code) && (code != Code::MicrophoneSilent || direction == Direction::Input);
        if board.problem().is_some_and(|problem| is_over(problem.code)) {
            board.set_problem(None);
        }
        let was_fallback = std::mem::replace(
            match direction {
                Direction::Input => &mut self.has_other_microphone,
                Direction::Output => &mut self.has_other_speaker,
            },
            is_fallback,
        );
        match (was_fallback, is_fallback) {
            (_, true) => board.note(Note::DeviceReplaced { name: name.clone() }),
            (true, false) => board.note(Note::DeviceBack { name: name.clone() }),
            (false, false) => {}
        }
        board.set_devices(|devices| match direction {
            Direction::Input => devices.input_in_use = Some(name),
            Direction::Output => devices.output_in_use = Some(name),
        });
    }

    /// A device that did not come back in time.
    pub(super) fn device_stays_lost(&mut self, board: &mut Board) {
        if let Some((_, problem)) = self.lost_device.take() {
            if std::mem::take(&mut self.has_lost_microphone) {
                // Nothing more can be said into this turn.
                self.finish_recording(board);
            }
            board.set_problem(Some(problem));
        }
    }

    pub(super) fn first_sound(&mut self, item: ItemId, board: &mut Board) {
        if !self.queued.contains(&item) {
            return; // it was flushed meanwhile
        }
        self.is_audible = true;
        self.mark_answer(item);
        let told = self.stopwatch.sound(item, Instant::now() + self.sound.output_latency());
        self.keep_waterfall(told, board);
    }

    pub(super) fn captured(&mut self, captured: Captured, board: &mut Board) {
        if self.sound.has_overflowed() {
            board.note(Note::NetworkTooSlow);
        }
        match captured {
            Captured::Frame(pcm) => {
                if is_voiced(&pcm) {
                    self.stopwatch.voice(Instant::now());
                }
                self.input(Input::Audio(&pcm), board);
                self.journal_speech();
            }
            Captured::Voice(is_voice) => self.input(Input::Voice(is_voice), board),
            Captured::End => self.tail_captured(board),
            Captured::BargeIn => {
                self.silence_replay();
                self.input(Input::BargeIn, board);
            }
            Captured::InputEnded => {
                self.is_input_over = true;
                if board.settings().call.mode == Mode::Ptt && self.gate.is_capturing() {
                    self.end_turn();
                }
            }
        }
    }
}

/// Louder than the noise of a quiet room (-46 dBFS): good enough to time a turn by, not to detect speech.
fn is_voiced(pcm: &[i16]) -> bool {
    const THRESHOLD: f64 = 164.0;
    let power: f64 = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    power > THRESHOLD.powi(2) * pcm.len() as f64
}

pub(super) fn is_about_devices(code: Code) -> bool {
    matches!(
        code,
        Code::NoMicrophone | Code::MicrophoneRefused | Code::MicrophoneSilent | Code::NoSpeaker | Code::DeviceLost
    )
}
