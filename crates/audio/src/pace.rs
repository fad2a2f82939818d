//! The pace of a sender that follows a clock of its own, against that of the speaker.
//!
//! A server that paces a long answer in real time and a speaker whose crystal is off by 200 ppm part by 0.7 s in an
//! hour: the queue would run dry, or grow. What is left in the queue when a piece arrives tells; the speaker then gets
//! a little more or less of the signal, which nobody hears (0.1 % is a sixtieth of a semitone).

use std::ops::Range;
use std::time::{Duration, Instant};

/// Time over which the pace is measured.
const WINDOW: Duration = Duration::from_secs(10);
/// A sender this close to real time, in parts of one, follows a clock.
const TOLERANCE: f64 = 0.05;
/// What shall be left in the queue when a piece arrives, in s. Inside of this nothing is corrected.
const RESERVE: Range<f64> = 0.020..0.400;
/// Correction per s of distance from that, in parts of one; takes 30 s to get there.
const PULL: f64 = 0.03;
/// Largest correction, in parts of one.
const LIMIT: f64 = 0.001;

/// Watches the pieces of one item.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Option<Instant>,
    media: Duration,
    least: Option<Duration>,
    share: f64,
}

impl Pace {
    /// A piece of `length` came when `left` was still to be played.
    pub(crate) fn arrived(&mut self, length: Duration, left: Duration, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= WINDOW {
            let pace = self.media.as_secs_f64() / passed.as_secs_f64();
            let is_clocked = (pace - 1.0).abs() < TOLERANCE;
            self.share = self.least.filter(|_| is_clocked).map_or(0.0, correction);
            *self = Self { since: Some(now), share: self.share, ..Self::default() };
        }
        if !passed.is_zero() {
            self.least = Some(self.least.map_or(left, |least| least.min(left)));
        }
        self.media += length;
    }

    /// How much more (positive) or less of the signal shall be made, in parts of one.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }
}

fn correction(least: Duration) -> f64 {
    let left = least.as_secs_f64();
    ((left.clamp(RESERVE.start, RESERVE.end) - left) * PULL).clamp(-LIMIT, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(20);

    /// An hour of a sender at `pace` times real time and a speaker that is off by `ppm`, beginning with `head` in the
    /// queue. Returns the least and the most that was left in the second half, in s.
    fn hour(pace: f64, ppm: f64, head: f64) -> (f64, f64) {
        let start = Instant::now();
        let (mut left, mut least, mut most) = (head, f64::MAX, f64::MIN);
        let mut watch = Pace::default();
        let gap = PIECE.as_secs_f64() / pace;
        let count = (3_600.0 / gap) as u32;
        for n in 0..count {
            watch.arrived(
                PIECE,
                Duration::from_secs_f64(left.max(0.0)),
                start + Duration::from_secs_f64(gap * f64::from(n)),
            );
            left += PIECE.as_secs_f64();
            left -= gap * (1.0 + ppm * 1e-6) / (1.0 + watch.share());
            if n > count / 2 {
                (least, most) = (least.min(left), most.max(left));
            }
        }
        (least, most)
    }

    #[test]
    fn two_clocks_200_ppm_apart_are_held_together_for_an_hour() {
        for ppm in [-200.0, -50.0, 0.0, 50.0, 200.0] {
            let (least, most) = hour(1.0, ppm, 0.040);
            assert!(least > 0.010, "{ppm} ppm: {least} s left");
            assert!(most < 0.450, "{ppm} ppm: {most} s left");
        }
        let without = 0.040 - 200.0e-6 * 3_600.0;
        assert!(without < -0.6, "the hour must be long enough to need it");
    }

    #[test]
    fn a_sender_faster_than_a_clock_is_left_alone() {
        let start = Instant::now();
        let mut watch = Pace::default();
        for n in 0..6_000 {
            watch.arrived(PIECE, PIECE * n, start + PIECE / 2 * n);
            assert_eq!(watch.share(), 0.0);
        }
    }

    #[test]
    fn a_long_queue_of_a_clocked_sender_shrinks_again() {
        let (_, most) = hour(1.0, 0.0, 2.0);
        assert!(most < 0.450, "{most}");
    }
}
