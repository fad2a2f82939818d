//! Until when a limit holds up what waits for an answer, whoever's it is: for a countdown.

use std::time::Instant;

use protocol::Fault;

use super::unix_ms;

/// See the module. Time is a parameter.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// What a fault told: the provider takes nothing before.
    refused: Option<Instant>,
    /// What counts now, and the same in unix ms: reckoned once, so that it stays the same.
    shown: Option<(Instant, i64)>,
}

impl Limit {
    /// A fault that may tell of one.
    pub(super) fn told(&mut self, fault: &Fault, now: Instant) {
        self.refused = fault.retry_after.map(|wait| now + wait).or(self.refused);
    }

    /// An answer comes: nothing holds it up.
    pub(super) fn passed(&mut self) {
        self.refused = None;
    }

    /// Takes in what the session waits out.
    pub(super) fn keep(&mut self, session: Option<Instant>, now: Instant) {
        let until = session.max(self.refused).filter(|until| *until > now);
        if self.shown.map(|(shown, _)| shown) != until {
            let in_ms = |until: Instant| i64::try_from((until - now).as_millis()).unwrap_or(i64::MAX);
            self.shown = until.map(|until| (until, unix_ms().saturating_add(in_ms(until))));
        }
    }

    /// Until when, unix ms; `errand`: what holds up a text model.
    pub(super) fn until(&self, errand: Option<u64>) -> Option<i64> {
        let errand = errand.map(|until| i64::try_from(until).unwrap_or(i64::MAX));
        errand.max(self.shown.map(|(_, until)| until))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::Cause;

    use super::*;

    #[test]
    fn the_latest_counts_until_it_has_passed_or_an_answer_comes() {
        let (mut limit, now) = (Limit::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        limit.keep(None, now);
        assert_eq!((limit.until(None), limit.until(Some(7))), (None, Some(7)));
        let wait = Some(Duration::from_secs(30));
        limit.told(&Fault { retry_after: wait, ..Fault::new(Cause::RateLimited, None, "Slow down.") }, now);
        limit.told(&Fault::new(Cause::Response, None, "Another matter."), now);
        limit.keep(Some(after(5)), now);
        let until = limit.until(None);
        assert!(until.is_some());
        limit.keep(Some(after(5)), after(29));
        assert_eq!(limit.until(None), until, "it stays the same");
        limit.keep(None, after(30));
        assert_eq!(limit.until(None), None);
        limit.keep(Some(after(40)), after(31));
        assert!(limit.until(None).is_some_and(|later| Some(later) != until));
        limit.passed();
        limit.keep(None, after(32));
        assert_eq!(limit.until(None), None);
    }
}
