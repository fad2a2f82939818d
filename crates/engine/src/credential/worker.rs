//! The thread that waits for the keychain, so that nobody else has to.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::api::{Code, Problem};
use crate::credential::keychain::{self, Opener};

/// Requests that may wait.
const QUEUE: usize = 32;

/// What to do with an entry.
#[derive(Debug)]
pub(super) enum Action {
    Read,
    Write(SecretString),
    Delete,
}

type Reply = Result<Option<SecretString>, Problem>;

struct Request {
    user: &'static str,
    action: Action,
    reply: oneshot::Sender<Reply>,
}

/// The thread's queue, and since when it owes an answer that somebody gave up on.
struct Running {
    requests: mpsc::Sender<Request>,
    silent_since: Option<Instant>,
}

/// Starts the thread when it is first needed, and another one when it hangs for good.
pub(super) struct Worker {
    opener: Arc<dyn Opener>,
    abandon: Duration,
    running: Mutex<Option<Running>>,
}

impl Worker {
    pub(super) fn new(opener: Arc<dyn Opener>, abandon: Duration) -> Self {
        Self { opener, abandon, running: Mutex::new(None) }
    }

    /// Asks about the entry of this user name and waits at most `limit`.
    pub(super) async fn ask(&self, user: &'static str, action: Action, limit: Duration) -> Reply {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests()?.try_send(Request { user, action, reply });
        sent.map_err(|_| keychain::locked("the keychain does not answer"))?;
        let answer = tokio::time::timeout(limit, answer).await;
        self.with_running(|running| {
            if let Some(running) = running {
                running.silent_since = answer.is_err().then(|| running.silent_since.unwrap_or_else(Instant::now));
            }
        });
        match answer {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(no_keychain("the keychain's thread ended")),
            Err(_) => Err(keychain::locked("the keychain does not answer")),
        }
    }

    /// Whether the thread owes an answer that somebody gave up on.
    pub(super) fn is_silent(&self) -> bool {
        self.with_running(|running| running.as_ref().is_some_and(|running| running.silent_since.is_some()))
    }

    fn requests(&self) -> Result<mpsc::Sender<Request>, Problem> {
        self.with_running(|running| {
            let is_lost = |running: &Running| running.silent_since.is_some_and(|since| since.elapsed() >= self.abandon);
            match running {
                Some(alive) if !alive.requests.is_closed() && !is_lost(alive) => Ok(alive.requests.clone()),
                _ => {
                    let requests = spawn(Arc::clone(&self.opener))?;
                    *running = Some(Running { requests: requests.clone(), silent_since: None });
                    Ok(requests)
                }
            }
        })
    }

    fn with_running<T>(&self, act: impl FnOnce(&mut Option<Running>) -> T) -> T {
        act(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A detached thread: it may hang in the keychain for ever, and must not keep the app from ending.
fn spawn(opener: Arc<dyn Opener>) -> Result<mpsc::Sender<Request>, Problem> {
    let (requests, mut inbox) = mpsc::channel::<Request>(QUEUE);
    let runtime = Handle::try_current().ok();
    let serve = move || {
        // The D-Bus library would want tokio's reactor if another crate switched that feature on.
        let _entered = runtime.as_ref().map(Handle::enter);
        while let Some(Request { user, action, reply }) = inbox.blocking_recv() {
            // Nobody waits any more: the key may have been changed since, so an old write must not come late.
            if !reply.is_closed() {
                let _ = reply.send(carry_out(opener.as_ref(), user, &action));
            }
        }
    };
    let thread = thread::Builder::new().name("credential".into()).spawn(serve);
    thread.map(|_| requests).map_err(|error| no_keychain(&format!("no thread for the keychain: {error}")))
}

fn carry_out(opener: &dyn Opener, user: &str, action: &Action) -> Reply {
    match action {
        Action::Read => keychain::read(opener, user).map(|key| key.map(SecretString::from)),
        Action::Write(key) => keychain::write(opener, user, key.expose_secret()).map(|()| None),
        Action::Delete => keychain::delete(opener, user).map(|()| None),
    }
}

fn no_keychain(detail: &str) -> Problem {
    Problem { code: Code::NoKeychain, detail: detail.into() }
}
