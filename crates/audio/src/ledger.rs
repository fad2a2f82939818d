//! Which samples of the playout ring belong to which item: tells what was heard, started and finished.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{Heard, ItemKey, Notice};

/// Items whose outcome is still known after they ended.
const REMEMBERED: usize = 32;

/// A stretch of the ring.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: u64,
    to: u64,
    /// Wire samples that one sample of the ring stands for.
    pace: f64,
}

impl Part {
    /// Wire samples up to `position`.
    fn wire_samples(&self, position: u64) -> f64 {
        position.min(self.to).saturating_sub(self.from) as f64 * self.pace
    }
}

/// One item on its way to the ear. Positions are samples of the playout ring, lengths samples on the wire.
#[derive(Debug)]
struct Track {
    item: ItemKey,
    received: u64,
    /// Wire samples that were heard, or went through rings that are gone.
    before: f64,
    /// Parts of the present ring that were not all heard.
    parts: VecDeque<Part>,
    is_poured: bool,
    is_started: bool,
}

impl Track {
    fn end(&self) -> u64 {
        self.parts.back().map_or(0, |part| part.to)
    }

    fn wire_samples(&self, position: u64) -> u64 {
        let ring: f64 = self.parts.iter().map(|part| part.wire_samples(position)).sum();
        ((self.before + ring).round() as u64).min(self.received)
    }

    /// Keeps of what was heard only how much it was. The end of the last part stays: it is the item's end.
    fn fold(&mut self, audible: u64) {
        while self.parts.len() > 1 && self.parts.front().is_some_and(|part| part.to <= audible) {
            self.before += self.parts.pop_front().map_or(0.0, |part| part.wire_samples(part.to));
        }
    }
}

/// All items that are queued or audible, and the outcome of the last ones.
#[derive(Debug)]
pub(crate) struct Ledger {
    wire_rate: u32,
    tracks: VecDeque<Track>,
    done: VecDeque<Heard>,
}

impl Ledger {
    /// A ledger for samples that arrive at `wire_rate` Hz.
    pub(crate) fn new(wire_rate: u32) -> Self {
        Self { wire_rate, tracks: VecDeque::new(), done: VecDeque::new() }
    }

    /// Another ring begins with what the present one held from `position` on.
    pub(crate) fn rebase(&mut self, position: u64) {
        for track in &mut self.tracks {
            track.before = track.wire_samples(position) as f64;
            track.parts.retain(|part| part.to > position);
            for part in &mut track.parts {
                (part.from, part.to) = (part.from.max(position) - position, part.to - position);
            }
        }
    }

    /// `count` wire samples of an item were queued.
    pub(crate) fn received(&mut self, item: ItemKey, count: usize) {
        match self.tracks.iter_mut().find(|track| track.item == item) {
            Some(track) => track.received += count as u64,
            None => self.tracks.push_back(Track {
                item,
                received: count as u64,
                before: 0.0,
                parts: VecDeque::new(),
                is_poured: false,
                is_started: false,
            }),
        }
    }

    /// Samples of an item went into the ring; each stands for `pace` samples on the wire.
    pub(crate) fn poured(&mut self, item: ItemKey, from: u64, to: u64, pace: f64) {
        let Some(track) = self.tracks.iter_mut().find(|track| track.item == item) else { return };
        match track.parts.back_mut() {
            Some(part) if part.to == from && part.pace == pace => part.to = to,
            Some(_) | None if to > from => track.parts.push_back(Part { from, to, pace }),
            Some(_) | None => {}
        }
    }

    /// The last sample of an item went into the ring.
    pub(crate) fn is_poured(&mut self, item: ItemKey) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.item == item) {
            track.is_poured = true;
        }
    }

    /// Tells what started and finished now that the callback is at `popped` and the ear at `audible`.
    pub(crate) fn advance(&mut self, popped: u64, audible: u64, notices: &mut Vec<Notice>) {
        for track in &mut self.tracks {
            track.fold(audible);
            let has_begun = track.before > 0.0 || track.parts.front().is_some_and(|part| part.from < popped);
            if has_begun && !track.is_started {
                track.is_started = true;
                notices.push(Notice::Started(track.item));
            }
            if track.is_poured && popped >= track.end() {
                notices.push(Notice::Finished(track.item));
            }
        }
        while let Some(index) = self.tracks.iter().position(|track| track.is_poured && popped >= track.end()) {
            if let Some(track) = self.tracks.remove(index) {
                self.remember(Heard { item: track.item, duration: self.span(track.received) });
            }
        }
    }

    /// How much of an item is audible up to `position`.
    pub(crate) fn heard(&self, item: ItemKey, position: u64) -> Duration {
        match self.tracks.iter().find(|track| track.item == item) {
            Some(track) => self.span(track.wire_samples(position)),
            None => {
                self.done.iter().rev().find(|heard| heard.item == item).map_or(Duration::ZERO, |heard| heard.duration)
            }
        }
    }

    /// Ends all items at `position`.
    pub(crate) fn cut(&mut self, position: u64) -> Vec<Heard> {
        let tracks = std::mem::take(&mut self.tracks);
        tracks
            .into_iter()
            .map(|track| {
                let heard = Heard { item: track.item, duration: self.span(track.wire_samples(position)) };
                self.remember(heard);
                heard
            })
            .collect()
    }

    fn span(&self, wire_samples: u64) -> Duration {
        Duration::from_micros(wire_samples.saturating_mul(1_000_000) / u64::from(self.wire_rate.max(1)))
    }

    fn remember(&mut self, heard: Heard) {
        if self.done.len() == REMEMBERED {
            self.done.pop_front();
        }
        self.done.push_back(heard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ItemKey = ItemKey(1);
    const B: ItemKey = ItemKey(2);

    /// A ring at 48 kHz.
    const HALF: f64 = 0.5;

    fn ledger() -> Ledger {
        Ledger::new(24_000)
    }

    #[test]
    fn a_cut_reports_the_running_item_and_those_that_wait() {
        let mut ledger = ledger();
        ledger.received(A, 24_000);
        ledger.received(B, 100);
        ledger.poured(A, 0, 9_600, HALF);
        let heard = ledger.cut(4_800);
        assert_eq!(
            heard,
            [Heard { item: A, duration: Duration::from_millis(100) }, Heard { item: B, duration: Duration::ZERO },]
        );
        assert_eq!(ledger.heard(A, 0), Duration::from_millis(100));
        assert!(ledger.cut(9_600).is_empty());
    }

    #[test]
    fn items_start_and_finish_once_when_their_samples_are_popped() {
        let mut ledger = ledger();
        let mut notices = Vec::new();
        ledger.received(A, 240);
        ledger.received(B, 240);
        ledger.poured(A, 0, 480, HALF);
        ledger.is_poured(A);
        ledger.poured(B, 480, 960, HALF);
        ledger.is_poured(B);
        ledger.advance(0, 0, &mut notices);
        assert!(notices.is_empty());
        ledger.advance(1, 1, &mut notices);
        ledger.advance(480, 480, &mut notices);
        assert_eq!(notices, [Notice::Started(A), Notice::Finished(A)]);
        ledger.advance(960, 960, &mut notices);
        ledger.advance(960, 960, &mut notices);
        assert_eq!(notices, [Notice::Started(A), Notice::Finished(A), Notice::Started(B), Notice::Finished(B)]);
        assert_eq!(ledger.heard(A, 0), Duration::from_millis(10));
        assert!(ledger.cut(960).is_empty());
    }

    #[test]
    fn heard_never_exceeds_what_was_received() {
        let mut ledger = ledger();
        ledger.received(A, 100);
        ledger.poured(A, 0, 5_000, HALF);
        assert_eq!(ledger.heard(A, 5_000), Duration::from_micros(4_166));
        assert_eq!(ledger.heard(B, 5_000), Duration::ZERO);
    }

    #[test]
    fn a_new_ring_at_another_rate_goes_on_where_the_old_one_ended() {
        let mut ledger = ledger();
        ledger.received(A, 24_000);
        ledger.poured(A, 0, 9_600, HALF);
        ledger.rebase(9_600);
        ledger.poured(A, 0, 1_600, 1.5);
        assert_eq!(ledger.heard(A, 800), Duration::from_millis(250));
    }

    #[test]
    fn a_new_ring_can_repeat_what_was_not_heard() {
        let mut ledger = ledger();
        ledger.received(A, 24_000);
        ledger.poured(A, 0, 9_600, HALF);
        ledger.rebase(4_800);
        assert_eq!(ledger.heard(A, 0), Duration::from_millis(100));
        assert_eq!(ledger.heard(A, 2_400), Duration::from_millis(150));
        assert_eq!(ledger.heard(A, 9_600), Duration::from_millis(200));
    }

    #[test]
    fn faster_and_slower_parts_count_in_the_time_of_the_item() {
        let mut ledger = ledger();
        ledger.received(A, 24_000);
        ledger.poured(A, 0, 4_800, HALF);
        ledger.poured(A, 4_800, 9_600, HALF * 1.5);
        ledger.poured(A, 9_600, 14_400, HALF * 0.75);
        assert_eq!(ledger.heard(A, 4_800), Duration::from_millis(100));
        assert_eq!(ledger.heard(A, 9_600), Duration::from_millis(250));
        assert_eq!(ledger.heard(A, 14_400), Duration::from_millis(325));
        ledger.advance(12_000, 10_000, &mut Vec::new());
        assert_eq!(ledger.heard(A, 14_400), Duration::from_millis(325), "what was heard may be summed up");
    }
}
