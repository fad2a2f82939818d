//! Fake voices beside OpenAI Realtime: one loopback server for all of them, an actor per socket.
//!
//! An actor is a state machine without a socket: what a client opened and sent goes in, what the provider would do comes
//! out. It checks every client message against the provider's schema and records what is wrong with it.

mod cartesia;
mod deepgram;
mod definitions;
mod elevenlabs;
mod gemini;
mod gpt_live;
mod sound;
mod speech;
mod stage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;

use crate::{Complaints, loopback};
pub use stage::{Request, Seen};
use stage::{Stage, router};

/// What an actor can do wrong ([`Plan::fault`]), by whose actor knows it.
pub const FAULTS: [(&str, &[&str]); 5] = [
    (
        "Gemini",
        &[
            "bundled",
            "go-away",
            "insufficient-quota",
            "internal",
            "invalid-api-key",
            "model-not-found",
            "no-handles",
            "silent",
            "snake-case",
            "stale-handles",
            "text-frames",
            "tool-call",
            "unsupported-location",
        ],
    ),
    ("GPT-Live", &["content", "expiry", "mute", "plain", "quota", "short", "stubborn", "twice", "warning"]),
    (
        "Deepgram",
        &[
            "bad-settings",
            "deaf",
            "endless",
            "error",
            "function",
            "mute",
            "no-configure",
            "no-connected",
            "no-credit",
            "no-finalize",
            "no-force",
            "no-speech-final",
            "not-allowed",
            "resume",
            "too-many",
            "untyped",
            "wrong-key",
        ],
    ),
    (
        "ElevenLabs",
        &["doubled", "greets", "leaves", "no_agent", "no_overrides", "picture", "quota", "silent", "telephone", "tool"],
    ),
    ("Cartesia", &["quota", "resumes"]),
];

/// A WebSocket message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// How the fakes behave.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Every handshake is refused with this status and body.
    pub refusal: Option<(u16, String)>,
    /// The connection is cut after this many messages of the server; only the first one.
    pub cut_after: Option<usize>,
    /// Then it is closed with this code and reason, as at the end of a longest session; `None`: without a word.
    pub expiry: Option<(u16, String)>,
    /// Before each message of the server something senseless comes.
    pub is_noisy: bool,
    /// Each message of the server comes twice.
    pub is_stuttering: bool,
    /// What an actor does wrong, by a name that it knows.
    pub fault: Option<String>,
    /// What the ears understand; empty = a sentence about the sound.
    pub words: String,
    /// What the voices say in writing; empty = they repeat.
    pub answer: String,
}

/// What an actor does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Sends a message.
    Send(Message),
    /// Closes with a code and a reason.
    Close(u16, String),
    /// Records that the client broke the protocol.
    Violation(String),
}

impl Act {
    /// A text frame of JSON.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::Send(Message::Text(value.to_string()))
    }

    /// The same as a binary frame.
    pub(crate) fn json_bytes(value: &serde_json::Value) -> Self {
        Self::Send(Message::Binary(value.to_string().into_bytes()))
    }
}

/// One fake provider on one socket.
pub(crate) trait Actor: Send {
    /// The handshake: `Err` refuses it with a status and a body.
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)>;

    /// A header in which the provider repeats the body of a refusal.
    fn reason_header(&self) -> Option<&'static str> {
        None
    }

    /// The socket is open.
    fn open(&mut self) -> Vec<Act> {
        Vec::new()
    }

    /// The client sent something.
    fn receive(&mut self, message: &Message) -> Vec<Act>;

    /// When the actor wants to be woken after its last input, if it does.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// That time has passed without another input.
    fn wake(&mut self) -> Vec<Act> {
        Vec::new()
    }
}

/// Who plays on a path; `None`: nobody (404).
fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    deepgram::cast(request, plan)
        .or_else(|| elevenlabs::cast(request, plan))
        .or_else(|| cartesia::cast(request, plan))
        .or_else(|| gemini::cast(request, plan))
        .or_else(|| gpt_live::cast(request, plan))
}

/// A running server on 127.0.0.1; it stops, and its connections drop, when this value is dropped.
#[derive(Debug)]
pub struct Voices {
    addr: SocketAddr,
    stage: Arc<Stage>,
    serving: JoinHandle<()>,
}

impl Voices {
    /// Binds a free port and serves.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        Self::start_on(plan, 0).await
    }

    /// Binds this port and serves.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_on(plan: Plan, port: u16) -> anyhow::Result<Self> {
        let listener = loopback::bind(port).await?;
        let addr = listener.local_addr()?;
        let stage = Arc::new(Stage::new(plan));
        let serving = tokio::spawn(loopback::serve(listener, router(&stage), "the fake voices"));
        Ok(Self { addr, stage, serving })
    }

    /// `http://127.0.0.1:PORT`: the base URL of every provider.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends the connections whose paths end so, as a provider does when a session grew too old or heard too little: with a
    /// last frame (empty: none), a close code and a reason.
    pub fn end(&self, path: &str, last: &str, code: u16, reason: &str) {
        let last = (!last.is_empty()).then(|| Act::Send(Message::Text(last.to_owned())));
        self.stage.end(path, last.into_iter().chain([Act::Close(code, reason.to_owned())]).collect());
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.stage.seen()
    }

    /// Violations from now on.
    pub fn complaints(&self) -> Complaints {
        self.stage.complaints()
    }

    /// Waits until what was seen satisfies `what`, and returns it.
    ///
    /// # Errors
    /// It did not happen within `limit`.
    pub async fn wait_for(&self, what: impl Fn(&[Seen]) -> bool, limit: Duration) -> anyhow::Result<Vec<Seen>> {
        let mut changes = self.stage.changes();
        let waiting = async {
            loop {
                let seen = self.seen();
                if what(&seen) {
                    return anyhow::Ok(seen);
                }
                changes.changed().await?;
            }
        };
        tokio::time::timeout(limit, waiting).await.context("what was waited for did not happen")?
    }
}

impl Drop for Voices {
    fn drop(&mut self) {
        self.serving.abort();
        self.stage.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_that_is_offered_is_known_to_an_actor() {
        let actors = [
            include_str!("voices/gemini.rs"),
            include_str!("voices/gpt_live.rs"),
            concat!(
                include_str!("voices/deepgram.rs"),
                include_str!("voices/deepgram/agent.rs"),
                include_str!("voices/deepgram/aura.rs"),
                include_str!("voices/deepgram/flux.rs"),
                include_str!("voices/deepgram/nova.rs"),
            ),
            concat!(
                include_str!("voices/elevenlabs/agent.rs"),
                include_str!("voices/elevenlabs/multi.rs"),
                include_str!("voices/elevenlabs/scribe.rs"),
            ),
            concat!(include_str!("voices/cartesia/ink.rs"), include_str!("voices/cartesia/sonic.rs")),
        ];
        for ((provider, names), source) in FAULTS.into_iter().zip(actors) {
            for name in names {
                assert!(source.contains(&format!("\"{name}\"")), "{provider}: {name}");
            }
        }
    }
}
