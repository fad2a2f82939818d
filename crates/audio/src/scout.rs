//! Lists the devices on a thread of its own, since a hanging sound server never answers.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::Error;
use crate::device::{Catalogue, Listing};

/// Asks for the list of devices without ever waiting for it.
pub(crate) struct Scout {
    questions: Option<SyncSender<()>>,
    answers: Receiver<Result<Listing, Error>>,
    has_failed: bool,
}

impl Scout {
    pub(crate) fn new() -> Self {
        let (questions, inbox) = sync_channel::<()>(1);
        let (outbox, answers) = sync_channel(1);
        let look = move || {
            let mut catalogue = Catalogue::default();
            while inbox.recv().is_ok() && outbox.send(catalogue.read()).is_ok() {}
        };
        let is_running = thread::Builder::new().name("audio-scout".into()).spawn(look).is_ok();
        Self { questions: is_running.then_some(questions), answers, has_failed: !is_running }
    }

    /// Asks again, unless the last question has no answer yet.
    pub(crate) fn ask(&self) {
        if let Some(questions) = &self.questions {
            questions.try_send(()).ok();
        }
    }

    /// The newest list, if one came.
    pub(crate) fn answer(&mut self) -> Option<Result<Listing, Error>> {
        let answer = self.answers.try_iter().last()?;
        self.has_failed = answer.is_err();
        Some(answer)
    }

    /// Whether the last answer was that there is no sound system.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }
}
