//! What becomes of a call when its connection opens, breaks or grows old.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::{Cause, Fault, Input, Received};

use crate::api::{Code, Mode, Note, Problem, Supply};
use crate::board::Board;
use crate::config::Settings;
use crate::route::{Failure, longest_connection};

use super::devices::is_about_devices;
use super::handover::Handover;
use super::link::{LinkEvent, TRIES};
use super::{Call, view};

/// When no fresh connection can be opened, it is tried again after this long.
pub(super) const RENEWAL_PATIENCE: Duration = Duration::from_secs(1);

/// A fresh connection is made this long before the provider ends the old one.
fn renewal_margin(settings: &Settings) -> Duration {
    Duration::from_secs(settings.call.renew_before_s.into())
}

/// Why a connection ended. A refused detail of a call that went on is no reason any more.
fn cause_of_end(told: Option<Fault>, closing: Option<Fault>, was_ready: bool) -> Option<Fault> {
    let is_past = |told: &Fault| was_ready && told.cause == Cause::Refused && closing.is_some();
    told.filter(|told| !is_past(told)).or(closing)
}

impl Call {
    /// A turn needs the connection.
    pub(super) fn connect(&mut self, board: &Board) -> Supply {
        let is_reused = self.link.is_ready();
        let supply = match (self.dial(board), is_reused) {
            (true, _) => Supply::Warm,
            (false, true) => Supply::Reused,
            (false, false) => Supply::Cold,
        };
        self.connections.count(supply);
        supply
    }

    /// Connects, if nothing is under way; true if that was done ahead.
    pub(super) fn dial(&mut self, board: &Board) -> bool {
        self.link.dial(board.settings(), &mut self.spare)
    }

    pub(super) fn link_event(&mut self, event: LinkEvent, board: &mut Board) {
        match event {
            LinkEvent::Opened => {
                self.fault = None;
                self.input(Input::Opened, board);
            }
            LinkEvent::Text(leg, text) => {
                self.input(Input::Received { leg, received: Received::Text(&text) }, board);
            }
            LinkEvent::Binary(leg, bytes) => {
                self.input(Input::Received { leg, received: Received::Binary(&bytes) }, board);
            }
            LinkEvent::Closed { code, reason } => {
                self.lost(code, &reason, board);
            }
            LinkEvent::Refused { problem, is_transient } => self.refused(problem, is_transient, board),
        }
    }

    /// The connection is gone: another form of the keys, another try, or the end.
    pub(super) fn lost(&mut self, code: Option<u16>, reason: &str, board: &mut Board) {
        let told = self.fault.take();
        self.input(Input::Closed { code, reason }, board);
        let closing = self.fault.take();
        self.forget_connection(board);
        if self.is_left {
            self.link.close();
            return self.link.settle();
        }
        let was_ready = self.link.is_ready();
        let end = cause_of_end(told.clone(), closing.clone(), was_ready);
        let end = end.map(|fault| (self.link.corrected(view::problem(&fault)), fault.is_transient()));
        if !was_ready {
            // What the server said tells more than its close, and the close's reason more than its number.
            let said = told.as_ref().or_else(|| closing.as_ref().filter(|fault| fault.code.is_some()));
            let failure = said.map_or(Failure::Closed { code }, Failure::Fault);
            if self.link.step(&failure, board.settings()) {
                return;
            }
        }
        match end {
            Some((problem, false)) => self.give_up(problem, board),
            Some((problem, true)) => self.try_again(problem, board),
            None => {
                let detail = code.map_or_else(|| "the connection broke".to_owned(), |code| format!("closed ({code})"));
                self.try_again(Problem { code: Code::ProviderTrouble, detail }, board);
            }
        }
    }

    /// The other side ended the call: so does this one, when all is said and heard.
    pub(super) fn end_when_left(&mut self, board: &mut Board) {
        if self.is_left && self.link.is_idle() && self.is_between_turns() {
            self.is_left = false;
            self.has_ended = true;
            board.note(Note::AgentLeft);
        }
    }

    pub(super) fn refused(&mut self, problem: Problem, is_transient: bool, board: &mut Board) {
        self.input(Input::Closed { code: None, reason: "" }, board);
        if is_transient { self.try_again(problem, board) } else { self.give_up(problem, board) }
    }

    /// Where somebody can stand in, it is tried once more only, while his connection is opened already.
    pub(super) fn try_again(&mut self, problem: Problem, board: &mut Board) {
        let deputy = self.deputy(&problem, board.settings());
        if !self.link.retry(&problem, board.settings(), if deputy.is_some() { 1 } else { TRIES }) {
            return self.give_up(problem, board);
        }
        if let Some(deputy) = deputy {
            self.spare.prepare(&self.link, &deputy, true);
        }
    }

    pub(super) fn give_up(&mut self, problem: Problem, board: &mut Board) {
        if self.stand_in(&problem, board) {
            return;
        }
        self.link.close();
        self.link.settle();
        if !self.sound.is_open() {
            self.started_at = None;
        }
        // A microphone that is open all the time would listen to nobody. What was said stays.
        self.has_ended |= board.settings().call.mode == Mode::Open;
        board.set_problem(Some(problem));
    }

    /// Gives up the connection without a word from the other side.
    pub(super) fn drop_connection(&mut self, board: &mut Board) {
        self.link.close();
        self.fault = None;
        self.unserved = None;
        self.forget_connection(board);
        self.input(Input::Closed { code: None, reason: "" }, board);
    }

    pub(super) fn forget_connection(&mut self, board: &mut Board) {
        if self.handover.take() == Some(Handover::Choice) {
            self.input(Input::Configure(&self.session_config(board.settings())), board); // what was to take over is dialled now
        }
        self.errands.call_off_all();
        self.is_answering = false;
        self.is_speech = false;
        self.renew_at = None;
        self.is_abandoned = false;
    }

    pub(super) fn change_way(&mut self, board: &mut Board) {
        let was_idle = self.link.is_idle();
        self.drop_connection(board);
        self.link.settle();
        board.set_problem(None);
        if !was_idle {
            self.dial(board);
        }
    }

    /// Continues on a fresh connection before the provider ends this one, between turns.
    pub(super) fn renew(&mut self, board: &Board) {
        self.renew_at = None;
        self.hand_over(Handover::Renewal, board);
    }

    /// This connection is of no use for longer than this; where less than the margin is left, another one is made at once.
    pub(super) fn expires(&mut self, within: Duration, board: &Board) {
        self.renew_within(within.saturating_sub(renewal_margin(board.settings())));
    }

    fn renew_within(&mut self, left: Duration) {
        let at = Instant::now() + left;
        self.renew_at = Some(self.renew_at.map_or(at, |planned| planned.min(at)));
    }

    /// The other side says that the call is over. What ends at its longest time is no goodbye.
    pub(super) fn left(&mut self) {
        self.is_left = self.handover != Some(Handover::Renewal);
    }

    pub(super) fn ready(&mut self, expires_at: Option<u64>, board: &mut Board) {
        if let Some(note) = self.link.ready(board.settings()) {
            board.note(note);
        }
        if board.problem().is_some_and(|problem| !is_about_devices(problem.code)) {
            board.set_problem(None);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let margin = renewal_margin(board.settings());
        let told = expires_at.map(|at| Duration::from_secs(at).saturating_sub(now).saturating_sub(margin));
        let known = longest_connection(board.settings()).map(|longest| longest - margin.min(longest / 4));
        // What is told too late is of no use: every connection would be renewed at once.
        if let Some(left) = told.filter(|left| !left.is_zero()).into_iter().chain(known).min() {
            self.renew_within(left);
        }
    }
}
