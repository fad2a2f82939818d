//! The store, opened when it is first needed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway::DiskCache;
use store::{Error, Store};
use tokio::sync::OnceCell;

use crate::api::{Code, Problem};
use crate::call::unix_ms;

/// Most of the disk for kept answers, bytes.
const KEPT_ANSWERS: u64 = 64 << 20;

/// Where conversations and the ledger are. Cloning is cheap; all clones share one open file.
#[derive(Debug, Clone)]
pub struct Shelf {
    file: PathBuf,
    store: Arc<OnceCell<Store>>,
}

impl Shelf {
    /// The file is neither opened nor made yet.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, store: Arc::default() }
    }

    /// The store.
    ///
    /// # Errors
    /// When its file cannot be opened; the next call tries again.
    pub async fn store(&self) -> Result<&Store, Error> {
        let file = self.file.clone();
        let open = async {
            let opening = tokio::task::spawn_blocking(move || {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder).map_err(|error| Error::Unopenable(error.to_string()))?;
                }
                Store::open(&file)
            });
            opening.await.unwrap_or(Err(Error::Closed))
        };
        self.store.get_or_try_init(|| open).await
    }

    /// What a failure of the store means to the user, with the folder that it is about.
    #[must_use]
    pub fn problem(&self, error: &Error) -> Problem {
        let folder = self.file.parent().unwrap_or(&self.file).display();
        let why = match error {
            Error::Unopenable(why) => why.clone(),
            Error::DiskFull | Error::ReadOnly | Error::Damaged | Error::Newer | Error::Busy => error.to_string(),
            Error::Closed | Error::Missing(_) | Error::Foreign | Error::Io(_) | Error::Other(_) => {
                return Problem { code: Code::Internal, detail: format!("the history: {error}") };
            }
        };
        Problem { code: Code::HistoryFailed, detail: format!("{folder}: {why}") }
    }

    /// The store, if it is open.
    pub(crate) fn opened(&self) -> Option<&Store> {
        self.store.get()
    }
}

impl DiskCache for Shelf {
    fn load(&self, key: [u8; 32]) -> BoxFuture<'_, Option<(Vec<u8>, Duration)>> {
        Box::pin(async move {
            let now = unix_ms();
            let (value, expires) = self.store().await.ok()?.cache_get(key, now).await.ok()??;
            Some((value, Duration::from_millis(u64::try_from(expires.saturating_sub(now)).ok()?)))
        })
    }

    fn store(&self, key: [u8; 32], value: Vec<u8>, keep: Duration) {
        let shelf = self.clone();
        tokio::spawn(async move {
            let Ok(store) = Self::store(&shelf).await else { return };
            let now = unix_ms();
            let expires = now.saturating_add(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
            if let Err(error) = store.cache_put(key, value, expires, now, KEPT_ANSWERS).await {
                tracing::debug!(%error, "an answer was not kept");
            }
        });
    }
}
