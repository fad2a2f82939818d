//! Cutting an answer short: what is silenced, and what the model shall remember of it.

use std::time::{Duration, Instant};

use super::answer::write_caption;
use super::client;
use super::link::Purpose;
use super::realtime::Realtime;
use super::response::Slot;
use super::timeline::{Answer, Side, duration_of};
use crate::{Delivery, Item, ItemId, Output};

/// Whether a response was cut, and how its question stands then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    No,
    /// By another turn of the user: an answer that had not begun is still owed.
    Spoken,
    /// By the user who still holds the floor: the answer is owed when the floor is free.
    Early,
    /// By the user's wish for silence: nothing is owed.
    Stopped,
}

impl Realtime {
    /// The user takes the floor: silence, and no more of the present answer.
    pub(super) fn interrupt(&mut self, now: Instant) {
        self.put_calls_aside();
        self.silence(Cut::Spoken);
        self.cancel_cut(now);
    }

    /// The provider heard the user speak and stops generating by itself.
    pub(super) fn yield_floor(&mut self) {
        self.put_calls_aside();
        if !matches!(self.link.slot, Slot::Requested { .. }) {
            self.silence(Cut::Spoken);
        }
    }

    pub(super) fn stop(&mut self, now: Instant) {
        self.link.continues = false;
        self.put_calls_aside();
        self.stop_waiting();
        self.link.is_due_stopped = self.link.answer_due.is_some();
        self.silence(Cut::Stopped);
        self.cancel_cut(now);
    }

    fn cancel_cut(&mut self, now: Instant) {
        if self.link.slot.active_mut().is_some() {
            self.cancel(now);
        }
    }

    fn silence(&mut self, how: Cut) {
        let mut is_answering = false;
        match &mut self.link.slot {
            Slot::Free => {}
            Slot::Requested { cut, .. } => *cut = stronger(*cut, how),
            Slot::Active(response) => {
                is_answering = response.cut == Cut::No;
                response.cut = stronger(response.cut, how);
                for id in response.items.clone() {
                    if let Some((item, answer)) = self.timeline.answer_mut(id) {
                        answer.is_cut |= item.delivery == Delivery::Arriving;
                    }
                }
            }
        }
        let mut is_audible = false;
        for entry in self.timeline.entries_mut() {
            if let Side::Assistant(answer) = &mut entry.side
                && answer.received > 0
                && !answer.is_played
                && !answer.is_cut
            {
                answer.is_cut = true;
                is_audible = true;
            }
        }
        if is_answering || is_audible {
            self.output(Output::Flush);
        }
    }

    pub(super) fn played(&mut self, id: ItemId) {
        if let Some((_, answer)) = self.timeline.answer_mut(id) {
            answer.is_played = true;
        }
    }

    /// How much of an item was heard when it was silenced. The model is told: what was heard stays, an item of
    /// which nothing was heard goes; one that was heard to its end is left alone (truncating it would cost the model
    /// its words).
    pub(super) fn interrupted(&mut self, id: ItemId, heard: Duration) {
        let wire = self.timeline.find(id).and_then(|entry| entry.wire.clone());
        let Some((item, answer)) = self.timeline.answer_mut(id) else { return };
        if answer.received == 0 || answer.is_split {
            return;
        }
        answer.is_cut = true;
        let heard_ms = to_ms(heard).min(to_ms(duration_of(answer.received)));
        let is_heard_out = heard_ms >= to_ms(duration_of(answer.received));
        if is_heard_out && item.delivery == Delivery::Complete {
            answer.is_played = true;
            return;
        }
        split(item, answer, heard);
        let (is_replayed, text) = (answer.is_replayed, item.text.clone());
        self.tell(id);
        let Some(wire) = wire else { return };
        if heard_ms == 0 {
            self.delete_unheard(id, wire);
        } else if is_replayed {
            // It was still playing when the connection was replaced: there is no sound of it to truncate there.
            self.delete_unheard(id, wire);
            if !text.is_empty() {
                self.replay_answer(id, &text);
            }
        } else {
            let event =
                client::Event::Truncate { item_id: &wire, content_index: 0, audio_end_ms: heard_ms, heard: &text };
            self.transmit(event, Purpose::Upkeep);
        }
    }

    pub(super) fn delete_now(&mut self) {
        for wire in std::mem::take(&mut self.link.deletions) {
            self.transmit(client::Event::Delete { item_id: &wire }, Purpose::Upkeep);
        }
    }
}

fn stronger(one: Cut, other: Cut) -> Cut {
    match (one, other) {
        (Cut::Stopped, _) | (Cut::Early, Cut::Spoken) => one,
        (Cut::No | Cut::Spoken | Cut::Early, _) => other,
    }
}

/// Whole milliseconds, as the wire counts them.
fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Divides the words of an answer where its sound was cut.
pub(super) fn split(item: &mut Item, answer: &mut Answer, heard: Duration) {
    let received = duration_of(answer.received);
    let heard = heard.min(received);
    answer.is_split = true;
    item.heard = Some(heard);
    item.is_final = true;
    item.delivery = Delivery::Interrupted;
    write_caption(item, answer);
}

/// How many characters of a caption were heard, in proportion to the sound and back to the end of a word.
pub(super) fn words_heard(full: &str, heard: Duration, whole: Duration) -> usize {
    let characters: Vec<char> = full.chars().collect();
    if heard.is_zero() || whole.is_zero() {
        return 0;
    }
    if heard >= whole {
        return characters.len();
    }
    let share = heard.as_secs_f64() / whole.as_secs_f64();
    let aim = ((characters.len() as f64 * share).round() as usize).min(characters.len());
    let joins = |character: &char| character.is_alphanumeric() && *character < UNSPACED;
    let is_inside_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        before.is_some_and(joins) && characters.get(at).is_some_and(joins)
    };
    (0..=aim).rev().find(|at| !is_inside_word(*at)).unwrap_or(0)
}

/// From here on scripts are mostly written without spaces (CJK): a word may end anywhere.
const UNSPACED: char = '\u{2E80}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_cut_behind_a_word_in_proportion_to_the_sound() {
        let second = Duration::from_secs(1);
        let cut = |text: &str, tenths: u32| {
            let at = words_heard(text, second * tenths, second * 10);
            text.chars().take(at).collect::<String>()
        };
        assert_eq!(cut("one two three four", 5), "one two ");
        assert_eq!(cut("one two three four", 0), "");
        assert_eq!(cut("one two three four", 10), "one two three four");
        assert_eq!(cut("one two three four", 20), "one two three four");
        assert_eq!(cut("Donaudampfschiff", 5), "");
        assert_eq!(cut("你好世界再见朋友你好", 5), "你好世界再");
        assert_eq!(cut("äöü äöü", 6), "äöü ");
        assert_eq!(cut("", 5), "");
        assert_eq!(words_heard("no sound", second, Duration::ZERO), 0);
    }
}
