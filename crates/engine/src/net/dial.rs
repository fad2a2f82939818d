//! What to connect to.

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use url::Url;

/// One WebSocket to open. Its `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct Dial {
    /// `http(s)` or `ws(s)`.
    pub(crate) url: Url,
    /// Values with secrets are marked sensitive.
    pub(crate) headers: HeaderMap,
    /// Offered in this order; may hold a key.
    pub(crate) subprotocols: Vec<SecretString>,
}
