//! The session's clock, which is the sound that it is given: without sound the model neither speaks nor listens, so
//! silence goes out while the microphone gives none. Never faster than time passes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;

/// 20 ms of the microphone go out at once.
const PIECE: usize = SAMPLE_RATE as usize / 50;
/// 100 ms of silence do.
const SILENCE: usize = SAMPLE_RATE as usize / 10;
/// The microphone's frames come unevenly: they may be this far ahead of time.
const AHEAD: Duration = Duration::from_millis(60);
/// A microphone that may be muted has stopped when nothing came of it for this long.
const MISSED: Duration = Duration::from_millis(150);
/// In the middle of an utterance silence would split it: a busy machine gets more time.
const AWAITED: Duration = Duration::from_secs(1);
/// What a stall left out is not made up for beyond this.
const STALL: Duration = Duration::from_millis(500);
/// More than this behind, pauses are cut short to this length.
const LAG: usize = SAMPLE_RATE as usize / 2;
const PAUSE: usize = SAMPLE_RATE as usize * 3 / 10;
/// Below this level (-48 dBFS) it is a pause.
const QUIET: u16 = 130;

/// A piece of the input track.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) pcm: Vec<i16>,
    pub(super) is_microphone: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    queue: VecDeque<i16>,
    /// The track was sent up to this moment.
    covered: Instant,
    /// When it is to be heard again at the latest.
    microphone_due: Option<Instant>,
    /// Samples sent: the session's clock.
    sent: u64,
    /// Samples of the microphone that have left the queue.
    taken: u64,
    /// How long the pause at the head of the queue is by now, in samples.
    pause: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { queue: VecDeque::new(), covered: now, microphone_due: None, sent: 0, taken: 0, pause: 0 }
    }

    /// The session has started: its clock runs from now.
    pub(super) fn start(&mut self, now: Instant) {
        self.covered = now;
    }

    /// Sound of the microphone; `is_utterance`: more will follow until [`Pace::end`].
    pub(super) fn hear(&mut self, pcm: &[i16], is_utterance: bool, now: Instant) {
        self.queue.extend(pcm);
        self.microphone_due = Some(now + if is_utterance { AWAITED } else { MISSED });
    }

    /// No more comes of this utterance: its last, short piece is filled up.
    pub(super) fn end(&mut self) {
        self.queue.resize(self.queue.len().next_multiple_of(PIECE), 0);
        self.microphone_due = None;
    }

    /// Position behind everything that was heard, in samples of the microphone.
    pub(super) fn position(&self) -> u64 {
        self.taken + self.queue.len() as u64
    }

    /// What was heard from `position` on is not sent, as far as that is still possible.
    pub(super) fn forget(&mut self, position: u64) {
        self.queue.truncate(usize::try_from(position.saturating_sub(self.taken)).unwrap_or(usize::MAX));
        self.end();
    }

    /// The session's clock, in ms.
    pub(super) fn clock(&self) -> u64 {
        self.sent * 1_000 / u64::from(SAMPLE_RATE)
    }

    /// Where the clock will be when everything that was heard is sent, in ms.
    pub(super) fn clock_behind(&self) -> u64 {
        self.clock() + self.queue.len() as u64 * 1_000 / u64::from(SAMPLE_RATE)
    }

    /// Whether more waits than a frame or two.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.len() > LAG
    }

    /// The next piece that is due.
    pub(super) fn next(&mut self, now: Instant) -> Option<Piece> {
        if let Some(earliest) = now.checked_sub(STALL) {
            self.covered = self.covered.max(earliest);
        }
        self.skip_pauses();
        if self.deadline() > now {
            return None;
        }
        let is_microphone = self.queue.len() >= PIECE;
        let length = if is_microphone { PIECE } else { SILENCE };
        let mut pcm = self.take(length);
        pcm.resize(length, 0);
        self.sent += length as u64;
        self.covered += Duration::from_micros(length as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
        Some(Piece { pcm, is_microphone })
    }

    /// When the next piece is due.
    pub(super) fn deadline(&self) -> Instant {
        if self.queue.len() >= PIECE {
            return (self.covered + Duration::from_millis(20)).checked_sub(AHEAD).unwrap_or(self.covered);
        }
        let silence = self.covered + Duration::from_millis(100);
        self.microphone_due.map_or(silence, |due| silence.max(due))
    }

    fn take(&mut self, length: usize) -> Vec<i16> {
        let pcm: Vec<i16> = self.queue.drain(..length.min(self.queue.len())).collect();
        self.taken += pcm.len() as u64;
        self.pause = if is_quiet(pcm.iter()) { self.pause + pcm.len() } else { 0 };
        pcm
    }

    /// What waited for the connection catches up with time in its pauses, as words cannot go faster.
    fn skip_pauses(&mut self) {
        while self.is_behind() && self.pause >= PAUSE && is_quiet(self.queue.iter().take(PIECE)) {
            self.take(PIECE);
        }
    }
}

fn is_quiet<'a>(mut pcm: impl Iterator<Item = &'a i16>) -> bool {
    pcm.all(|sample| sample.unsigned_abs() < QUIET)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any origin will do")]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Milliseconds that went out: of the microphone, of silence.
    fn drain(pace: &mut Pace, now: Instant) -> (usize, usize) {
        let (mut microphone, mut silence) = (0, 0);
        while let Some(piece) = pace.next(now) {
            let ms = piece.pcm.len() / 24;
            if piece.is_microphone { microphone += ms } else { silence += ms }
        }
        (microphone, silence)
    }

    #[test]
    fn without_a_microphone_silence_keeps_the_clock_running_in_real_time() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        let mut total = 0;
        while now < start + 10_000 * MS {
            now = pace.deadline();
            let (microphone, silence) = drain(&mut pace, now);
            assert_eq!((microphone, silence), (0, 100));
            total += silence;
            assert!(start + total as u32 * MS <= now, "never ahead of time");
        }
        assert_eq!(pace.clock(), 10_000);
    }

    #[test]
    fn a_stall_is_not_made_up_for_with_a_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(drain(&mut pace, start + 30_000 * MS), (0, 500));
        pace.hear(&[1_000; 24 * 5_000], false, start + 30_000 * MS);
        let (microphone, _) = drain(&mut pace, start + 60_000 * MS);
        assert!((500..=560).contains(&microphone), "{microphone}");
    }

    #[test]
    fn frames_of_the_microphone_go_out_at_once_and_uneven_ones_bring_no_silence_between_them() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut microphone, mut silence) = (0, 0);
        for frame in 1..=200_u32 {
            let late = if frame % 7 == 0 { 90 } else { 0 };
            let now = start + (frame * 10 + late) * MS;
            pace.hear(&[1_000; 240], false, now);
            let (more, quiet) = drain(&mut pace, now);
            (microphone, silence) = (microphone + more, silence + quiet);
        }
        assert_eq!(silence, 0);
        assert!(microphone >= 1_900, "{microphone}");
    }

    #[test]
    fn what_waited_goes_out_at_real_time_and_its_pauses_are_cut() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.hear(&[1_000; 24 * 2_000], false, start);
        pace.hear(&[0; 24 * 5_000], false, start);
        pace.hear(&[1_000; 24 * 1_000], false, start);
        pace.end();
        let mut sent = 0;
        for ms in (0..6_000).step_by(20) {
            sent += drain(&mut pace, start + ms * MS).0;
            assert!(sent <= ms as usize + 60, "{sent} ms after {ms}");
        }
        assert!((3_200..4_200).contains(&sent), "{sent}");
    }

    #[test]
    fn what_is_taken_back_is_not_sent() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.hear(&[1_000; 24 * 100], false, start);
        pace.end();
        let from = pace.position();
        pace.hear(&[1_000; 24 * 400], false, start);
        pace.forget(from);
        assert_eq!(drain(&mut pace, start + 400 * MS).0, 100);
    }
}
