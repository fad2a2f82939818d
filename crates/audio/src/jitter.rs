//! The adaptive jitter buffer: how long to wait before speaking, so that what comes late is still in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ItemKey;
use crate::pace::Pace;

/// Start cushion on a steady link, and what is added to what would just have been enough.
pub(crate) const STEADY: Duration = Duration::from_millis(20);
/// Two clocks differ by less than this, in parts of one: what comes later than that is late.
const DRIFT: f64 = 0.000_3;
/// What shall be left to play when the next piece arrives.
const LEAST: Duration = Duration::from_millis(10);
/// The cushion never grows beyond this.
const MOST: Duration = Duration::from_millis(400);
/// A cushion that is too large halves its excess in about this time.
const RELEASE: Duration = Duration::from_secs(15);

/// Samples of one item, as they came from the wire.
#[derive(Debug)]
struct Piece {
    item: ItemKey,
    samples: Vec<i16>,
    at: usize,
    is_last: bool,
}

/// Fill: collecting until the cushion is there. Drain: playing until nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fill { since: Option<Instant> },
    Drain,
}

/// How the pieces of the running item arrive, compared with the time they take to play.
#[derive(Debug)]
struct Arrivals {
    item: ItemKey,
    first: Instant,
    last: Instant,
    media: Duration,
    /// Earliest arrival so far relative to its place in the item (negative: faster than real time), in s.
    earliest: f64,
}

/// A part of an item that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) item: ItemKey,
    pub(crate) samples: Vec<i16>,
    /// Nothing of this item follows.
    pub(crate) is_last: bool,
}

/// Queue and policy. `ahead` is always how much audio is still to be played behind the queue (in the playout ring).
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    rate: u32,
    queue: VecDeque<Piece>,
    queued: usize,
    state: State,
    cushion: Duration,
    /// Where the cushion settles.
    base: Duration,
    /// What the present run really started with.
    used: Duration,
    pace: Pace,
    adapted: Option<Instant>,
    arrivals: Option<Arrivals>,
    dry_since: Option<Instant>,
    open: Option<ItemKey>,
    underruns: u32,
}

impl JitterBuffer {
    /// A buffer for samples at `rate` Hz.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            queue: VecDeque::new(),
            queued: 0,
            state: State::Fill { since: None },
            cushion: STEADY,
            base: STEADY,
            used: STEADY,
            pace: Pace::default(),
            adapted: None,
            arrivals: None,
            dry_since: None,
            open: None,
            underruns: 0,
        }
    }

    /// Samples that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// How much more (positive) or less of the signal shall be made, in parts of one, to keep step with a sender that
    /// follows its own clock.
    pub(crate) fn share(&self) -> f64 {
        self.pace.share()
    }

    /// Whether the item in front has arrived to its end.
    pub(crate) fn is_whole(&self) -> bool {
        let is_end = |front: &Piece| self.queue.iter().any(|piece| piece.item == front.item && piece.is_last);
        self.queue.front().is_some_and(is_end)
    }

    /// Sets the cushion that is known to be needed; it still grows when that is not enough.
    pub(crate) fn set_cushion(&mut self, cushion: Duration) {
        let base = cushion.clamp(STEADY, MOST);
        if std::mem::replace(&mut self.base, base) != base {
            self.cushion = base;
        }
    }

    /// Present start cushion.
    pub(crate) fn cushion(&self) -> Duration {
        self.cushion
    }

    /// Times that an item broke off because nothing had arrived.
    pub(crate) fn underruns(&self) -> u32 {
        self.underruns
    }

    /// Takes a piece from the wire.
    pub(crate) fn push(&mut self, item: ItemKey, samples: Vec<i16>, now: Instant, ahead: Duration) {
        if samples.is_empty() {
            return;
        }
        self.measure(item, samples.len(), now, ahead);
        if let Some(since) = self.dry_since.take().filter(|_| self.open == Some(item)) {
            // It came this late: next time, start with that much more than this time.
            self.underruns += 1;
            self.raise(self.used.min(MOST) + now.saturating_duration_since(since) + STEADY);
            self.arrivals = None;
        }
        if let State::Fill { since: since @ None } = &mut self.state {
            *since = Some(now);
        }
        self.queued += samples.len();
        self.queue.push_back(Piece { item, samples, at: 0, is_last: false });
    }

    /// Marks the end of an item.
    pub(crate) fn finish(&mut self, item: ItemKey) {
        if self.open == Some(item) {
            self.dry_since = None;
        }
        if self.arrivals.take_if(|arrivals| arrivals.item == item).is_some() {
            self.pace = Pace::default();
        }
        match self.queue.iter_mut().rev().find(|piece| piece.item == item) {
            Some(piece) => piece.is_last = true,
            None if self.open == Some(item) => {
                self.queue.push_back(Piece { item, samples: Vec::new(), at: 0, is_last: true });
            }
            None => {}
        }
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.state = State::Fill { since: None };
        self.arrivals = None;
        self.pace = Pace::default();
        self.dry_since = None;
        self.open = None;
    }

    /// At most `most` samples that are due now, `None` when there is nothing or more must be collected first.
    pub(crate) fn pop(&mut self, most: usize, now: Instant, ahead: Duration) -> Option<Due> {
        self.relax(now);
        if self.queue.is_empty() {
            self.drained(now, ahead);
            return None;
        }
        if !self.may_start(now, ahead) {
            return None;
        }
        if self.state != State::Drain {
            self.state = State::Drain;
            self.used = self.span(self.queued) + ahead;
        }
        let piece = self.queue.front_mut()?;
        let end = (piece.at + most).min(piece.samples.len());
        let samples = piece.samples.get(piece.at..end).unwrap_or_default().to_vec();
        piece.at = end;
        self.queued -= samples.len();
        let item = piece.item;
        let is_over = end == piece.samples.len();
        let is_last = is_over && piece.is_last;
        if is_over {
            self.queue.pop_front();
        }
        self.open = (!is_last).then_some(item);
        Some(Due { item, samples, is_last })
    }

    /// When waiting for the cushion ends at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Fill { since: Some(since) } if !self.queue.is_empty() => Some(since + self.patience()),
            State::Fill { .. } | State::Drain => None,
        }
    }

    fn may_start(&self, now: Instant, ahead: Duration) -> bool {
        match self.state {
            State::Drain => true,
            State::Fill { since } => {
                self.is_whole()
                    || self.span(self.queued) + ahead >= self.cushion
                    || since.is_some_and(|since| now >= since + self.patience())
            }
        }
    }

    /// A short last piece without an announced end must not wait for ever.
    fn patience(&self) -> Duration {
        self.cushion * 2
    }

    fn drained(&mut self, now: Instant, ahead: Duration) {
        if self.state != State::Drain || !ahead.is_zero() {
            return;
        }
        self.state = State::Fill { since: None };
        // In the middle of an item this is an underrun, but only if more of it arrives.
        self.dry_since = self.open.map(|_| now);
    }

    /// Learns from the time of an arrival: how much later than the earliest one, relative to its place in the item; and
    /// how much of what the run started with was used up until then.
    fn measure(&mut self, item: ItemKey, count: usize, now: Instant, ahead: Duration) {
        let length = self.span(count);
        let left = self.span(self.queued) + ahead;
        match &mut self.arrivals {
            Some(arrivals) if arrivals.item == item => {
                let offset = now.saturating_duration_since(arrivals.first).as_secs_f64() - arrivals.media.as_secs_f64();
                arrivals.media += length;
                let passed = now.saturating_duration_since(std::mem::replace(&mut arrivals.last, now));
                arrivals.earliest = (arrivals.earliest + DRIFT * passed.as_secs_f64()).min(offset);
                let late = Duration::try_from_secs_f64(offset - arrivals.earliest).unwrap_or_default();
                // With plenty queued a late piece harms nobody: the sender is simply faster than real time.
                if left < MOST {
                    self.raise(STEADY + late);
                }
                if self.state == State::Drain && self.used < MOST {
                    self.raise((self.used + LEAST).saturating_sub(left));
                }
                self.pace.arrived(length, left, now);
            }
            Some(_) | None => {
                self.arrivals = Some(Arrivals { item, first: now, last: now, media: length, earliest: 0.0 });
                self.pace = Pace::default();
            }
        }
    }

    fn raise(&mut self, wanted: Duration) {
        self.cushion = self.cushion.max(wanted).min(MOST);
    }

    fn relax(&mut self, now: Instant) {
        let since = *self.adapted.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed < Duration::from_millis(500) {
            return;
        }
        self.adapted = Some(now);
        let excess = self.cushion.saturating_sub(self.base);
        let keep = 0.5_f64.powf(passed.as_secs_f64() / RELEASE.as_secs_f64());
        self.cushion = self.base + excess.mul_f64(keep);
    }

    fn span(&self, samples: usize) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: ItemKey = ItemKey(7);
    const PIECE: usize = 480;

    /// Plays 20 ms pieces that arrive at the given times (ms, in order), in steps of 5 ms with a ring of 30 ms.
    /// Returns the time of the first sample and the times of all underruns (ms).
    fn play(buffer: &mut JitterBuffer, start: Instant, arrivals: &[u64], is_finished: bool) -> (u64, Vec<u64>) {
        let at = |ms: u64| start + Duration::from_millis(ms);
        let end = arrivals.last().copied().unwrap_or_default() + 2_000;
        let (mut next, mut ring, mut first, mut dry) = (0, 0_usize, None, Vec::new());
        for ms in 0..end {
            while arrivals.get(next).is_some_and(|time| *time <= ms) {
                let before = buffer.underruns();
                buffer.push(ITEM, vec![1; PIECE], at(ms), buffer.span(ring));
                if buffer.underruns() > before {
                    dry.push(ms);
                }
                next += 1;
                if is_finished && next == arrivals.len() {
                    buffer.finish(ITEM);
                }
            }
            if ms % 5 == 0 {
                ring = ring.saturating_sub(120);
                while ring < 720 {
                    let Some(due) = buffer.pop(240, at(ms), buffer.span(ring)) else { break };
                    first.get_or_insert(ms);
                    ring += due.samples.len();
                }
            }
        }
        (first.unwrap_or(end), dry)
    }

    /// ±`jitter` ms at random, but in order, as TCP delivers.
    fn random_arrivals(seed: u64, pieces: u64, jitter: u64) -> Vec<u64> {
        let mut state = seed;
        let mut latest = 0;
        (0..pieces)
            .map(|n| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                latest = latest.max(n * 20 + (state >> 33) % (2 * jitter + 1));
                latest
            })
            .collect()
    }

    #[test]
    fn a_burst_starts_at_once_and_never_runs_dry() {
        let mut buffer = JitterBuffer::new(24_000);
        let (first, dry) = play(&mut buffer, Instant::now(), &[0; 100], true);
        assert_eq!((first, dry.len()), (0, 0));
        assert_eq!(buffer.cushion(), STEADY);
    }

    #[test]
    fn a_steady_link_keeps_the_small_cushion() {
        let mut buffer = JitterBuffer::new(24_000);
        let arrivals: Vec<u64> = (0..200).map(|n| n * 10).collect();
        let (first, dry) = play(&mut buffer, Instant::now(), &arrivals, true);
        assert!(first <= 20, "{first}");
        assert!(dry.is_empty());
        assert!(buffer.cushion() < Duration::from_millis(25));
    }

    #[test]
    fn jitter_of_80_ms_gives_no_underruns_after_adapting() {
        let mut learnt = 0;
        for seed in 1..=40 {
            let mut buffer = JitterBuffer::new(24_000);
            let start = Instant::now();
            let (_, dry) = play(&mut buffer, start, &random_arrivals(seed, 250, 80), true);
            learnt += dry.len();
            assert!(dry.iter().all(|ms| *ms < 3_000), "seed {seed}: dry at {dry:?}");
            let later = start + Duration::from_secs(8);
            let (first, dry) = play(&mut buffer, later, &random_arrivals(seed + 1_000, 1_500, 80), true);
            assert!(dry.is_empty(), "seed {seed}: dry at {dry:?} with {:?}", buffer.cushion());
            assert!(first < 500, "{first}");
        }
        assert!(learnt > 0, "the simulation must be hard enough to need adapting");
    }

    #[test]
    fn the_cushion_has_a_limit_and_shrinks_slowly_again() {
        let mut buffer = JitterBuffer::new(24_000);
        let start = Instant::now();
        play(&mut buffer, start, &[0, 900, 1_800, 2_700, 3_600], true);
        assert!(buffer.underruns() > 0);
        assert!(buffer.cushion() > Duration::from_millis(300) && buffer.cushion() <= MOST, "{:?}", buffer.cushion());
        let before = buffer.cushion();
        let mut now = start + Duration::from_secs(6);
        buffer.pop(240, now, Duration::ZERO);
        assert!(buffer.cushion() > before * 3 / 4);
        for _ in 0..240 {
            now += Duration::from_millis(500);
            buffer.pop(240, now, Duration::ZERO);
        }
        assert!(buffer.cushion() < Duration::from_millis(30), "{:?}", buffer.cushion());
    }

    #[test]
    fn a_finished_item_is_spoken_however_short_it_is() {
        let mut buffer = JitterBuffer::new(24_000);
        let now = Instant::now();
        buffer.raise(MOST);
        buffer.push(ITEM, vec![1; 10], now, Duration::ZERO);
        assert_eq!(buffer.pop(240, now, Duration::ZERO), None);
        buffer.finish(ITEM);
        let due = buffer.pop(240, now, Duration::ZERO);
        assert_eq!(due, Some(Due { item: ITEM, samples: vec![1; 10], is_last: true }));
    }

    #[test]
    fn a_short_piece_without_an_end_is_spoken_at_the_deadline() {
        let mut buffer = JitterBuffer::new(24_000);
        let now = Instant::now();
        buffer.push(ITEM, vec![1; 10], now, Duration::ZERO);
        assert_eq!(buffer.pop(240, now, Duration::ZERO), None);
        let deadline = buffer.deadline().unwrap_or(now);
        assert!(deadline > now);
        assert!(buffer.pop(240, deadline, Duration::ZERO).is_some_and(|due| !due.is_last));
    }

    #[test]
    fn the_end_of_an_item_is_not_an_underrun() {
        let mut buffer = JitterBuffer::new(24_000);
        let start = Instant::now();
        let (_, dry) = play(&mut buffer, start, &[0, 0, 0], true);
        assert!(dry.is_empty());
        let (_, dry) = play(&mut buffer, start + Duration::from_secs(5), &[0, 0, 0], false);
        assert!(dry.is_empty());
        buffer.finish(ITEM);
        let later = start + Duration::from_secs(20);
        assert!(buffer.pop(240, later, Duration::ZERO).is_some_and(|due| due.is_last));
        buffer.push(ItemKey(8), vec![1; 480], later, Duration::ZERO);
        assert_eq!(buffer.underruns(), 0);
    }

    #[test]
    fn clearing_leaves_nothing() {
        let mut buffer = JitterBuffer::new(24_000);
        let now = Instant::now();
        buffer.push(ITEM, vec![1; 4_800], now, Duration::ZERO);
        buffer.clear();
        assert_eq!((buffer.queued(), buffer.deadline()), (0, None));
        assert_eq!(buffer.pop(240, now + Duration::from_secs(9), Duration::ZERO), None);
    }

    #[test]
    fn a_known_need_is_the_start_and_the_floor_of_the_cushion() {
        let mut buffer = JitterBuffer::new(24_000);
        let known = Duration::from_millis(90);
        buffer.set_cushion(known);
        let mut now = Instant::now();
        buffer.push(ITEM, vec![1; 24 * 60], now, Duration::ZERO);
        assert_eq!(buffer.pop(240, now, Duration::ZERO), None);
        buffer.raise(MOST);
        for _ in 0..600 {
            now += Duration::from_millis(500);
            buffer.pop(240, now, Duration::ZERO);
        }
        assert!(buffer.cushion() >= known && buffer.cushion() < known + STEADY, "{:?}", buffer.cushion());
        buffer.set_cushion(Duration::from_secs(9));
        assert_eq!(buffer.cushion(), MOST);
    }

    #[test]
    fn large_pieces_in_real_time_are_learnt_from_one_underrun() {
        let mut buffer = JitterBuffer::new(24_000);
        let mut now = Instant::now();
        let mut ahead = Duration::ZERO;
        let piece = Duration::from_millis(100);
        for ms in 0..4_000 {
            if ms % 100 == 0 {
                buffer.push(ITEM, vec![1; 2_400], now, ahead);
            }
            while ahead < Duration::from_millis(30) {
                let Some(due) = buffer.pop(240, now, ahead) else { break };
                ahead += buffer.span(due.samples.len());
            }
            ahead = ahead.saturating_sub(Duration::from_millis(1));
            now += Duration::from_millis(1);
        }
        assert!(buffer.underruns() <= 1, "{}", buffer.underruns());
        assert!(buffer.cushion() > piece, "{:?}", buffer.cushion());
    }

    #[test]
    fn no_order_of_arrivals_loses_repeats_or_reorders_a_sample() {
        let mut state = 7_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for run in 0..300 {
            let mut buffer = JitterBuffer::new(24_000);
            let mut now = Instant::now();
            let mut ahead = Duration::ZERO;
            let (mut sent, mut said, mut ends) = (Vec::new(), Vec::new(), 0);
            let mut item = ItemKey(0);
            let items = 1 + random(5);
            while said.len() < sent.len() || item.0 < items {
                if item.0 < items && random(3) == 0 {
                    let from = sent.len() as i16;
                    let piece: Vec<i16> = (from..from + random(900) as i16).collect();
                    sent.extend(piece.iter().map(|sample| (item, *sample)));
                    buffer.push(item, piece, now, ahead);
                    if random(12) == 0 || sent.len() > 30_000 {
                        buffer.finish(item);
                        item = ItemKey(item.0 + if sent.len() > 30_000 { items } else { 1 });
                    }
                }
                if random(2) == 0
                    && let Some(due) = buffer.pop(1 + random(400) as usize, now, ahead)
                {
                    ahead += buffer.span(due.samples.len());
                    said.extend(due.samples.iter().map(|sample| (due.item, *sample)));
                    ends += u64::from(due.is_last);
                }
                let passed = Duration::from_millis(random(40));
                now += passed;
                ahead = ahead.saturating_sub(passed);
            }
            assert!(said == sent, "run {run}");
            assert_eq!(buffer.queued(), 0);
            assert!(ends <= items);
        }
    }

    /// An hour of pieces of 20 ms, ±15 ms late, for a speaker whose clock is off. Returns how often that ran dry
    /// after the first minute, and the longest queue, in s.
    fn hour(ppm: f64, is_corrected: bool) -> (u32, f64) {
        let mut buffer = JitterBuffer::new(24_000);
        let start = Instant::now();
        let arrivals = random_arrivals(3, 180_000, 15);
        let (mut next, mut ahead, mut dry, mut longest) = (0, 0.0_f64, 0, 0.0_f64);
        for ms in (0..3_600_000).step_by(5) {
            let now = start + Duration::from_millis(ms);
            while arrivals.get(next).is_some_and(|time| *time <= ms) {
                buffer.push(ITEM, vec![1; PIECE], now, Duration::from_secs_f64(ahead));
                next += 1;
            }
            while ahead < 0.030 {
                let Some(due) = buffer.pop(240, now, Duration::from_secs_f64(ahead)) else { break };
                let share = if is_corrected { buffer.share() } else { 0.0 };
                ahead += buffer.span(due.samples.len()).as_secs_f64() * (1.0 + share);
            }
            ahead -= 0.005 * (1.0 + ppm * 1e-6);
            dry += u32::from(ahead < 0.0 && ms > 60_000);
            ahead = ahead.max(0.0);
            longest = longest.max(buffer.span(buffer.queued()).as_secs_f64() + ahead);
        }
        (dry, longest)
    }

    #[test]
    fn a_sender_and_a_speaker_200_ppm_apart_stay_together_for_an_hour() {
        for ppm in [-200.0, 200.0] {
            let (dry, longest) = hour(ppm, true);
            assert_eq!(dry, 0, "{ppm} ppm");
            assert!(longest < 0.6, "{ppm} ppm: {longest} s");
        }
        let alone = (hour(200.0, false), hour(-200.0, false));
        assert!(alone.0.0 > 0 && alone.1.1 > 0.6, "the hour must be hard enough to need it: {alone:?}");
    }
}
