//! What the ear is told: cues, and that a voice speaks into a muted microphone.

use std::time::{Duration, Instant};

use audio::Cue;

use crate::api::Note;
use crate::board::Board;

use super::Call;

/// Louder than this, in dBFS, somebody speaks into the microphone.
const VOICE: f32 = -40.0;
/// Pauses up to this long belong to the speech.
const PAUSE: Duration = Duration::from_millis(400);
/// Speech this long is meant for the microphone.
const MEANT: Duration = Duration::from_secs(1);
/// Least time between two hints.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the level is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Notices that somebody speaks while the microphone is muted. Time is a parameter.
#[derive(Debug, Default)]
pub(super) struct MutedVoice {
    next: Option<Instant>,
    /// When the speech began, and when it was last heard.
    speech: Option<(Instant, Instant)>,
    told: Option<Instant>,
}

impl MutedVoice {
    /// Begins to listen, or goes on, or ends it.
    pub(super) fn keep(&mut self, is_muted: bool, now: impl FnOnce() -> Instant) {
        if is_muted {
            self.next.get_or_insert_with(now);
        } else if self.next.is_some() {
            (self.next, self.speech) = (None, None);
        }
    }

    /// When to look next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Takes the microphone's level in dBFS, if it is time. Whether to tell the user now.
    pub(super) fn look(&mut self, now: Instant, level: impl FnOnce() -> f32) -> bool {
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        self.next = Some(now + LOOK);
        let is_going_on = |last: Instant| now.saturating_duration_since(last) <= PAUSE;
        let since = self.speech.filter(|(_, last)| is_going_on(*last)).map(|(since, _)| since);
        if level() < VOICE {
            if since.is_none() {
                self.speech = None;
            }
            return false;
        }
        let since = since.unwrap_or(now);
        self.speech = Some((since, now));
        let is_meant = now.saturating_duration_since(since) >= MEANT;
        let is_news = self.told.is_none_or(|told| now.saturating_duration_since(told) >= PATIENCE);
        if is_meant && is_news {
            self.told = Some(now);
        }
        is_meant && is_news
    }
}

impl Call {
    /// Plays a cue, if the user wants to hear any.
    pub(super) fn cue(&self, cue: Cue, board: &Board) {
        if board.settings().audio.cues {
            self.sound.cue(cue);
        }
    }

    /// The tail of a turn is there.
    pub(super) fn tail_captured(&mut self, board: &mut Board) {
        if self.gate.is_ending() {
            self.turn_captured(board);
            if self.link.is_ready() && self.session.is_answer_owed() {
                self.cue(Cue::Sent, board);
            }
        }
    }

    /// Somebody may speak into the muted microphone. Nobody else is to be taken for him.
    pub(super) fn listen_while_muted(&mut self, now: Instant, board: &mut Board) {
        let level = || if self.is_audible { f32::MIN } else { self.sound.level() };
        if self.muted_voice.look(now, level) {
            board.note(Note::SpeakingMuted);
            self.cue(Cue::Muted, board);
        }
    }

    /// Makes a new problem heard.
    pub(super) fn sound_out_problem(&mut self, board: &Board) {
        let code = board.problem().map(|problem| problem.code);
        if std::mem::replace(&mut self.heard_problem, code) != code && code.is_some() {
            self.cue(Cue::Failed, board);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When the user is told, in ms, while the level goes as it does: dBFS and for how long, ms.
    fn told(levels: &[(f32, u32)]) -> Vec<u32> {
        let (mut voice, start) = (MutedVoice::default(), Instant::now());
        voice.keep(true, || start);
        let (mut told, mut at) = (Vec::new(), 0);
        for (level, ms) in levels {
            for _ in 0..ms / 100 {
                if voice.look(start + at * MS, || *level) {
                    told.push(at);
                }
                at += 100;
            }
        }
        told
    }

    #[test]
    fn a_second_of_speech_into_a_muted_microphone_is_told() {
        assert_eq!(told(&[(-60.0, 2_000), (-30.0, 3_000)]), [3_000]);
    }

    #[test]
    fn syllables_are_one_speech() {
        assert_eq!(told(&[(-30.0, 400), (-60.0, 300), (-30.0, 500)]), [1_000]);
    }

    #[test]
    fn a_cough_and_a_quiet_room_are_not_speech() {
        assert!(told(&[(-20.0, 500), (-60.0, 2_000), (-20.0, 500), (-45.0, 10_000)]).is_empty());
    }

    #[test]
    fn it_is_told_once_in_30_s() {
        assert_eq!(told(&[(-30.0, 70_000)]), [1_000, 31_000, 61_000]);
    }

    #[test]
    fn an_open_microphone_is_not_watched() {
        let (mut voice, start) = (MutedVoice::default(), Instant::now());
        voice.keep(true, || start);
        assert!(!voice.look(start, || -20.0));
        voice.keep(false, || start);
        assert_eq!(voice.deadline(), None);
        assert!(!voice.look(start + 5_000 * MS, || -20.0));
        voice.keep(true, || start + 5_000 * MS);
        assert!(!voice.look(start + 5_000 * MS, || -20.0), "what was said before is forgotten");
    }
}
