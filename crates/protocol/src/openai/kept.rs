//! What was said and not answered, handed out and taken back: so the caller can keep it beyond this run.

use super::realtime::Realtime;
use super::timeline::{Side, Stage, Utterance, duration_of};
use crate::{Delivery, ItemId, Kind, Role, Said};

impl Realtime {
    pub(crate) fn utterance(&self, id: ItemId, from: usize) -> Option<Vec<i16>> {
        let entry = self.timeline.find(id).filter(|entry| entry.is_spoken())?;
        let utterance = entry.utterance().filter(|utterance| utterance.stage != Stage::Settled)?;
        let is_heard = self.link.speech.as_ref().is_some_and(|speech| speech.item == id && speech.is_going_on());
        let is_resumed = self.resumed == Some(id);
        if let Some(start) = self.link.turn_from().filter(|_| is_heard || is_resumed) {
            let from = start + from as u64;
            return (from <= self.link.ring.end()).then(|| self.link.ring.cut(from, u64::MAX));
        }
        if is_resumed {
            return (from <= self.backlog.len()).then(|| self.backlog.range(from..).copied().collect());
        }
        utterance.pcm.get(from..).map(<[i16]>::to_vec)
    }

    /// Puts something of an earlier run into the conversation; only the user sends it.
    pub(super) fn restore(&mut self, said: Said<'_>) {
        let (kind, pcm, text) = match said {
            Said::Spoken(pcm) => (Kind::Spoken, pcm.to_vec(), ""),
            Said::Typed(text) => (Kind::Typed, Vec::new(), text),
        };
        if pcm.is_empty() && text.trim().is_empty() {
            return;
        }
        let duration = duration_of(pcm.len() as u64);
        let is_spoken = kind == Kind::Spoken;
        let utterance = Utterance { pcm, is_restored: true, ..Utterance::new(Stage::Held, is_spoken) };
        let id = self.timeline.push(Role::User, kind, Delivery::Kept, Side::User(utterance));
        self.timeline.put_behind_restored();
        let is_final = !is_spoken || self.config.transcription.is_none();
        if let Some((item, _)) = self.timeline.utterance_mut(id) {
            item.duration = duration;
            item.is_final = is_final;
            text.clone_into(&mut item.text);
        }
        self.tell(id);
    }
}
