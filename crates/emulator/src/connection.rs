//! One WebSocket: frames in, frames out, commands, pings and the end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use crate::Command;
use crate::conversation::{Conversation, make_id};
use crate::fault::FaultKind;
use crate::handshake::Refused;
use crate::record::{ClientEvent, End, Violation};
use crate::schema::{self, Refusal};
use crate::server::Server;
use crate::wire::{Frame, Wire};

/// Longest wait for the other side's part in closing.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the handshake decided.
pub(crate) struct Opening {
    /// Index into the record's connections.
    pub(crate) index: usize,
    /// The model of the session, or why there is none.
    pub(crate) outcome: Result<String, Refused>,
    pub(crate) commands: broadcast::Receiver<Command>,
}

struct Connection {
    server: Arc<Server>,
    index: usize,
    conversation: Conversation,
    wire: Wire,
}

/// Serves one socket to its end.
pub(crate) async fn serve(socket: WebSocket, server: Arc<Server>, opening: Opening) {
    let index = opening.index;
    let mut stopped = server.stopped.subscribe();
    let recorder = Arc::clone(&server);
    let end = tokio::select! {
        end = run(socket, server, opening) => end,
        _ = stopped.wait_for(|stopped| *stopped) => End::Cut,
    };
    recorder.recorder.write(|record| {
        if let Some(connection) = record.connections.get_mut(index) {
            connection.end = Some(end);
        }
    });
}

async fn run(socket: WebSocket, server: Arc<Server>, opening: Opening) -> End {
    let Opening { index, outcome, mut commands } = opening;
    let seed = server.next_seed();
    let session_length = Duration::from_secs(server.script.session_seconds);
    let expires_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + session_length;
    let model = outcome.as_deref().unwrap_or_default();
    let conversation = Conversation::open(Arc::clone(&server), model, expires_at.as_secs(), seed);
    let wire = Wire::new(Arc::clone(&server), seed);
    let mut this = Connection { server, index, conversation, wire };
    this.open(outcome.err());

    let (sink, mut stream) = socket.split();
    let (outbound, queue) = mpsc::channel(4);
    let writer = Writer(tokio::spawn(write(sink, queue)));
    let mut expiry = std::pin::pin!(tokio::time::sleep(session_length));
    let mut has_expired = false;
    let ping_every = this.server.script.ping_every;
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + ping_every, ping_every);
    let farewell = loop {
        let now = Instant::now();
        this.produce(now);
        let is_ready = this.wire.deadline().is_some_and(|due| due <= now);
        let wake = this.wake();
        tokio::select! {
            biased;
            Ok(command) = commands.recv() => this.obey(command, Instant::now()),
            message = stream.next(), if !this.wire.is_full() => match message {
                Some(Ok(Message::Close(frame))) => break Farewell::Client(frame.map(|frame| frame.code)),
                Some(Ok(message)) => this.read(message, Instant::now()),
                None | Some(Err(_)) => return End::Lost,
            },
            Ok(permit) = outbound.reserve(), if is_ready => match this.wire.pop(now) {
                Some(Frame::Event(event)) => permit.send(this.encode(&event)),
                Some(Frame::Raw(text)) => permit.send(Message::text(text)),
                Some(Frame::Binary(bytes)) => permit.send(Message::binary(bytes)),
                Some(Frame::Stall) => this.wire.stall(true),
                Some(Frame::Close(code, reason)) => {
                    permit.send(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
                    break Farewell::Server(code);
                }
                Some(Frame::Cut) => break Farewell::Cut,
                None => {}
            },
            _ = ping.tick(), if !this.wire.is_stalled() => drop(outbound.try_send(Message::Ping(b"ping".to_vec().into()))),
            () = &mut expiry, if !has_expired => {
                has_expired = true;
                this.conversation.expire();
            }
            () = sleep_until(wake), if wake.is_some() => {}
            else => return End::Lost,
        }
    };
    drop(outbound);
    part(farewell, writer, stream).await
}

impl Connection {
    /// The first frames: the session, or the reason why there is none.
    fn open(&mut self, refused: Option<Refused>) {
        if let Some(refused) = refused {
            self.conversation.out.clear();
            let reason = refused.reason();
            self.conversation.fail(refused.kind, refused.code, &refused.message, refused.close, &reason);
        } else if self.server.faults.strikes(FaultKind::Close1013) {
            self.conversation.out.clear();
            self.conversation.out.push_back(Frame::Close(1013, "try again later".to_owned()));
        } else if self.server.script.noise.conversation_created {
            let conversation = json!({"id": self.conversation.id, "object": "realtime.conversation"});
            self.conversation.emit(json!({"type": "conversation.created", "conversation": conversation}));
        }
    }

    /// Moves frames to the wire, and makes new ones while it has room.
    fn produce(&mut self, now: Instant) {
        loop {
            for frame in std::mem::take(&mut self.conversation.out) {
                self.wire.push(frame, now);
            }
            if !self.wire.has_room() || !self.conversation.step(now) {
                break;
            }
        }
        for frame in std::mem::take(&mut self.conversation.out) {
            self.wire.push(frame, now);
        }
    }

    /// When something is next due by the clock.
    fn wake(&self) -> Option<Instant> {
        let steps = self.conversation.deadline().filter(|_| self.wire.has_room());
        let now = Instant::now();
        // A frame that is due already waits for the socket, not for the clock.
        self.wire.deadline().filter(|due| *due > now).into_iter().chain(steps).min()
    }

    fn read(&mut self, message: Message, now: Instant) {
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(event) => self.take(&event, text.len(), now),
                Err(_) => self.refuse_frame(
                    "text that is not JSON",
                    Refusal::new(Some("invalid_json"), None, "We could not parse the JSON body of your request."),
                ),
            },
            Message::Binary(_) => {
                self.server.recorder.write(|record| record.binary_frames += 1);
                let message = "Invalid event: only text frames are accepted.";
                self.refuse_frame("binary frame", Refusal::new(Some("invalid_event"), None, message));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }

    fn refuse_frame(&mut self, kind: &str, refusal: Refusal) {
        let violation = Violation { connection: self.index, kind: kind.to_owned(), message: refusal.message.clone() };
        self.server.recorder.write(|record| record.violations.push(violation));
        self.conversation.refuse(kind, refusal, &Value::Null);
        self.conversation.refusals.clear();
    }

    /// Records one client event, and lets the conversation answer it.
    fn take(&mut self, event: &Value, length: usize, now: Instant) {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let verdict = schema::check(event);
        let violation = verdict.as_ref().err().map(|refusal| Violation {
            connection: self.index,
            kind: kind.clone(),
            message: refusal.message.clone(),
        });
        let is_valid = violation.is_none();
        let is_append = kind == "input_audio_buffer.append";
        let audio_bytes = if is_append { event["audio"].as_str().map_or(0, decoded_length) } else { 0 };
        let is_early = is_append && !self.conversation.is_configured;
        let json = if self.server.script.keep_audio || length < 1000 { event.clone() } else { shortened(event) };
        let entry = ClientEvent { connection: self.index, kind, json, audio_bytes, at: now };
        self.server.recorder.write(|record| {
            record.events.push_back(entry);
            record.violations.extend(violation);
            record.audio_bytes += audio_bytes;
            record.early_appends += usize::from(is_early);
        });
        self.conversation.handle(event, verdict, now);
        let refusals = std::mem::take(&mut self.conversation.refusals);
        if is_valid && !refusals.is_empty() {
            self.server.recorder.write(|record| record.refusals.extend(refusals));
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Say(text) => {
                self.conversation.begin(&Value::Null, Some(crate::Answer::Say(text)), now);
            }
            Command::Audio(pcm) => self.conversation.send_audio(pcm, now),
            Command::Finish => self.conversation.finish_running(now),
            Command::SpeechStarted => self.conversation.pretend_speech(true, now),
            Command::SpeechStopped => self.conversation.pretend_speech(false, now),
            Command::Event(event) if !event.is_object() => {
                self.conversation.out.push_back(Frame::Raw(event.to_string()));
            }
            Command::Event(mut event) => {
                if event.get("event_id").is_none() {
                    event["event_id"] = make_id("event_", &mut self.conversation.random).into();
                }
                self.conversation.out.push_back(Frame::Event(event));
            }
            Command::Raw(text) => self.conversation.out.push_back(Frame::Raw(text)),
            Command::Binary(bytes) => self.conversation.out.push_back(Frame::Binary(bytes)),
            Command::Close(code, reason) => self.conversation.out.push_back(Frame::Close(code, reason)),
            Command::Cut => self.conversation.out.push_back(Frame::Cut),
            Command::Stall => self.wire.stall(true),
            Command::Resume => self.wire.stall(false),
        }
    }

    fn encode(&self, event: &Value) -> Message {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        self.server.recorder.write(|record| record.sent.push_back((self.index, kind)));
        Message::text(event.to_string())
    }
}

/// The task that writes; it ends with this value.
struct Writer(JoinHandle<Option<SplitSink<WebSocket, Message>>>);

impl Writer {
    /// Waits until all is written.
    async fn finish(mut self) -> Option<SplitSink<WebSocket, Message>> {
        (&mut self.0).await.ok().flatten()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Message>,
) -> Option<SplitSink<WebSocket, Message>> {
    while let Some(message) = queue.recv().await {
        sink.send(message).await.ok()?;
    }
    Some(sink)
}

/// Why a connection is left.
enum Farewell {
    /// The client sent a close frame with this code.
    Client(Option<u16>),
    /// A close frame with this code was sent.
    Server(u16),
    Cut,
}

/// Ends a connection once all is written; nobody waits long for a client that does not read or close.
async fn part(farewell: Farewell, writer: Writer, mut stream: SplitStream<WebSocket>) -> End {
    let goodbye = async {
        let sink = writer.finish().await;
        if let Farewell::Cut = farewell {
            return;
        }
        if let Some(mut sink) = sink {
            let _: Result<(), Error> = sink.flush().await;
        }
        while let Some(Ok(_)) = stream.next().await {}
    };
    // Whether the time was enough makes no difference: the socket is dropped.
    let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    match farewell {
        Farewell::Client(code) => End::ByClient(code),
        Farewell::Server(code) => End::ByServer(code),
        Farewell::Cut => End::Cut,
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

fn decoded_length(base64: &str) -> usize {
    base64.len() / 4 * 3 - base64.bytes().rev().take_while(|byte| *byte == b'=').count()
}

/// The event with every long piece of base64 replaced by its length.
fn shortened(event: &Value) -> Value {
    let mut event = event.clone();
    shorten(&mut event);
    event
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                match field.as_str() {
                    Some(audio) if key == "audio" => *field = format!("<{} bytes>", decoded_length(audio)).into(),
                    Some(_) => {}
                    None => shorten(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
