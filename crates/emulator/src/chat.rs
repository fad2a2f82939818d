//! Fake text providers on loopback: OpenAI's, Anthropic's and Google's shapes and everybody's variations of them, each
//! direct or behind a fake AI gateway, with faults by name.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use emulator::chat::{Answer, Fakes, Fault, FaultKind, Script};
//! let script = Script::default()
//!     .key("groq", "gsk-good")
//!     .answer(Answer::say("Hello."))
//!     .fault(Fault::new(FaultKind::Overloaded).at("anthropic").on(1));
//! let fakes = Fakes::start(script).await?;
//! let base = fakes.base_url("groq"); // a client posts to `{base}/chat/completions`
//! # let _ = base;
//! assert!(fakes.record().violations.is_empty());
//! # Ok(())
//! # }
//! ```

mod fault;
mod record;
mod script;

use std::net::SocketAddr;
use std::time::Duration;

pub use fault::{Fault, FaultKind};
pub use record::{End, Passage, Record, Request, Violation};
pub use script::{Answer, Finish, Gateway, Noise, Pace, Script, Shape, Usage};

/// A running server on 127.0.0.1 with all the providers; it stops, and its connections drop, when this value is dropped.
#[derive(Debug)]
pub struct Fakes {
    addr: SocketAddr,
}

impl Fakes {
    /// Binds `script.port` on 127.0.0.1 and serves.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(script: Script) -> anyhow::Result<Self>;

    /// Address it listens on.
    pub fn addr(&self) -> SocketAddr;

    /// What stands for a provider's own base URL, with the same path behind it: `base_url("groq")` ends with
    /// `/openai/v1`, `base_url("google")` with `/v1beta`. A name that is not known is a plain server of OpenAI's shape.
    pub fn base_url(&self, provider: &str) -> String;

    /// Base of the gateway; a client asks `{base}/{account}/{gateway}/{slug}/…`.
    pub fn gateway_url(&self) -> String;

    /// Where a service account's assertion is exchanged for a token (`token_uri` of its key file).
    pub fn token_url(&self) -> String;

    /// Everything seen so far.
    pub fn record(&self) -> Record;

    /// Waits until the record satisfies `what`, and returns it.
    ///
    /// # Errors
    /// It did not happen within `limit`.
    pub async fn wait_for(&self, what: impl Fn(&Record) -> bool, limit: Duration) -> anyhow::Result<Record>;
}
