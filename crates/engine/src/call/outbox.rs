//! What has no answer goes to the outbox, and comes back from it.

use std::time::Instant;

use protocol::{Delivery, Input, Item, ItemId, Kind, Role};
use tokio::sync::oneshot;

use crate::api::{Mode, Problem, Provider};
use crate::board::Board;
use crate::outbox::{Kept, Said};

use super::Call;

impl Call {
    /// An item is new or changed. Turns of the practice partner are not kept: it needs no network, no key and no
    /// account, so nothing keeps it from answering, and nobody's keychain should open for a first try. A turn that
    /// it could not answer and that another voice shall take up is kept from then on.
    pub(super) fn journal(&mut self, item: &Item, board: &Board) {
        if item.role != Role::User {
            return;
        }
        let is_practice = board.settings().call.provider == Provider::Practice;
        if is_practice && !self.outbox.knows(item.id) {
            return;
        }
        let at = self.marks.of(item.id).at;
        match item.delivery {
            Delivery::Recording => self.outbox.begin(item.id, at, Instant::now()),
            Delivery::Sent | Delivery::Kept => self.journal_whole(item, at, board),
            Delivery::Answered | Delivery::Failed | Delivery::Arriving | Delivery::Complete | Delivery::Interrupted => {
                self.outbox.forget(item.id)
            }
        }
    }

    fn journal_whole(&mut self, item: &Item, at: i64, board: &Board) {
        let (is_whole, taken) = self.outbox.progress(item.id, at);
        if is_whole {
            return;
        }
        if item.kind == Kind::Typed {
            return self.outbox.words(item.id, item.text.clone());
        }
        // The provider's detector decides only at the end where a turn of the open microphone began and stopped.
        let is_told = board.settings().call.mode == Mode::Ptt && taken > 0;
        let rest = if is_told { self.session.utterance(item.id, taken) } else { None };
        let is_anew = rest.is_none();
        if let Some(pcm) = rest.or_else(|| self.session.utterance(item.id, 0)) {
            self.outbox.end(item.id, pcm, is_anew);
        }
    }

    /// While somebody speaks: what was said since the last time, every few seconds.
    pub(super) fn journal_speech(&mut self) {
        if let Some((item, from)) = self.outbox.due(Instant::now())
            && let Some(pcm) = self.session.utterance(item, from).filter(|pcm| !pcm.is_empty())
        {
            self.outbox.speech(item, pcm);
        }
    }

    /// An earlier run left this.
    pub(super) fn restore(&mut self, kept: Kept, board: &mut Board) {
        let Kept { name, said } = kept;
        self.restoring = Some(name);
        let said = match &said {
            Said::Spoken(pcm) => protocol::Said::Spoken(pcm),
            Said::Typed(words) => protocol::Said::Typed(words),
        };
        self.input(Input::Restore(said), board);
        self.restoring = None;
    }

    /// The item that is told first while something is restored is that.
    pub(super) fn adopt(&mut self, item: ItemId) {
        if let Some(name) = self.restoring.take() {
            self.outbox.restored(item, name);
            self.marks.restored(item, name.at);
        }
    }

    /// A question that was spoken is to be answered aloud, also when it is sent again in another run.
    pub(super) fn is_voice_waiting(&self) -> bool {
        let is_waiting =
            |item: &Item| item.role == Role::User && item.kind == Kind::Spoken && item.delivery == Delivery::Kept;
        self.session.items().iter().any(is_waiting)
    }

    /// Ends when what has no answer is on disk, with what keeps something from being there.
    pub(crate) fn journalled(&mut self) -> Option<oneshot::Receiver<Option<Problem>>> {
        self.outbox.sync()
    }
}
