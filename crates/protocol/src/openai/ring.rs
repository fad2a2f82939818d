//! The last minute of what was sent to the provider's ear, and all of a turn that goes on.

use std::collections::VecDeque;

use super::turn::LONGEST;
use crate::SAMPLE_RATE;

/// Sixty seconds.
const CAPACITY: usize = 60 * SAMPLE_RATE as usize;

/// Recent audio with its position: samples since the first one appended on this connection, which is how the
/// provider's voice activity detector counts too.
#[derive(Debug, Default)]
pub(super) struct Ring {
    samples: VecDeque<i16>,
    end: u64,
}

impl Ring {
    /// `needed`: where the turn that goes on begins.
    pub(super) fn push(&mut self, pcm: &[i16], needed: Option<u64>) {
        self.end += pcm.len() as u64;
        let length = needed.map_or(0, |from| self.end.saturating_sub(from) as usize).clamp(CAPACITY, LONGEST);
        let pcm = &pcm[pcm.len().saturating_sub(length)..];
        let excess = (self.samples.len() + pcm.len()).saturating_sub(length);
        self.samples.drain(..excess);
        self.samples.extend(pcm);
    }

    /// Position behind the newest sample.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The samples `from..to`, as far as they are still here.
    pub(super) fn cut(&self, from: u64, to: u64) -> Vec<i16> {
        let oldest = self.end - self.samples.len() as u64;
        let from = from.clamp(oldest, self.end);
        let to = to.clamp(from, self.end);
        let (from, to) = ((from - oldest) as usize, (to - oldest) as usize);
        self.samples.range(from..to).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_position_and_forgets_what_is_older_than_a_minute() {
        let mut ring = Ring::default();
        ring.push(&[1, 2, 3], None);
        assert_eq!(ring.cut(1, 3), [2, 3]);
        assert_eq!(ring.cut(2, u64::MAX), [3]);
        assert!(ring.cut(u64::MAX, 0).is_empty());
        ring.push(&vec![7; CAPACITY], None);
        assert_eq!(ring.end(), 3 + CAPACITY as u64);
        assert_eq!(ring.cut(0, 4), [7]);
        ring.push(&vec![9; CAPACITY + 5], None);
        assert_eq!(ring.cut(0, u64::MAX).len(), CAPACITY);
    }

    #[test]
    fn a_turn_that_goes_on_is_kept_for_ten_minutes() {
        let mut ring = Ring::default();
        ring.push(&vec![1; CAPACITY], None);
        ring.push(&vec![2; CAPACITY], Some(CAPACITY as u64 / 2));
        assert_eq!(ring.cut(0, u64::MAX).len(), CAPACITY * 3 / 2);
        ring.push(&vec![3; LONGEST], Some(CAPACITY as u64 / 2));
        assert_eq!(ring.cut(0, u64::MAX).len(), LONGEST);
        ring.push(&[4], None);
        assert_eq!(ring.cut(0, u64::MAX).len(), CAPACITY);
    }
}
