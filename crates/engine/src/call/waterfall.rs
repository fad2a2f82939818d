//! Where the time of a turn goes, from the user's last voiced sample to the first audible one of the answer. Time is a
//! parameter.

use std::time::Instant;

use protocol::ItemId;

use crate::api::{Supply, Waterfall};
use crate::board::Board;
use crate::latency::Answered;

use super::Call;
use super::view::{millis, names, unix_ms};

/// The watch of the present turn.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    /// When the microphone heard a voice last, since the turn before.
    voice: Option<Instant>,
    /// What the turn that is being spoken found; further turns of an open microphone go over the same connection.
    supply: Option<Supply>,
    turn: Option<Turn>,
}

#[derive(Debug)]
struct Turn {
    zero: Instant,
    is_typed: bool,
    supply: Supply,
    end: Option<Instant>,
    /// When, and the newest item then: what answers is newer.
    request: Option<(Instant, Option<ItemId>)>,
    delta: Option<(Instant, ItemId)>,
}

impl Stopwatch {
    /// A spoken turn begins: what was heard before is not part of it.
    pub(super) fn begin(&mut self, supply: Supply) {
        self.voice = None;
        self.supply = Some(supply);
    }

    /// The microphone hears a voice.
    pub(super) fn voice(&mut self, now: Instant) {
        self.voice = Some(now);
    }

    /// A spoken turn is over. Without a voice it counts from here.
    pub(super) fn end(&mut self, now: Instant) {
        let zero = self.voice.take().unwrap_or(now);
        let supply = self.supply.take().unwrap_or(Supply::Reused);
        self.turn = Some(Turn { zero, is_typed: false, supply, end: Some(now), request: None, delta: None });
    }

    /// A message was sent.
    pub(super) fn typed(&mut self, now: Instant) {
        self.turn =
            Some(Turn { zero: now, is_typed: true, supply: Supply::Reused, end: None, request: None, delta: None });
    }

    /// What the message found that was sent.
    pub(super) fn supplied(&mut self, supply: Supply) {
        if let Some(turn) = &mut self.turn {
            turn.supply = supply;
        }
    }

    /// An answer was asked for; after a lost connection once more. `newest` is the newest item of the conversation.
    pub(super) fn request(&mut self, newest: Option<ItemId>, now: Instant) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.delta.is_none()) {
            turn.request = Some((now, newest));
        }
    }

    /// A piece of an answer came: the first one counts.
    pub(super) fn delta(&mut self, item: ItemId, now: Instant) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.delta.is_none())
            && turn.request.is_some_and(|(_, newest)| Some(item) > newest)
        {
            turn.delta = Some((now, item));
        }
    }

    /// `item` becomes audible at `at`: that ends the turn it answers.
    pub(super) fn sound(&mut self, item: ItemId, at: Instant) -> Option<(ItemId, Waterfall)> {
        self.turn.as_ref().filter(|turn| turn.delta.is_some_and(|(_, answer)| answer == item))?;
        self.turn.take()?.waterfall(Some(at))
    }

    /// Nothing more is to come: what is known of the turn, if it was answered at all.
    pub(super) fn close(&mut self) -> Option<(ItemId, Waterfall)> {
        self.turn.as_ref().filter(|turn| turn.delta.is_some())?;
        self.turn.take()?.waterfall(None)
    }

    /// What answers the present turn, as far as it came.
    pub(super) fn answer(&self) -> Option<ItemId> {
        self.turn.as_ref()?.delta.map(|(_, item)| item)
    }
}

impl Turn {
    fn waterfall(&self, sound: Option<Instant>) -> Option<(ItemId, Waterfall)> {
        let (delta, item) = self.delta?;
        let mut last = 0;
        let mut step = |at: Option<Instant>| {
            let at = at?;
            last = last.max(millis(at.saturating_duration_since(self.zero)));
            Some(last)
        };
        let waterfall = Waterfall {
            is_typed: self.is_typed,
            supply: Some(self.supply),
            turn_end_ms: step(self.end),
            request_ms: step(self.request.map(|(at, _)| at)),
            first_delta_ms: step(Some(delta)),
            first_sound_ms: step(sound),
        };
        Some((item, waterfall))
    }
}

impl Call {
    /// Nothing more comes of the turn that was answered last.
    pub(super) fn close_turn(&mut self, board: &mut Board) {
        let told = self.stopwatch.close();
        self.keep_waterfall(told, board);
    }

    /// Tells where the time of a turn went, and keeps it for the statistics.
    pub(super) fn keep_waterfall(&mut self, told: Option<(ItemId, Waterfall)>, board: &mut Board) {
        let Some((item, waterfall)) = told else { return };
        self.first_sound_ms = waterfall.first_sound_ms.or(self.first_sound_ms);
        self.marks.of(item).waterfall = Some(waterfall);
        self.publish_item(item, board);
        let settings = board.settings();
        let (model, _) = names(settings);
        let (provider, route, mode) = (settings.call.provider, settings.call.route, settings.call.mode);
        self.journal.keep(Answered { at: unix_ms(), provider, model, route, mode, waterfall });
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    const QUESTION: ItemId = ItemId(1);
    const ANSWER: ItemId = ItemId(2);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_spoken_turn_has_all_steps_from_the_last_voice() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.begin(Supply::Warm);
        watch.voice(at(start, 500));
        watch.voice(at(start, 1_000));
        watch.end(at(start, 1_400));
        watch.request(Some(QUESTION), at(start, 1_410));
        watch.delta(ANSWER, at(start, 1_800));
        watch.delta(ANSWER, at(start, 1_900));
        let (item, waterfall) = watch.sound(ANSWER, at(start, 1_850)).unwrap();
        let wanted = Waterfall {
            is_typed: false,
            supply: Some(Supply::Warm),
            turn_end_ms: Some(400),
            request_ms: Some(410),
            first_delta_ms: Some(800),
            first_sound_ms: Some(850),
        };
        assert_eq!((item, waterfall), (ANSWER, wanted));
        assert_eq!((watch.close(), watch.sound(ANSWER, at(start, 2_000))), (None, None), "a turn is told once");
    }

    #[test]
    fn a_typed_turn_has_no_steps_of_a_voice() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.voice(at(start, 0));
        watch.typed(at(start, 1_000));
        watch.supplied(Supply::Cold);
        watch.request(Some(QUESTION), at(start, 1_001));
        watch.delta(ANSWER, at(start, 1_300));
        let (_, waterfall) = watch.close().unwrap();
        assert_eq!((waterfall.is_typed, waterfall.supply), (true, Some(Supply::Cold)));
        assert_eq!((waterfall.turn_end_ms, waterfall.request_ms), (None, Some(1)));
        assert_eq!((waterfall.first_delta_ms, waterfall.first_sound_ms), (Some(300), None));
    }

    #[test]
    fn silence_counts_from_the_end_of_the_turn() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.voice(start);
        watch.begin(Supply::Cold);
        watch.end(at(start, 700));
        watch.request(None, at(start, 710));
        watch.delta(ANSWER, at(start, 900));
        assert_eq!(watch.close().unwrap().1.turn_end_ms, Some(0));
    }

    #[test]
    fn further_turns_of_a_call_go_over_the_connection_of_the_first() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.begin(Supply::Warm);
        let supplies = [0, 1, 2].map(|_| {
            watch.end(start);
            watch.request(None, start);
            watch.delta(ANSWER, start);
            watch.close().unwrap().1.supply.unwrap()
        });
        assert_eq!(supplies, [Supply::Warm, Supply::Reused, Supply::Reused]);
    }

    #[test]
    fn an_older_item_is_no_answer() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.typed(start);
        watch.delta(ANSWER, start);
        assert_eq!(watch.answer(), None, "nothing was asked for");
        watch.request(Some(ItemId(5)), start);
        watch.delta(ANSWER, start);
        assert_eq!((watch.answer(), watch.close(), watch.sound(ANSWER, start)), (None, None, None));
        watch.delta(ItemId(6), start);
        assert_eq!(watch.answer(), Some(ItemId(6)));
        assert_eq!(watch.sound(ItemId(7), start), None, "another item");
    }

    #[test]
    fn after_a_lost_connection_the_request_that_was_answered_counts() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.typed(start);
        watch.request(Some(QUESTION), at(start, 5));
        watch.request(Some(QUESTION), at(start, 3_000));
        watch.delta(ANSWER, at(start, 3_100));
        watch.request(Some(ANSWER), at(start, 9_000));
        assert_eq!(watch.close().unwrap().1.request_ms, Some(3_000));
    }

    #[test]
    fn no_order_of_events_makes_a_step_fall() {
        let (mut state, start) = (1_u64, Instant::now());
        let mut told = 0;
        let mut watch = Stopwatch::default();
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (now, item) = (at(start, (state >> 20) % 5_000), ItemId((state >> 50) % 4));
            let waterfall = match (state >> 33) % 8 {
                0 => watch.sound(item, now),
                1 => watch.close(),
                kind => {
                    match kind {
                        2 => watch.begin(Supply::Cold),
                        3 => watch.voice(now),
                        4 => watch.end(now),
                        5 => watch.typed(now),
                        6 => watch.request(Some(item), now),
                        _ => watch.delta(item, now),
                    }
                    None
                }
            };
            let Some((_, waterfall)) = waterfall else { continue };
            told += 1;
            let steps =
                [waterfall.turn_end_ms, waterfall.request_ms, waterfall.first_delta_ms, waterfall.first_sound_ms];
            assert!(steps.into_iter().flatten().is_sorted(), "{waterfall:?}");
        }
        assert!(told > 50);
    }
}
