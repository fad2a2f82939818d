//! Fake providers on loopback: a server that speaks the OpenAI Realtime protocol, behind an optional AI gateway.
//!
//! It is the app's practice partner, the other end of every test, and `sidetone emulate`.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use emulator::{Emulator, FaultKind, Script};
//! let emulator = Emulator::start(Script::default().fault(FaultKind::CutMidAudio)).await?;
//! let base = emulator.base_url(); // a client opens `{base}/realtime?model=…`
//! # let _ = base;
//! let record = emulator.wait_for(|seen| seen.count("session.update") == 1, std::time::Duration::from_secs(5)).await?;
//! assert!(record.violations.is_empty());
//! # Ok(())
//! # }
//! ```

mod answering;
mod buffer;
pub mod chat;
mod command;
mod complaint;
mod connection;
mod conversation;
pub mod fal;
mod fault;
mod handshake;
mod item;
mod loopback;
mod practice;
mod record;
mod request;
mod response;
mod schema;
mod script;
mod server;
mod session;
mod sound;
pub mod voices;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;

pub use command::Command;
pub use complaint::Complaints;
pub use fault::{Fault, FaultKind};
pub use record::{ClientEvent, Connection, Credential, End, Form, Purpose, Record, Violation, fingerprint};
pub use schema::{client_violation, server_violation};
pub use script::{
    Answer, Echo, Gateway, GatewayCredentials, Keys, Noise, Pace, Script, TokenForms, Transcription, Verdict,
};

use server::Server;

/// A running server on 127.0.0.1; it stops, and its connections drop, when this value is dropped.
#[derive(Debug)]
pub struct Emulator {
    addr: SocketAddr,
    server: Arc<Server>,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Binds `script.port` on 127.0.0.1 and serves.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(script: Script) -> anyhow::Result<Self> {
        let listener = loopback::bind(script.port).await?;
        let addr = listener.local_addr()?;
        let server = Arc::new(Server::new(script));
        let router = router(&server);
        let serving = tokio::spawn(loopback::serve(listener, router, "the emulator"));
        tokio::task::spawn_blocking(schema::warm_up);
        Ok(Self { addr, server, serving })
    }

    /// Address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base of the API, `http://127.0.0.1:PORT/v1`; a client opens `{base}/realtime?model=…`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Base of the gateway, `http://127.0.0.1:PORT/gateway/v1`; a client opens `{base}/{account}/{gateway}/openai?model=…`.
    pub fn gateway_url(&self) -> String {
        format!("http://{}/gateway/v1", self.addr)
    }

    /// The same server as a router, with the same script and record, to be served elsewhere (over TLS, for instance).
    pub fn router(&self) -> axum::Router {
        router(&self.server)
    }

    /// Everything seen so far.
    pub fn record(&self) -> Record {
        self.server.recorder.snapshot()
    }

    /// Violations from now on.
    pub fn complaints(&self) -> Complaints {
        self.server.recorder.complaints()
    }

    /// Waits until the record satisfies `what`, and returns it.
    ///
    /// # Errors
    /// It did not happen within `limit`.
    pub async fn wait_for(&self, what: impl Fn(&Record) -> bool, limit: Duration) -> anyhow::Result<Record> {
        let mut changes = self.server.recorder.changes();
        let waiting = async {
            while !self.server.recorder.with(&what) {
                changes.changed().await?;
            }
            anyhow::Ok(self.record())
        };
        tokio::time::timeout(limit, waiting).await.context("what was waited for did not happen")?
    }

    /// Does something on every live connection.
    pub fn inject(&self, command: Command) {
        // Without connections there is nobody to do it.
        let _ = self.server.commands.send(command);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.serving.abort();
        self.server.stopped.send_replace(true);
    }
}

/// The Realtime protocol, and the practice partner in writing.
fn router(server: &Arc<Server>) -> axum::Router {
    handshake::router(Arc::clone(server)).merge(chat::practice())
}
