//! The talk key as a state machine: when microphone audio belongs to a turn. Time is a parameter.
//!
//! A hold talks for as long as it lasts. A tap locks: the turn goes on without a finger until the next press. A second
//! tap right behind it (a double tap) is meant the same way, so it does not end what the first one began.

use std::time::{Duration, Instant};

/// A press shorter than this locks the turn.
const TAP: Duration = Duration::from_millis(200);
/// X11 repeats a held key as pairs of up and down: a key that is down again within this time was never let go of.
const GRACE: Duration = Duration::from_millis(50);
/// A press this soon after a tap belongs to a double tap.
const DOUBLE_TAP: Duration = Duration::from_millis(400);
/// The tail takes 150 ms; when its end does not come (the device died), the turn ends anyway after this long.
const TAIL_LIMIT: Duration = Duration::from_millis(1000);
/// Longest turn: a key that something lies on must not send for ever.
const LONGEST: Duration = Duration::from_secs(300);
/// How long before that the user is warned.
pub(super) const WARNING: Duration = Duration::from_secs(30);

/// Where the talk key is, and what becomes of the turn.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: State,
    key: Key,
    /// When the last hold was let go of, and when it had begun.
    let_go: Option<(Instant, Instant)>,
    /// The press that ended a locked turn still has its release to come.
    ignores_release: bool,
    /// When the turn, or the holding of the floor, began; and whether its end was announced.
    begun: Option<Instant>,
    is_warned: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    /// The microphone is not open yet.
    Awaiting,
    /// Audio flows.
    Flowing,
    /// The turn is over, its tail still flows.
    Ending { since: Instant },
    /// Open mode: the key holds the floor.
    Floor,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Key {
    #[default]
    Up,
    Down {
        since: Instant,
    },
    /// Tapped: `since` it was down, and `at` which moment it was let go of.
    Locked {
        since: Instant,
        at: Instant,
    },
}

/// What a press asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// A second press without a release, or the second tap of two.
    Nothing,
    /// Begin a turn.
    Begin,
    /// Take the turn before as whole without the rest of its tail, then begin one.
    BeginAnew,
    /// The key was never let go of: go on with the turn.
    Resume,
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
    /// The floor is free.
    FreeFloor,
}

/// What time has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The tail did not end by itself: the turn is whole without it.
    Tail,
    /// The turn will be ended after [`WARNING`].
    Warning,
    /// The turn is too long: end it.
    Limit,
}

impl Gate {
    pub(super) fn press(&mut self, now: Instant, is_microphone_open: bool) -> Pressed {
        let since = |at: Instant| now.saturating_duration_since(at);
        match self.key {
            Key::Down { .. } => return Pressed::Nothing,
            Key::Locked { since: began, at } if since(at) < GRACE => {
                self.key = Key::Down { since: began };
                return Pressed::Nothing;
            }
            Key::Locked { at, .. } if since(at) < DOUBLE_TAP => {
                self.key = Key::Down { since: now };
                return Pressed::Nothing;
            }
            Key::Locked { .. } => {
                self.key = Key::Up;
                self.ignores_release = true;
                return Pressed::End;
            }
            Key::Up => {}
        }
        self.ignores_release = false;
        let is_ending = matches!(self.state, State::Ending { .. });
        if let Some((_, began)) = self.let_go.take().filter(|(at, _)| is_ending && since(*at) < GRACE) {
            self.key = Key::Down { since: began };
            self.state = State::Flowing;
            return Pressed::Resume;
        }
        self.key = Key::Down { since: now };
        self.state = if is_microphone_open { State::Flowing } else { State::Awaiting };
        (self.begun, self.is_warned) = (Some(now), false);
        if is_ending { Pressed::BeginAnew } else { Pressed::Begin }
    }

    /// Open mode: the key goes down.
    pub(super) fn hold_floor(&mut self, now: Instant) {
        if self.state != State::Floor {
            self.state = State::Floor;
            self.key = Key::Down { since: now };
            (self.begun, self.is_warned) = (Some(now), false);
        }
    }

    pub(super) fn release(&mut self, now: Instant) -> Released {
        if std::mem::take(&mut self.ignores_release) {
            return Released::Nothing;
        }
        match self.key {
            Key::Down { since } if self.state != State::Floor && now.saturating_duration_since(since) < TAP => {
                self.key = Key::Locked { since, at: now };
                Released::Nothing
            }
            Key::Down { since } => {
                self.let_go = Some((now, since));
                self.lift()
            }
            Key::Up | Key::Locked { .. } => Released::Nothing,
        }
    }

    /// The keyboard is gone from us: the key counts as let go of, however short it was down. A locked turn goes on.
    pub(super) fn let_go(&mut self) -> Released {
        match self.key {
            Key::Down { .. } => self.lift(),
            Key::Up | Key::Locked { .. } => Released::Nothing,
        }
    }

    /// Nobody is there any more: ends a locked turn, too.
    pub(super) fn leave(&mut self) -> Released {
        match self.key {
            Key::Down { .. } | Key::Locked { .. } => self.lift(),
            Key::Up => Released::Nothing,
        }
    }

    fn lift(&mut self) -> Released {
        self.key = Key::Up;
        self.ignores_release = false;
        match self.state {
            State::Awaiting => Released::Discard,
            State::Flowing => Released::End,
            State::Floor => {
                self.close();
                Released::FreeFloor
            }
            State::Idle | State::Ending { .. } => Released::Nothing,
        }
    }

    /// The microphone is open now. Whether a press waited for it.
    pub(super) fn microphone_opened(&mut self) -> bool {
        let is_awaited = self.state == State::Awaiting;
        if is_awaited {
            self.state = State::Flowing;
        }
        is_awaited
    }

    /// The turn ends; its tail flows.
    pub(super) fn end(&mut self, now: Instant) {
        self.key = Key::Up;
        self.state = State::Ending { since: now };
    }

    /// The turn is whole or dropped, the floor free.
    pub(super) fn close(&mut self) {
        self.key = Key::Up;
        self.state = State::Idle;
        self.begun = None;
    }

    /// When [`Gate::due`] has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.state, self.begun) {
            (State::Ending { since }, _) => Some(since + TAIL_LIMIT),
            (State::Flowing | State::Floor, Some(begun)) if self.is_warned => Some(begun + LONGEST),
            (State::Flowing | State::Floor, Some(begun)) => Some(begun + LONGEST - WARNING),
            (State::Flowing | State::Floor, None) | (State::Idle | State::Awaiting, _) => None,
        }
    }

    /// What time has brought.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        self.deadline().filter(|at| *at <= now)?;
        if matches!(self.state, State::Ending { .. }) {
            return Some(Due::Tail);
        }
        let is_over = std::mem::replace(&mut self.is_warned, true);
        Some(if is_over { Due::Limit } else { Due::Warning })
    }

    /// A turn is being captured, or its microphone opens, or its tail flows.
    pub(super) fn is_recording(&self) -> bool {
        matches!(self.state, State::Awaiting | State::Flowing | State::Ending { .. })
    }

    /// Something was or could be said into the turn.
    pub(super) fn has_audio(&self) -> bool {
        matches!(self.state, State::Flowing | State::Ending { .. })
    }

    /// The finger is down or locked and the microphone is open.
    pub(super) fn is_capturing(&self) -> bool {
        self.state == State::Flowing
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending { .. })
    }

    pub(super) fn is_floor_held(&self) -> bool {
        self.state == State::Floor
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(self.key, Key::Locked { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const S: Duration = Duration::from_secs(1);

    /// A gate whose key was pressed now, with an open microphone.
    fn pressed() -> (Gate, Instant) {
        let (mut gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.press(now, true), Pressed::Begin);
        (gate, now)
    }

    #[test]
    fn a_hold_begins_and_ends_a_turn() {
        let (mut gate, now) = pressed();
        assert!(gate.is_capturing());
        assert_eq!(gate.release(now + 200 * MS), Released::End);
    }

    #[test]
    fn a_tap_locks_and_the_next_press_ends_the_turn() {
        let (mut gate, now) = pressed();
        assert_eq!(gate.release(now + 199 * MS), Released::Nothing);
        assert!(gate.is_locked() && gate.is_capturing());
        assert_eq!(gate.press(now + 3000 * MS, true), Pressed::End);
        gate.end(now + 3000 * MS);
        assert_eq!(gate.release(now + 3300 * MS), Released::Nothing, "the release of that press ends nothing more");
        assert!(gate.is_ending());
    }

    #[test]
    fn a_double_tap_locks_as_one_tap_does() {
        let (mut gate, now) = pressed();
        gate.release(now + 80 * MS);
        assert_eq!(gate.press(now + 250 * MS, true), Pressed::Nothing);
        assert_eq!(gate.release(now + 330 * MS), Released::Nothing);
        assert!(gate.is_locked() && gate.is_capturing());
        assert_eq!(gate.press(now + 800 * MS, true), Pressed::End, "a later press ends it");
    }

    #[test]
    fn a_hold_right_behind_a_tap_ends_the_turn_when_it_is_let_go() {
        let (mut gate, now) = pressed();
        gate.release(now + 80 * MS);
        assert_eq!(gate.press(now + 250 * MS, true), Pressed::Nothing);
        assert_eq!(gate.release(now + 1250 * MS), Released::End);
    }

    #[test]
    fn a_repeated_key_is_one_hold_however_often_it_goes_up_and_down() {
        let (mut gate, now) = pressed();
        let mut at = now + 150 * MS;
        for _ in 0..20 {
            if gate.release(at) == Released::End {
                gate.end(at);
            }
            let again = gate.press(at + 20 * MS, true);
            assert!(matches!(again, Pressed::Nothing | Pressed::Resume), "{again:?}");
            assert!(gate.is_capturing() && !gate.is_locked());
            at += 45 * MS;
        }
        assert_eq!(gate.release(at), Released::End);
        gate.end(at);
        assert_eq!(gate.press(at + 50 * MS, true), Pressed::BeginAnew, "after the grace time it is another hold");
    }

    #[test]
    fn a_second_press_without_a_release_changes_nothing() {
        let (mut gate, now) = pressed();
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
        let (mut gate, now) = pressed();
        gate.end(now + 500 * MS);
        assert_eq!(gate.deadline(), Some(now + 1500 * MS));
        assert_eq!(gate.press(now + 510 * MS, true), Pressed::BeginAnew, "it was not ended by letting go");
        assert!(gate.is_capturing());
    }

    #[test]
    fn a_key_without_a_keyboard_is_let_go_and_never_a_tap() {
        let (mut gate, now) = pressed();
        assert_eq!(gate.let_go(), Released::End);
        gate.end(now + 10 * MS);
        assert_eq!(gate.let_go(), Released::Nothing);
        assert_eq!(gate.release(now + 20 * MS), Released::Nothing);
        let (mut gate, now) = (Gate::default(), Instant::now());
        gate.press(now, false);
        assert_eq!(gate.let_go(), Released::Discard);
    }

    #[test]
    fn a_locked_turn_outlives_the_keyboard_but_not_the_user() {
        let (mut gate, now) = pressed();
        gate.release(now + 80 * MS);
        assert_eq!(gate.let_go(), Released::Nothing);
        assert!(gate.is_locked());
        assert_eq!(gate.leave(), Released::End);
        assert!(!gate.is_locked());
    }

    #[test]
    fn a_turn_is_warned_of_and_ended_at_its_limit() {
        for is_locked in [false, true] {
            let (mut gate, now) = pressed();
            if is_locked {
                gate.release(now + 80 * MS);
            }
            assert_eq!(gate.deadline(), Some(now + 270 * S));
            assert_eq!(gate.due(now + 270 * S - MS), None);
            assert_eq!(gate.due(now + 270 * S), Some(Due::Warning));
            assert_eq!(gate.due(now + 271 * S), None);
            assert_eq!(gate.deadline(), Some(now + 300 * S));
            assert_eq!(gate.due(now + 300 * S), Some(Due::Limit));
            gate.end(now + 300 * S);
            assert_eq!(gate.release(now + 301 * S), Released::Nothing, "the finger may still be there");
            assert_eq!(gate.due(now + 301 * S), Some(Due::Tail));
            gate.close();
            assert_eq!(gate.deadline(), None);
        }
    }

    #[test]
    fn the_next_turn_has_all_its_time_again() {
        let (mut gate, now) = pressed();
        gate.due(now + 270 * S);
        gate.end(now + 280 * S);
        gate.press(now + 281 * S, true);
        assert_eq!(gate.deadline(), Some(now + 551 * S));
    }

    #[test]
    fn a_held_floor_is_freed_by_the_key_however_short_by_blur_and_by_its_limit() {
        let now = Instant::now();
        let held = || {
            let mut gate = Gate::default();
            gate.hold_floor(now);
            assert!(gate.is_floor_held() && !gate.is_recording());
            gate
        };
        assert_eq!(held().release(now + 10 * MS), Released::FreeFloor);
        assert_eq!(held().let_go(), Released::FreeFloor);
        assert_eq!(held().leave(), Released::FreeFloor);
        let mut gate = held();
        gate.hold_floor(now + 100 * S);
        assert_eq!(gate.due(now + 270 * S), Some(Due::Warning));
        assert_eq!(gate.due(now + 300 * S), Some(Due::Limit));
        gate.close();
        assert_eq!(gate.release(now + 301 * S), Released::Nothing);
    }
}
