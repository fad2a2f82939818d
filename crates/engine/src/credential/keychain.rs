//! The OS keychain: Secret Service, macOS Keychain, Windows Credential Manager. Everything here may block for long.

use keyring::v1::{Entry, Error};

use crate::api::{Code, Problem};

/// The name under which all keys stand in the keychain; the holder is the user name there.
pub(super) const SERVICE: &str = "sidetone";

/// Gives access to one entry.
pub(super) trait Opener: Send + Sync {
    /// The entry of one user name; it need not exist yet.
    fn open(&self, user: &str) -> Result<Entry, Error>;

    /// Whether a missing entry may only be out of sight because the keychain is locked.
    fn is_locked(&self) -> bool {
        false
    }
}

/// The keychain of this system.
pub(super) struct Platform;

#[cfg(all(unix, not(target_os = "macos")))]
impl Opener for Platform {
    /// Connects anew each time (some ms): `keyring` does so once per process, and would not find a Secret Service that was
    /// started or restarted later.
    fn open(&self, user: &str) -> Result<Entry, Error> {
        use keyring_core::api::CredentialStoreApi;
        let store = zbus_secret_service_keyring_store::Store::new()?;
        Ok(Entry { inner: store.build(SERVICE, user, None)? })
    }

    /// gnome-keyring does not find the items of a collection that was never unlocked, and has no default collection
    /// before the first one was made.
    fn is_locked(&self) -> bool {
        use secret_service::blocking::SecretService;
        use secret_service::{EncryptionType, Error};
        let Ok(service) = SecretService::connect(EncryptionType::Plain) else { return false };
        match service.get_default_collection().and_then(|collection| collection.is_locked()) {
            Ok(is_locked) => is_locked,
            Err(error) => matches!(error, Error::NoResult | Error::Locked),
        }
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
impl Opener for Platform {
    fn open(&self, user: &str) -> Result<Entry, Error> {
        Entry::new(SERVICE, user)
    }
}

/// No keychain at all.
#[cfg(test)]
pub(super) struct Absent;

#[cfg(test)]
impl Opener for Absent {
    fn open(&self, _: &str) -> Result<Entry, Error> {
        Err(Error::NoDefaultStore)
    }
}

/// A keychain in memory.
#[cfg(test)]
pub(super) struct Memory(std::sync::Arc<keyring_core::mock::Store>);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
impl Default for Memory {
    fn default() -> Self {
        Self(keyring_core::mock::Store::new().unwrap())
    }
}

#[cfg(test)]
impl Opener for Memory {
    fn open(&self, user: &str) -> Result<Entry, Error> {
        use keyring_core::api::CredentialStoreApi;
        Ok(Entry { inner: self.0.build(SERVICE, user, None)? })
    }
}

/// The stored key, if there is one.
pub(super) fn read(opener: &dyn Opener, user: &str) -> Result<Option<String>, Problem> {
    let found = opener.open(user).and_then(|entry| match entry.get_password() {
        // The same key was stored twice, in two collections for example.
        Err(Error::Ambiguous(entries)) => entries.first().map_or(Err(Error::NoEntry), |first| first.get_password()),
        found => found,
    });
    match found {
        Ok(key) => Ok(Some(key)),
        Err(Error::NoEntry) if opener.is_locked() => Err(locked("the keychain is locked")),
        Err(Error::NoEntry | Error::BadEncoding(_)) => Ok(None),
        Err(error) => Err(problem(&error)),
    }
}

/// Stores or replaces a key.
pub(super) fn write(opener: &dyn Opener, user: &str, key: &str) -> Result<(), Problem> {
    let written = opener.open(user).and_then(|entry| match entry.set_password(key) {
        Err(Error::Ambiguous(entries)) => entries.iter().try_for_each(|entry| entry.set_password(key)),
        written => written,
    });
    written.map_err(|error| problem(&error))
}

/// Deletes a key; fine when there is none.
pub(super) fn delete(opener: &dyn Opener, user: &str) -> Result<(), Problem> {
    let deleted = opener.open(user).and_then(|entry| match entry.delete_credential() {
        Err(Error::Ambiguous(entries)) => entries.iter().try_for_each(|entry| entry.delete_credential()),
        deleted => deleted,
    });
    match deleted {
        Ok(()) => Ok(()),
        Err(Error::NoEntry) if opener.is_locked() => Err(locked("the keychain is locked")),
        Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(problem(&error)),
    }
}

pub(super) fn locked(detail: &str) -> Problem {
    Problem { code: Code::KeychainLocked, detail: detail.into() }
}

/// The Secret Service says `NoStorageAccess` when it is locked and nobody unlocked it. Without a session bus or a service
/// on it, connecting fails. The errors carry no keys, but their `Debug` may: only `Display` is used, and not even that
/// for those that hold data.
fn problem(error: &Error) -> Problem {
    if matches!(error, Error::NoStorageAccess(_)) {
        return locked(&error.to_string());
    }
    let holds_data = matches!(error, Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::Ambiguous(_));
    let detail = if holds_data { "the keychain's entry is unreadable".into() } else { error.to_string() };
    Problem { code: Code::NoKeychain, detail }
}
