//! Money as integers.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// US dollars × 10⁻⁹. Sums stop at the ends of the range instead of wrapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanodollars(pub i64);

impl Nanodollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The nearest amount; not a number becomes 0.
    pub fn from_dollars(dollars: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float stops at the ends")]
        Self((dollars * 1e9).round() as i64)
    }
}

impl Add for Nanodollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanodollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// `$0.004`: two significant digits below a cent, cents from a dollar on.
impl fmt::Display for Nanodollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for reading")]
        let dollars = self.0 as f64 / 1e9;
        let size = dollars.abs();
        let digits = match size {
            _ if size == 0.0 || size >= 1.0 => 2,
            _ if size >= 0.1 => 3,
            _ if size >= 0.01 => 3,
            _ if size >= 0.001 => 4,
            _ if size >= 0.000_1 => 5,
            _ => 6,
        };
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}${size:.digits$}")
    }
}
