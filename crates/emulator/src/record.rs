//! What the emulator has seen, for tests to look at.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::watch;

use crate::Complaints;
use crate::complaint::Complainer;

/// Everything seen since the start.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every HTTP request, WebSocket or not, in order of arrival.
    pub connections: Vec<Connection>,
    /// Client events in order of arrival, over all connections.
    pub events: VecDeque<ClientEvent>,
    /// Types of the events sent: (connection, type).
    pub sent: VecDeque<(usize, String)>,
    /// Client events that break the JSON schema, and frames that are no events.
    pub violations: Vec<Violation>,
    /// Well-formed client events that were refused: (event type, error code).
    pub refusals: Vec<(String, Option<String>)>,
    /// Binary frames received (the protocol has none).
    pub binary_frames: usize,
    /// Bytes of audio appended, over all connections.
    pub audio_bytes: usize,
    /// Audio appends that came before the connection's first `session.updated`.
    pub early_appends: usize,
    /// Events dropped from the front of `events` because of `Script::keep_events`.
    pub dropped: usize,
}

impl Record {
    /// How many client events of this type came.
    pub fn count(&self, kind: &str) -> usize {
        self.events.iter().filter(|event| event.kind == kind).count()
    }

    /// Client events of this type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a ClientEvent> {
        self.events.iter().filter(move |event| event.kind == kind)
    }

    /// How many events of this type were sent.
    pub fn sent_count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|(_, sent)| sent == kind).count()
    }

    /// WebSocket connections that were accepted and still stand.
    pub fn live(&self) -> usize {
        self.connections.iter().filter(|connection| connection.is_live()).count()
    }
}

/// One HTTP request. Secrets in it are replaced by their [`fingerprint`].
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Path, such as `/v1/realtime`.
    pub path: String,
    /// Raw query string.
    pub query: String,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Offered subprotocols.
    pub subprotocols: Vec<String>,
    /// Credentials found, and where.
    pub credentials: Vec<Credential>,
    /// HTTP status answered: 101 for a WebSocket.
    pub status: u16,
    /// Whether the connection has ended, and how.
    pub end: Option<End>,
}

impl Connection {
    /// Whether it is an open WebSocket.
    pub fn is_live(&self) -> bool {
        self.status == 101 && self.end.is_none()
    }

    /// First value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The credential for this purpose, if one was sent.
    pub fn credential(&self, purpose: Purpose) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.purpose == purpose)
    }
}

/// A credential seen on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What it opens.
    pub purpose: Purpose,
    /// How it was sent.
    pub form: Form,
    /// [`fingerprint`] of it.
    pub fingerprint: String,
}

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The provider.
    Provider,
    /// The gateway.
    Gateway,
}

/// How a credential was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In a header, with `Bearer `.
    Bearer,
    /// In a header, bare.
    Bare,
    /// As a WebSocket subprotocol.
    Subprotocol,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client closed; the code of its close frame, if it sent one.
    ByClient(Option<u16>),
    /// The client's TCP connection broke without a close frame.
    Lost,
    /// The emulator closed with this code.
    ByServer(u16),
    /// The emulator dropped the TCP connection.
    Cut,
}

/// One event from a client.
#[derive(Debug, Clone)]
pub struct ClientEvent {
    /// Index into `Record::connections`.
    pub connection: usize,
    /// Its `type`.
    pub kind: String,
    /// The whole event; audio is replaced by `"<n bytes>"` unless `Script::keep_audio` is set.
    pub json: Value,
    /// Decoded audio bytes in it.
    pub audio_bytes: usize,
    /// When it came.
    pub at: Instant,
}

impl ClientEvent {
    /// The samples of an append, PCM16; none unless `Script::keep_audio` is set.
    pub fn samples(&self) -> Vec<i16> {
        let bytes = self.json["audio"].as_str().and_then(|audio| STANDARD.decode(audio).ok()).unwrap_or_default();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }
}

/// A frame that breaks the protocol.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Index into `Record::connections`.
    pub connection: usize,
    /// Event type, or what the frame was.
    pub kind: String,
    /// What is wrong, without the values.
    pub message: String,
}

/// What stands for a secret in the record: the same secret always gives the same text.
pub fn fingerprint(secret: &str) -> String {
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    format!("#{:016x}", hasher.finish())
}

/// The one writer's end of the record.
#[derive(Debug)]
pub(crate) struct Recorder {
    record: Mutex<Record>,
    version: watch::Sender<u64>,
    complaints: Complainer,
    keep_events: usize,
}

impl Recorder {
    pub(crate) fn new(keep_events: usize) -> Self {
        let (version, complaints) = (watch::Sender::new(0), Complainer::default());
        Self { record: Mutex::default(), version, complaints, keep_events }
    }

    pub(crate) fn snapshot(&self) -> Record {
        self.with(|record| record.clone())
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn complaints(&self) -> Complaints {
        self.complaints.listen()
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = record.violations.len();
        let result = change(&mut record);
        for Violation { connection, kind, message } in record.violations.iter().skip(known) {
            self.complaints.complain(format!("OpenAI Realtime, connection {connection}: {kind}: {message}"));
        }
        while record.events.len() > self.keep_events {
            record.events.pop_front();
            record.dropped += 1;
        }
        while record.sent.len() > self.keep_events {
            record.sent.pop_front();
        }
        let excess = record.violations.len().saturating_sub(self.keep_events);
        record.violations.drain(..excess);
        let excess = record.refusals.len().saturating_sub(self.keep_events);
        record.refusals.drain(..excess);
        drop(record);
        self.version.send_modify(|version| *version += 1);
        result
    }
}
