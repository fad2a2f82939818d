//! Conversations that nobody touched for long are deleted: before the first command, then once a day, and when the user
//! changes how long they are kept.

use std::time::Duration;

use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// When it was last looked for them, and by which setting.
#[derive(Debug, Default)]
pub(super) struct Retention {
    keep_days: u32,
    next: Option<Instant>,
}

impl Retention {
    /// When the next look is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// What was touched before this time is to be deleted now, unix ms; `keep_days` 0: all is kept.
    pub(super) fn before(&mut self, keep_days: u32, now: Instant, now_ms: i64) -> Option<i64> {
        let is_due = keep_days != self.keep_days || self.next.is_none_or(|next| next <= now);
        if !is_due {
            return None;
        }
        (self.keep_days, self.next) = (keep_days, Some(now + DAY));
        (keep_days > 0).then(|| now_ms - i64::from(keep_days) * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_for_old_ones_at_once_daily_and_after_a_change() {
        let (mut retention, start) = (Retention::default(), Instant::now());
        assert_eq!(retention.before(30, start, 40 * DAY_MS), Some(10 * DAY_MS), "at once");
        assert_eq!(retention.next(), Some(start + DAY));
        assert_eq!(retention.before(30, start + DAY / 2, 41 * DAY_MS), None);
        assert_eq!(retention.before(30, start + DAY, 41 * DAY_MS), Some(11 * DAY_MS), "a day later");
        assert_eq!(retention.before(7, start + DAY, 41 * DAY_MS), Some(34 * DAY_MS), "after a change");
        assert_eq!(retention.before(0, start + DAY, 41 * DAY_MS), None, "none is deleted");
        assert_eq!(retention.before(0, start + DAY * 3, 43 * DAY_MS), None);
    }
}
