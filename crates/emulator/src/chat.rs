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

mod ask;
mod check;
mod fault;
mod format;
mod gateway;
mod list;
mod oauth;
mod place;
mod practice;
mod provider;
mod reception;
mod record;
mod refusal;
mod reply;
mod script;
mod server;
mod socket;
mod tape;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::routing::post;
use tokio::task::JoinHandle;

pub use fault::{Fault, FaultKind};
pub use record::{End, Passage, Record, Request, Violation};
pub use script::{Answer, Finish, Gateway, Noise, Pace, Script, Shape, Usage};

use crate::{Complaints, loopback};
use provider::Provider;
use server::Server;

/// A running server on 127.0.0.1 with all the providers; it stops, and its connections drop, when this value is dropped.
#[derive(Debug)]
pub struct Fakes {
    addr: SocketAddr,
    server: Arc<Server>,
    serving: [JoinHandle<()>; 2],
}

impl Fakes {
    /// Binds `script.port` on 127.0.0.1 and serves.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(script: Script) -> anyhow::Result<Self> {
        let listener = loopback::bind(script.port).await?;
        let other = loopback::bind(0).await?;
        let addr = listener.local_addr()?;
        // Another name for the same machine: a client must take it for another host.
        let elsewhere = format!("localhost:{}", other.local_addr()?.port());
        let server = Arc::new(Server::new(script, elsewhere));
        let here = Router::new().fallback(reception::serve).with_state(Arc::clone(&server));
        let there = Router::new().fallback(reception::serve_elsewhere).with_state(Arc::clone(&server));
        let serving = [(listener, here), (other, there)]
            .map(|(listener, router)| tokio::spawn(loopback::serve(listener, router, "the fake providers")));
        Ok(Self { addr, server, serving })
    }

    /// Address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What stands for a provider's own base URL, with the same path behind it: `base_url("groq")` ends with
    /// `/openai/v1`, `base_url("google-ai-studio")` with `/v1beta`. A name that is not known is a plain server of OpenAI's shape.
    pub fn base_url(&self, provider: &str) -> String {
        format!("http://{}/{provider}{}", self.addr, Provider::named(provider).base)
    }

    /// Base of the gateway; a client asks `{base}/{account}/{gateway}/{slug}/…`.
    pub fn gateway_url(&self) -> String {
        format!("http://{}/gateway/v1", self.addr)
    }

    /// Where a service account's assertion is exchanged for a token (`token_uri` of its key file).
    pub fn token_url(&self) -> String {
        format!("http://{}/token", self.addr)
    }

    /// Everything seen so far.
    pub fn record(&self) -> Record {
        self.server.with(Record::clone)
    }

    /// Violations from now on.
    pub fn complaints(&self) -> Complaints {
        self.server.complaints.listen()
    }

    /// Waits until the record satisfies `what`, and returns it.
    ///
    /// # Errors
    /// It did not happen within `limit`.
    pub async fn wait_for(&self, what: impl Fn(&Record) -> bool, limit: Duration) -> anyhow::Result<Record> {
        let mut changes = self.server.changes();
        let waiting = async {
            while !self.server.with(&what) {
                changes.changed().await?;
            }
            anyhow::Ok(self.record())
        };
        tokio::time::timeout(limit, waiting).await.context("what was waited for did not happen")?
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        for serving in &self.serving {
            serving.abort();
        }
        self.server.stopped.send_replace(true);
    }
}

/// The practice partner in writing, at `/v1/chat/completions`: no key needed, nothing recorded, at a pace to read along.
pub fn practice() -> Router {
    let script = Script { keep: 0, ..Script::practice() };
    let server = Arc::new(Server::new(script, String::new()));
    Router::new().route("/v1/chat/completions", post(reception::serve_practice)).with_state(server)
}
