//! Keys: in the OS keychain, else in memory until the app ends, else from environment variables.
//!
//! The keychain may be missing, locked, waiting for the user's password, or never answer at all. So it lives on a thread
//! of its own, and whoever asks it waits for a limited time only.

mod keychain;
mod own;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::api::{Code, Holder, Place, Problem};
use crate::config::variables;
use keychain::Opener;
pub(crate) use own::Seal;
use worker::{Action, Worker};

/// How long the keychain may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// For a read; the user need not wait longer to start talking.
    read: Duration,
    /// For a change: the system may ask the user for a password first.
    write: Duration,
    /// A request older than this is given up together with its thread; the next request gets a new one.
    abandon: Duration,
}

const LIMITS: Limits =
    Limits { read: Duration::from_secs(5), write: Duration::from_secs(60), abandon: Duration::from_secs(60) };

/// Where a key was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is, or why there is none.
    pub(crate) place: Place,
    /// Name of the environment variable it comes from.
    pub(crate) variable: Option<String>,
    /// The key.
    pub(crate) key: Option<SecretString>,
    /// What keeps the keychain from being used ([`Code::NoKeychain`], [`Code::KeychainLocked`]), as far as it is known.
    pub(crate) hindrance: Option<Problem>,
}

/// A key that is kept until the app ends, and why the keychain does not have it.
type Kept = (SecretString, Problem);

/// Looks up an environment variable.
type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// All keys. Cloning is cheap; every clone sees the same keys.
#[derive(Clone)]
pub(crate) struct Credentials {
    worker: Arc<Worker>,
    session: Arc<Mutex<BTreeMap<Holder, Kept>>>,
    variable: Variable,
    limits: Limits,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Keys of this user. `variable` looks up an environment variable. The keychain is not touched before the first
    /// request.
    pub(crate) fn start(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with(Arc::new(keychain::Platform), variable, LIMITS)
    }

    fn with(
        opener: Arc<dyn Opener>,
        variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        limits: Limits,
    ) -> Self {
        let worker = Arc::new(Worker::new(opener, limits.abandon));
        Self { worker, session: Arc::default(), variable: Arc::new(variable), limits }
    }

    /// As on a system without a keychain.
    #[cfg(test)]
    pub(crate) fn without_keychain(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with(Arc::new(keychain::Absent), variable, LIMITS)
    }

    /// Looks for a key: in memory, then in the keychain, then in the environment. Takes at most 5 s.
    pub(crate) async fn find(&self, holder: Holder) -> Found {
        if let Some((key, hindrance)) = self.session().get(&holder).cloned() {
            let place = Place::SessionOnly;
            return Found { place, variable: None, key: Some(key), hindrance: Some(hindrance) };
        }
        let (place, hindrance) = match self.worker.ask(holder.name(), Action::Read, self.limits.read).await {
            Ok(Some(key)) => {
                return Found { place: Place::Stored, variable: None, key: Some(key), hindrance: None };
            }
            Ok(None) => (Place::Missing, None),
            Err(problem) if problem.code == Code::KeychainLocked => (Place::Locked, Some(problem)),
            Err(problem) => (Place::NoKeychain, Some(problem)),
        };
        match self.in_environment(holder) {
            Some((variable, key)) => {
                Found { place: Place::Environment, variable: Some(variable.to_owned()), key: Some(key), hindrance }
            }
            None => Found { place, variable: None, key: None, hindrance },
        }
    }

    fn in_environment(&self, holder: Holder) -> Option<(&'static str, SecretString)> {
        let of = |name: &&'static str| Some((*name, clean(holder, &SecretString::from((self.variable)(name)?)).ok()?));
        variables(holder).iter().find_map(of)
    }

    /// Keeps a key: [`Place::Stored`] in the keychain, or [`Place::SessionOnly`] when that is missing, locked or silent
    /// (then [`Self::find`] tells the hindrance). Takes at most 60 s: the system may ask for a password.
    ///
    /// [`Code::CredentialRefused`] when the text cannot be a key.
    pub(crate) async fn store(&self, holder: Holder, key: SecretString) -> Result<Place, Problem> {
        let key = clean(holder, &key)?;
        match self.worker.ask(holder.name(), Action::Write(key.clone()), self.patience()).await {
            Ok(_) => {
                self.session().remove(&holder);
                Ok(Place::Stored)
            }
            Err(hindrance) => {
                self.session().insert(holder, (key, hindrance));
                Ok(Place::SessionOnly)
            }
        }
    }

    /// Forgets a key in memory and in the keychain; fine when there is none, or no keychain.
    pub(crate) async fn delete(&self, holder: Holder) -> Result<(), Problem> {
        self.session().remove(&holder);
        match self.worker.ask(holder.name(), Action::Delete, self.patience()).await {
            Ok(_) => Ok(()),
            Err(problem) if problem.code == Code::NoKeychain => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// As on a system with a keychain; clones share it.
    #[cfg(test)]
    pub(crate) fn with_keychain() -> Self {
        Self::with(Arc::new(keychain::Memory::default()), |_| None, LIMITS)
    }

    /// For a change; short while the keychain is silent anyway.
    fn patience(&self) -> Duration {
        if self.worker.is_silent() { self.limits.read } else { self.limits.write }
    }

    fn session(&self) -> MutexGuard<'_, BTreeMap<Holder, Kept>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key without what pasting adds around it. Keys are visible ASCII; anything else could not be sent in a header. A
/// service account is a JSON object; it signs, and is never sent itself.
fn clean(holder: Holder, key: &SecretString) -> Result<SecretString, Problem> {
    let text = key.expose_secret().trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'));
    let problem = |detail: &str| Problem { code: Code::CredentialRefused, detail: detail.into() };
    if text.is_empty() {
        return Err(problem("there is no key in the text"));
    }
    if holder == Holder::Vertex {
        let account: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let is_account = account.as_ref().is_some_and(|account| account["private_key"].is_string());
        let compact = account.filter(|_| is_account).map(|account| SecretString::from(account.to_string()));
        return compact.ok_or_else(|| problem("this is not the JSON of a service account with its private_key"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(problem("this is not a key: a key has no spaces, line breaks or special characters inside"));
    }
    Ok(SecretString::from(text))
}
