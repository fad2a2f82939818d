//! A call that is paid by the second and that nobody speaks in: it is ended, as a forgotten one would cost for hours.

use std::time::{Duration, Instant};

use crate::api::{Note, Provider};
use crate::board::Board;
use crate::config::Settings;

use super::Call;

/// Notices that neither side has spoken for long. Time is a parameter.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// When something was last said or done.
    since: Option<Instant>,
}

impl Idle {
    /// What is going on by now. `costs`: the connection is paid for by time.
    pub(super) fn keep(&mut self, costs: bool, is_active: bool, now: impl FnOnce() -> Instant) {
        match (costs, self.since) {
            (false, _) => self.since = None,
            (true, Some(_)) if !is_active => {}
            (true, _) => self.since = Some(now()),
        }
    }

    /// When the call is to end; `limit` zero: never.
    pub(super) fn deadline(&self, limit: Duration) -> Option<Instant> {
        self.since.filter(|_| !limit.is_zero()).map(|since| since + limit)
    }
}

/// Whether time costs, whatever is said in it.
pub(super) fn is_paid_by_time(settings: &Settings) -> bool {
    match settings.call.provider {
        Provider::GptLive | Provider::Elevenlabs | Provider::Deepgram => true,
        Provider::Practice | Provider::Openai | Provider::Google | Provider::Cascade => false,
    }
}

fn limit(settings: &Settings) -> Duration {
    Duration::from_secs(settings.call.idle_hang_up_s.into())
}

impl Call {
    /// Whether this connection costs while nobody speaks.
    fn costs(&self, settings: &Settings) -> bool {
        is_paid_by_time(settings) && !self.link.is_idle()
    }

    pub(super) fn watch_idleness(&mut self, board: &Board) {
        // Work behind the voice is done for somebody who waits.
        let is_active = self.session.is_busy() || self.is_speech || !self.queued.is_empty() || self.errands.is_busy();
        self.idle.keep(self.costs(board.settings()), is_active, Instant::now);
        self.idle_at = self.idle.deadline(limit(board.settings()));
    }

    /// Whether nobody has spoken for so long that the call is to end. It is told.
    pub(crate) fn is_forgotten(&self, board: &mut Board) -> bool {
        let is_forgotten = self.idle_at.is_some_and(|at| at <= Instant::now());
        if is_forgotten {
            let seconds = board.settings().call.idle_hang_up_s;
            tracing::info!(seconds, "nobody speaks: the call ends");
            board.note(Note::HungUp { seconds });
        }
        is_forgotten
    }

    /// Who mutes may think that nothing is paid for then.
    pub(super) fn tell_cost_of_silence(&self, board: &mut Board) {
        if self.is_muted && self.costs(board.settings()) {
            board.note(Note::MutedCosts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_call_without_a_word_ends_and_every_word_puts_it_off() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        assert_eq!(idle.deadline(180 * S), None);
        idle.keep(true, false, || start);
        idle.keep(true, false, || start + 100 * S);
        assert_eq!(idle.deadline(180 * S), Some(start + 180 * S));
        idle.keep(true, true, || start + 170 * S);
        assert_eq!(idle.deadline(180 * S), Some(start + 350 * S));
    }

    #[test]
    fn without_cost_or_limit_a_call_may_be_silent_for_ever() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        idle.keep(true, true, || start);
        assert_eq!(idle.deadline(Duration::ZERO), None);
        idle.keep(false, true, || start);
        assert_eq!(idle.deadline(180 * S), None);
    }
}
