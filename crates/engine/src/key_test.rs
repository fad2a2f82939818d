//! Testing a key at its provider.

use secrecy::SecretString;

use crate::api::{Holder, KeyTest};
use crate::config::Settings;
use crate::net::Net;

/// Asks the provider about a key. Takes at most 20 s.
pub(crate) async fn test(_net: &Net, _settings: &Settings, _holder: Holder, _key: &SecretString) -> KeyTest {
    KeyTest { is_running: false, is_valid: None, has_credit: None, allows_voice: None, detail: String::new() }
}
