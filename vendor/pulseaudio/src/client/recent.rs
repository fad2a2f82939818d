//! Sidetone: not in upstream.

use std::future::Future;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Result as ClientResult;

/// For how long an answer is good enough.
const RECENT: Duration = Duration::from_millis(90);

/// Whoever asks again sooner waits for so long: he would only ask again at once.
const PAUSE: Duration = Duration::from_millis(30);

/// An answer of the server that is asked for far more often than it changes, by a thread that does nothing else.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Copy> Recent<T> {
    pub(super) async fn or_ask(&self, ask: impl Future<Output = ClientResult<T>>) -> ClientResult<T> {
        let known = *self.0.lock().unwrap();
        if let Some((at, answer)) = known
            && at.elapsed() < RECENT
        {
            std::thread::sleep(PAUSE);
            return Ok(answer);
        }
        let answer = ask.await?;
        *self.0.lock().unwrap() = Some((Instant::now(), answer));
        Ok(answer)
    }
}
