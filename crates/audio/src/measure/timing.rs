//! How fast and how evenly frames arrive.

use std::time::Duration;

use crate::front::{CORE_RATE, FRAME};

/// Fewer frames tell nothing (0.5 s).
const FEWEST: usize = 50;
/// Share of the frames on each side that is no measure of the rest.
const OUTLIERS: f64 = 0.05;

/// The clock of a microphone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    /// Frames that came over frames that should have come.
    pub(super) speed: f32,
    /// Between the earliest and the latest 5 % of the frames.
    pub(super) jitter: Duration,
}

impl Timing {
    /// Draws a straight line through the arrivals of frames; `None` when they are too few.
    pub(super) fn of(arrivals: &[Duration]) -> Option<Self> {
        if arrivals.len() < FEWEST {
            return None;
        }
        let points = || arrivals.iter().enumerate().map(|(n, at)| (n as f64, at.as_secs_f64()));
        let count = arrivals.len() as f64;
        let (sum_n, sum_at) = points().fold((0.0, 0.0), |(n, at), point| (n + point.0, at + point.1));
        let (middle_n, middle_at) = (sum_n / count, sum_at / count);
        let square: f64 = points().map(|(n, _)| (n - middle_n).powi(2)).sum();
        let period = points().map(|(n, at)| (n - middle_n) * (at - middle_at)).sum::<f64>() / square;
        let mut late: Vec<f64> = points().map(|(n, at)| at - n * period).collect();
        late.sort_by(f64::total_cmp);
        let edge = (count * OUTLIERS) as usize;
        let spread = late.get(late.len() - 1 - edge)? - late.get(edge)?;
        let speed = FRAME as f64 / f64::from(CORE_RATE) / period;
        Some(Self {
            speed: if speed.is_finite() { speed as f32 } else { 1.0 },
            jitter: Duration::try_from_secs_f64(spread).unwrap_or_default(),
        })
    }
}
