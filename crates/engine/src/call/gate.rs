//! The talk key as a state machine: when microphone audio belongs to a turn. Time is a parameter.

use std::time::{Duration, Instant};

/// A press shorter than this locks the turn: it goes on without a finger.
const TAP: Duration = Duration::from_millis(200);
/// The tail takes 150 ms; when its end does not come (the device died), the turn ends anyway after this long.
const TAIL_LIMIT: Duration = Duration::from_millis(1000);

/// Where the talk key is.
#[derive(Debug, Default)]
pub(super) struct Gate {
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

/// What a press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// A second press without a release.
    Nothing,
    /// Begin a turn.
    Begin,
    /// Take the turn before as whole without the rest of its tail, then begin one.
    BeginAnew,
    /// End the locked turn.
    End,
}

/// What a release asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Released {
    /// Nothing changes, or the turn is locked now.
    Nothing,
    /// End the turn.
    End,
    /// The microphone never opened: nothing was said into it.
    Discard,
}

impl Gate {
    pub(super) fn press(&mut self, now: Instant, is_microphone_open: bool) -> Pressed {
        if self.is_locked {
            self.is_locked = false;
            self.ignores_release = true;
            return Pressed::End;
        }
        let asked = match self.state {
            State::Awaiting { .. } | State::Down { .. } => return Pressed::Nothing,
            State::Ending { .. } => Pressed::BeginAnew,
            State::Up => Pressed::Begin,
        };
        self.ignores_release = false;
        self.state = if is_microphone_open { State::Down { since: now } } else { State::Awaiting { since: now } };
        asked
    }

    pub(super) fn release(&mut self, now: Instant) -> Released {
        if std::mem::take(&mut self.ignores_release) || self.is_locked {
            return Released::Nothing;
        }
        let (since, is_microphone_open) = match self.state {
            State::Awaiting { since } => (since, false),
            State::Down { since } => (since, true),
            State::Up | State::Ending { .. } => return Released::Nothing,
        };
        if now.saturating_duration_since(since) < TAP {
            self.is_locked = true;
            return Released::Nothing;
        }
        if is_microphone_open { Released::End } else { Released::Discard }
    }

    /// The microphone is open now. Whether a press waited for it.
    pub(super) fn microphone_opened(&mut self) -> bool {
        let State::Awaiting { since } = self.state else { return false };
        self.state = State::Down { since };
        true
    }

    /// The turn ends; its tail flows.
    pub(super) fn end(&mut self, now: Instant) {
        self.is_locked = false;
        self.state = State::Ending { since: now };
    }

    /// The turn is whole or dropped.
    pub(super) fn close(&mut self) {
        self.is_locked = false;
        self.state = State::Up;
    }

    /// Open mode: audio flows all the time.
    pub(super) fn open_for_good(&mut self) {
        self.is_open = true;
    }

    /// When the tail is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Ending { since } => Some(since + TAIL_LIMIT),
            State::Up | State::Awaiting { .. } | State::Down { .. } => None,
        }
    }

    /// A turn is being captured, or its microphone opens, or its tail flows.
    pub(super) fn is_recording(&self) -> bool {
        self.state != State::Up
    }

    /// Something was or could be said into the turn.
    pub(super) fn has_audio(&self) -> bool {
        matches!(self.state, State::Down { .. } | State::Ending { .. })
    }

    /// The finger is down or locked and the microphone is open.
    pub(super) fn is_capturing(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending { .. })
    }

    /// Audio flows to the session.
    pub(super) fn is_flowing(&self) -> bool {
        self.is_open || self.has_audio()
    }

    pub(super) fn is_locked(&self) -> bool {
        self.is_locked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_hold_begins_and_ends_a_turn() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.press(now, true), Pressed::Begin);
        assert!(gate.is_capturing());
        assert_eq!(gate.release(now + 200 * MS), Released::End);
    }

    #[test]
    fn a_tap_locks_and_the_next_press_ends_the_turn() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        gate.press(now, true);
        assert_eq!(gate.release(now + 199 * MS), Released::Nothing);
        assert!(gate.is_locked() && gate.is_capturing());
        assert_eq!(gate.press(now + 3000 * MS, true), Pressed::End);
        gate.end(now + 3000 * MS);
        assert_eq!(gate.release(now + 3300 * MS), Released::Nothing, "the release of that press ends nothing more");
        assert!(gate.is_ending());
    }

    #[test]
    fn a_second_press_without_a_release_changes_nothing() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        gate.press(now, true);
        assert_eq!(gate.press(now + 30 * MS, true), Pressed::Nothing);
        assert_eq!(gate.release(now + 500 * MS), Released::End);
    }

    #[test]
    fn a_hold_shorter_than_the_opening_of_the_microphone_is_dropped() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.press(now, false), Pressed::Begin);
        assert!(!gate.has_audio());
        assert_eq!(gate.release(now + 400 * MS), Released::Discard);
    }

    #[test]
    fn a_press_waits_for_the_microphone() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        gate.press(now, false);
        assert!(gate.microphone_opened());
        assert!(gate.is_capturing());
        assert!(!Gate::default().microphone_opened(), "nobody waits");
    }

    #[test]
    fn a_press_into_the_tail_begins_anew() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        gate.press(now, true);
        gate.end(now + 500 * MS);
        assert_eq!(gate.deadline(), Some(now + 1500 * MS));
        assert_eq!(gate.press(now + 550 * MS, true), Pressed::BeginAnew);
        assert!(gate.is_capturing());
    }
}
