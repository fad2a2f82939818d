//! What clients do against a protocol, told as they do it to whoever listens.

use tokio::sync::broadcast;

/// In words.
pub type Complaints = broadcast::Receiver<String>;

/// So many wait for whoever listens; then the oldest are lost to them.
const WAITING: usize = 256;

/// Where they are told.
#[derive(Debug)]
pub(crate) struct Complainer(broadcast::Sender<String>);

impl Default for Complainer {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Complainer {
    pub(crate) fn complain(&self, words: String) {
        // Nobody need listen.
        let _ = self.0.send(words);
    }

    /// Complaints from now on.
    pub(crate) fn listen(&self) -> Complaints {
        self.0.subscribe()
    }
}
