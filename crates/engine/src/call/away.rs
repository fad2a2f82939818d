//! The user who goes away: the keyboard, the screen or the whole machine is gone from under a turn.

use std::time::{Duration, Instant, SystemTime};

use protocol::Input;

use crate::board::Board;

use super::Call;
use super::gate::Released;

/// How often the clocks are looked at during a call.
const TICK: Duration = Duration::from_secs(1);
/// More time than this on the wall between two looks: the machine slept.
const GAP: Duration = Duration::from_secs(5);

/// Notices that the machine slept: no timer runs meanwhile, and on most systems no monotonic clock, but the clock on
/// the wall has gone on. Time is a parameter.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    last: Option<(Instant, SystemTime)>,
}

impl Vigil {
    /// Begins to watch, or goes on, or ends it.
    pub(super) fn keep(&mut self, is_wanted: bool, clocks: impl FnOnce() -> (Instant, SystemTime)) {
        match (is_wanted, self.last) {
            (true, None) => self.last = Some(clocks()),
            (false, _) => self.last = None,
            (true, Some(_)) => {}
        }
    }

    /// When to look next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.last.map(|(at, _)| at + TICK)
    }

    /// Looks at the clocks, if it is time. Whether the machine slept since the last look.
    pub(super) fn look(&mut self, now: Instant, wall: SystemTime) -> bool {
        let Some((at, before)) = self.last.filter(|(at, _)| *at + TICK <= now) else { return false };
        self.last = Some((now, wall));
        // The longest of both: some systems' monotonic clocks run on in their sleep. A wall clock that was set back
        // says nothing.
        let passed = wall.duration_since(before).unwrap_or_default().max(now.saturating_duration_since(at));
        passed > TICK + GAP
    }
}

impl Call {
    /// The window lost the keyboard.
    pub(crate) fn let_go(&mut self, board: &mut Board) {
        let asked = self.gate.let_go();
        self.released(asked, board);
        self.settle(board);
    }

    /// The screen was locked, or the machine is about to sleep: what was said is taken as it stands, at once.
    pub(crate) fn leave(&mut self, board: &mut Board) {
        match self.gate.leave() {
            Released::End => self.finish_recording(board),
            asked @ (Released::Nothing | Released::Discard | Released::FreeFloor) => self.released(asked, board),
        }
        self.settle(board);
    }

    /// The machine slept. Its connections only look alive: the other side has long forgotten them.
    pub(super) fn woke(&mut self, board: &mut Board) {
        tracing::info!("the machine slept");
        self.finish_recording(board);
        if self.gate.is_floor_held() {
            self.gate.close();
            self.input(Input::HoldFloor(false), board);
        }
        self.spare.discard();
        if !self.link.is_idle() {
            self.drop_connection(board);
            self.link.settle();
            self.dial(board);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn watching() -> (Vigil, Instant, SystemTime) {
        let (mut vigil, now, wall) = (Vigil::default(), Instant::now(), SystemTime::now());
        vigil.keep(true, || (now, wall));
        (vigil, now, wall)
    }

    #[test]
    fn time_that_passes_as_it_should_is_no_sleep() {
        let (mut vigil, now, wall) = watching();
        for second in 1..100 {
            assert_eq!(vigil.deadline(), Some(now + second * S));
            assert!(!vigil.look(now + second * S, wall + second * S));
        }
        assert!(!vigil.look(now + 104 * S, wall + 104 * S), "a busy machine is late");
    }

    #[test]
    fn a_wall_clock_that_ran_ahead_is_a_sleep_and_told_once() {
        let (mut vigil, now, wall) = watching();
        assert!(vigil.look(now + S, wall + 3600 * S));
        assert!(!vigil.look(now + 2 * S, wall + 3601 * S));
    }

    #[test]
    fn a_monotonic_clock_that_runs_on_in_its_sleep_tells_it_too() {
        let (mut vigil, now, wall) = watching();
        assert!(vigil.look(now + 60 * S, wall));
    }

    #[test]
    fn a_clock_that_is_set_back_is_no_sleep() {
        let (mut vigil, now, wall) = watching();
        assert!(!vigil.look(now + S, wall - 3600 * S));
        assert!(!vigil.look(now + 2 * S, wall - 3599 * S));
    }

    #[test]
    fn without_a_call_nothing_is_watched() {
        let (mut vigil, now, wall) = watching();
        vigil.keep(false, || (now, wall));
        assert_eq!(vigil.deadline(), None);
        assert!(!vigil.look(now + 60 * S, wall + 60 * S));
        vigil.keep(true, || (now + 60 * S, wall + 60 * S));
        assert!(!vigil.look(now + 61 * S, wall + 61 * S));
    }
}
