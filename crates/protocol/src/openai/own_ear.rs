//! The open microphone while no provider listens: the caller's own detector tells when somebody speaks. Turns are cut by
//! it, so that what was said is listed, kept and sent like everything else. Of a connection that was dead before anybody
//! knew, it tells what the provider cannot have heard.

use std::time::Duration;

use super::realtime::Realtime;
use super::settings::silence_that_ends_a_turn;
use super::timeline::duration_of;
use super::turn::{LONGEST, MOST_KEPT};
use crate::{Cause, Event, Fault, SAMPLE_RATE};

const PER_MS: usize = SAMPLE_RATE as usize / 1_000;
/// What is shorter than this is a cough, in samples.
const SHORTEST: usize = 300 * PER_MS;
/// Sound from before the detector noticed anything, in samples.
const BEFORE: usize = 500 * PER_MS;
/// A provider that has not noticed a turn so long after its end will not, in samples.
const NOTICE: usize = 3_000 * PER_MS;
/// After so much silence, in samples, what the provider did not take for speech was none.
const NO_SPEECH: usize = 20_000 * PER_MS;
/// Quieter than this is the silence that stands in for what is kept from the provider (-40 dBFS).
const SOUND: u16 = 328;

/// A turn ends after this much silence at the latest, whatever the provider's patience, in ms.
const PATIENCE: u32 = 2_000;

/// What the caller's detector says.
#[derive(Debug, Default)]
pub(super) struct OwnEar {
    is_voice: bool,
    /// Length of the present speech, and of the present silence, in samples.
    voiced: usize,
    silent: usize,
    /// Samples since the first speech that the provider has not noticed.
    unnoticed: Option<usize>,
    /// The user knows that there is no room for the present speech.
    has_told: bool,
}

impl OwnEar {
    pub(super) fn hears(&mut self, is_voice: bool) {
        if is_voice != self.is_voice {
            *self = Self { is_voice, unnoticed: self.unnoticed, ..Self::default() };
        }
        if is_voice {
            self.unnoticed.get_or_insert(0);
        }
    }

    /// The provider noticed what was said.
    pub(super) fn noticed(&mut self) {
        self.unnoticed = None;
    }

    /// So many samples came.
    pub(super) fn count(&mut self, samples: usize) {
        let length = if self.is_voice { &mut self.voiced } else { &mut self.silent };
        *length += samples;
        self.unnoticed = self.unnoticed.map(|before| before + samples).filter(|_| self.silent < NO_SPEECH);
    }

    /// Silence counts from now on.
    pub(super) fn begin_anew(&mut self) {
        self.silent = 0;
    }
}

impl Realtime {
    /// Without a connection, what came last begins a turn, belongs to one or ends it.
    pub(super) fn cut_turn(&mut self) {
        if self.state.is_ready() {
            return; // It waits for the ear, and will be heard.
        }
        let pause = silence_that_ends_a_turn(self.config.turn_taking).min(PATIENCE) as usize * PER_MS;
        match self.resumed {
            None if self.own_ear.voiced >= SHORTEST => self.begin_turn(),
            None => {}
            Some(_) if (self.own_ear.silent >= pause && !self.is_floor_held) || self.backlog.len() >= LONGEST => {
                if let Some(id) = self.end_resumed() {
                    self.emit(Event::SpeechStopped);
                    self.wait(id);
                }
            }
            Some(id) => {
                let spoken = duration_of(self.backlog.len() as u64);
                let Some((item, _)) = self.timeline.utterance_mut(id) else { return };
                if spoken.saturating_sub(item.duration) >= Duration::from_millis(250) {
                    item.duration = spoken;
                    self.tell(id);
                }
            }
        }
    }

    fn begin_turn(&mut self) {
        if self.kept_samples() >= MOST_KEPT {
            return self.tell_no_room();
        }
        let kept = self.own_ear.voiced + BEFORE;
        self.backlog.drain(..self.backlog.len().saturating_sub(kept));
        self.resume_new();
    }

    fn tell_no_room(&mut self) {
        if !std::mem::replace(&mut self.own_ear.has_told, true) {
            let message = "So much waits to be sent already that what you say now is not recorded.".to_owned();
            self.emit(Event::Fault(Fault::new(Cause::Response, None, message)));
        }
    }

    /// The connection died: where what was said begins that the provider has not noticed, in samples. It becomes a turn.
    pub(super) fn unnoticed_speech(&mut self) -> Option<u64> {
        let since = self.own_ear.unnoticed.take()? + BEFORE;
        let end = self.link.ring.end();
        let from = end.saturating_sub(since as u64).max(self.link.committed_at);
        let sounds = self.link.ring.cut(from, end).into_iter().filter(|sample| sample.unsigned_abs() > SOUND).count();
        // A voice passes that level in about every second sample.
        if sounds < SHORTEST / 2 || self.kept_samples() >= MOST_KEPT {
            return None;
        }
        self.resume_new();
        Some(from)
    }

    /// What is said from here on belongs to a new turn.
    fn resume_new(&mut self) {
        let id = self.timeline.push_speech();
        self.resumed = Some(id);
        self.emit(Event::SpeechStarted);
        self.tell(id);
    }

    /// A turn that began without a connection went through the provider's ear, which took it for no speech: it waits for
    /// the user.
    pub(super) fn give_up_unnoticed(&mut self) {
        if self.own_ear.silent < NOTICE || self.link.speech.is_some() || self.is_floor_held {
            return;
        }
        if let Some(id) = self.end_resumed() {
            self.emit(Event::SpeechStopped);
            self.keep_for_user(id, "The provider heard no speech in this.");
            if let Some(now) = self.now {
                self.pump(now);
            }
        }
    }
}
