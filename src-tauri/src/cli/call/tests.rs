//! How a call from the terminal ends.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use engine::api::{Change, Note};
use tokio::sync::{Notify, broadcast};

use super::*;

#[tokio::test]
async fn ctrl_c_is_not_missed_while_an_event_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let paths = Paths { config: place("config"), data: place("data"), cache: place("cache"), log: place("log") };
    let engine = crate::cli::engine(paths).unwrap();
    let turn = Turn::from(engine.snapshot().await.unwrap());
    let (sender, events) = broadcast::channel(4);
    // Like Ctrl+C it reaches only those who wait for it already.
    let pressed = Arc::new(Notify::new());
    let interrupt = Box::pin(Arc::clone(&pressed).notified_owned());
    let mut conversation = Conversation { engine, events, interrupt, turn, report: Report::new(true) };
    let has_left = |turn: &Turn| {
        if turn.has_left {
            pressed.notify_waiters();
        }
        None
    };
    let event = Event { seq: 1, change: Change::Note(Note::AgentLeft) };
    let press = async { sender.send(event).map(drop).unwrap() };
    let (ended, ()) = tokio::join!(conversation.wait(Duration::from_secs(5), at_once, has_left), press);
    assert_eq!(ended, Err(Failure::other("Stopped.")));
}
