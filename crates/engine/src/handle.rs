//! What a shell holds of a running engine.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audio::{Card, Duplex};
use secrecy::SecretString;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::api::{Command, Credential, Event, Holder, Levels, Problem, Snapshot};
use crate::text::Text;
use crate::{lock, outbox};

/// How often the level is looked at while a meter waits for another one, and how often in a row: for a second.
const METER_STEP: Duration = Duration::from_millis(50);
const METER_PATIENCE: u32 = 20;

/// Where the engine keeps things; the platform's own places, found by the shell.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Folder of `settings.toml`.
    pub config: PathBuf,
    /// Folder for what the user would miss.
    pub data: PathBuf,
    /// Folder for what can be made again.
    pub cache: PathBuf,
    /// Folder of the log files.
    pub log: PathBuf,
}

impl Paths {
    /// Takes the place of the one window on this data, for as long as the file lives; nothing while another window has it.
    ///
    /// # Errors
    /// When the folder takes no lock.
    pub fn claim_window(&self) -> io::Result<Option<File>> {
        lock::take(&self.data, "window.lock")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// How much was said in earlier runs and is kept, as nobody has answered it.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        outbox::count(&self.outbox())
    }
}

/// How an engine is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base URL of the practice partner (`http://127.0.0.1:PORT/v1`) once it runs; an empty text until then.
    pub practice: watch::Receiver<String>,
    /// Sound from and to files instead of the devices of the settings.
    pub card: Option<Card>,
    /// Changes to the settings for this run only. When set, nothing is written to the settings file, and what
    /// earlier runs could not send stays where it is: such a run has nobody to press a button.
    pub overrides: Option<serde_json::Value>,
}

/// The engine has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct Closed;

/// A running engine. Cloning is cheap; the engine stops after [`Handle::stop`] or when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) sound: watch::Receiver<Sound>,
    pub(crate) text: Text,
}

/// The open devices, if any, for the meters.
#[derive(Clone, Default)]
pub(crate) struct Sound(pub(crate) Option<Arc<Duplex>>);

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Sound(open)" } else { "Sound(closed)" })
    }
}

/// What a handle asks of the engine's task.
#[derive(Debug)]
pub(crate) enum Request {
    Command(Command),
    SetKey { holder: Holder, key: SecretString, reply: oneshot::Sender<Result<Credential, Problem>> },
    RecordTo(PathBuf),
    Snapshot(oneshot::Sender<Snapshot>),
    Stop(oneshot::Sender<Option<Problem>>),
}

impl Handle {
    /// Asks for something; its effects come as events.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn send(&self, command: Command) -> Result<(), Closed> {
        self.requests.send(Request::Command(command)).await.map_err(|_| Closed)
    }

    /// Keeps a key: in the keychain, or for this session when there is none. It is used from the next connection on.
    ///
    /// # Errors
    /// When the keychain is locked or the engine has stopped.
    pub async fn set_key(&self, holder: Holder, key: SecretString) -> Result<Credential, Problem> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Problem { code: crate::api::Code::Internal, detail: Closed.to_string() };
        self.requests.send(Request::SetKey { holder, key, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Records the next call to this file, whatever it held.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn record_to(&self, file: PathBuf) -> Result<(), Closed> {
        self.requests.send(Request::RecordTo(file)).await.map_err(|_| Closed)
    }

    /// Everything at this moment.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn snapshot(&self) -> Result<Snapshot, Closed> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Snapshot(reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }

    /// Changes from now on. A receiver that lags takes a new [`Handle::snapshot`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Asks models in writing, without the text pane.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// For the meters: cheap, never waits.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let sound = self.sound.borrow();
        sound.0.as_ref().map_or(Levels { input: -90.0, output: -90.0, clipped: false }, |duplex| {
            let levels = duplex.levels();
            Levels { input: levels.input, output: levels.output, clipped: levels.clipped }
        })
    }

    /// For meters that show `shown`: waits until there is something else to show, or for a second.
    pub async fn next_levels(&self, shown: Levels) -> Levels {
        for _ in 0..METER_PATIENCE {
            let now = self.levels();
            if now.differs(shown) {
                return now;
            }
            tokio::time::sleep(METER_STEP).await;
        }
        self.levels()
    }

    /// Counters of the open devices: underruns and the like.
    #[must_use]
    pub fn sound_stats(&self) -> Option<audio::Stats> {
        self.sound.borrow().0.as_ref().map(|duplex| duplex.stats())
    }

    /// Ends the call, finishes files and stops; waits for it at most `limit`. Tells why something that was said and not
    /// answered could not be kept for the next run of the window, if so.
    pub async fn stop(&self, limit: Duration) -> Option<Problem> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Stop(reply)).await.ok()?;
        tokio::time::timeout(limit, answer).await.ok()?.ok()?
    }
}
