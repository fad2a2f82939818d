//! How fast and how evenly frames arrive.

use std::time::Duration;

use crate::front::{CORE_RATE, FRAME};

/// Frames over which the rate is taken (1 s): many times, so that a hiccup spoils only some of them.
const SPAN: usize = 100;
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
    /// Compares the arrivals of frames with an even clock; `None` when they are too few.
    pub(super) fn of(arrivals: &[Duration]) -> Option<Self> {
        let at: Vec<f64> = arrivals.iter().map(Duration::as_secs_f64).collect();
        let spans = at.iter().zip(at.iter().skip(SPAN)).map(|(from, to)| (to - from) / SPAN as f64);
        let spans = sorted(spans);
        let period = *spans.get(spans.len() / 2)?;
        let late = sorted(at.iter().enumerate().map(|(n, at)| at - n as f64 * period));
        let edge = (late.len() as f64 * OUTLIERS) as usize;
        let spread = late.get(late.len() - 1 - edge)? - late.get(edge)?;
        let speed = FRAME as f64 / f64::from(CORE_RATE) / period;
        Some(Self {
            speed: if speed.is_finite() { speed as f32 } else { 1.0 },
            jitter: Duration::try_from_secs_f64(spread).unwrap_or_default(),
        })
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
