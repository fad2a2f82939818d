//! What the user said, as text, and its place in the conversation. Both may come at any time.

use super::realtime::Realtime;
use super::timeline::Utterance;
use crate::{Item, ItemId};

impl Realtime {
    /// A user item as the provider tells it: servers that do not acknowledge commits say at least this.
    pub(super) fn user_item_added(&mut self, wire: &str, previous: Option<&str>) {
        if self.timeline.by_wire(wire).is_none() {
            self.acknowledged(wire);
        }
        self.place_user_item(wire, previous);
    }

    pub(super) fn place_user_item(&mut self, wire: &str, previous: Option<&str>) {
        let by_wire = |wire: &str| self.timeline.by_wire(wire);
        let (Some(id), Some(anchor)) = (by_wire(wire), previous.and_then(by_wire)) else { return };
        if self.timeline.utterance_mut(id).is_some() && self.timeline.settle_behind(id, anchor) {
            self.tell(id);
        }
    }

    pub(super) fn user_caption_delta(&mut self, wire: &str, delta: &str) {
        self.caption_user(wire, |item, utterance| {
            if item.is_final {
                return false;
            }
            if std::mem::take(&mut utterance.is_caption_stale) {
                item.text.clear();
            }
            item.text.push_str(delta);
            true
        });
    }

    /// The words so far, in the place of those before.
    pub(super) fn user_words_so_far(&mut self, wire: &str, words: &str) {
        self.caption_user(wire, |item, utterance| {
            if item.is_final {
                return false;
            }
            utterance.is_caption_stale = false;
            words.clone_into(&mut item.text);
            true
        });
    }

    /// The final words; `None`: what came is all there will be.
    pub(super) fn user_caption(&mut self, wire: &str, words: Option<&str>) {
        self.caption_user(wire, |item, utterance| {
            if let Some(words) = words {
                words.clone_into(&mut item.text);
                utterance.is_caption_stale = false;
            }
            item.is_final = true;
            true
        });
    }

    fn caption_user(&mut self, wire: &str, write: impl FnOnce(&mut Item, &mut Utterance) -> bool) {
        if !wire.is_empty() && self.timeline.by_wire(wire).is_none() {
            self.acknowledged(wire);
        }
        let Some(id) = self.timeline.by_wire(wire) else { return };
        let has_changed = |(item, utterance): (&mut Item, &mut Utterance)| write(item, utterance);
        if self.timeline.utterance_mut(id).is_some_and(has_changed) {
            self.tell(id);
        }
    }

    /// The item goes out once more.
    pub(super) fn count_attempt(&mut self, id: ItemId) {
        if let Some((_, utterance)) = self.timeline.utterance_mut(id) {
            utterance.attempts = utterance.attempts.saturating_add(1);
            utterance.is_caption_stale = utterance.attempts > 1;
        }
    }
}
