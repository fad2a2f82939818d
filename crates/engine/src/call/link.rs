//! The connection of a call: dialling, the socket, trying again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::{self, Code, Holder, Note, Problem, Provider, Route};
use crate::config::Settings;
use crate::credential::Credentials;
use crate::net::{Message, Net, Socket, Utf8Bytes};
use crate::route::{Failure, Form, Keys, Ladder};

/// Tries before a call gives up.
const TRIES: u32 = 6;
/// The first try again comes after about this long, each further one after twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// Chance adds up to as much again, so that all tries take 13 to 26 s.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// One attempt to open a socket.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
/// How long the practice partner may take to start with the app.
const PRACTICE_LIMIT: Duration = Duration::from_secs(10);
/// A connection that was ready for this long was a good one.
const PROVEN: Duration = Duration::from_secs(60);
/// A close frame without a code (RFC 6455, 7.4.1).
const NO_STATUS: u16 = 1005;
/// Frames that may wait for the network: 20 s of microphone. When they do not fit, the socket is as good as dead.
const OUTGOING_FRAMES: usize = 2048;

/// What a dial needs.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) net: Net,
    pub(crate) credentials: Credentials,
    pub(crate) practice: watch::Receiver<String>,
}

/// What the connection reports.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A new socket is open.
    Opened,
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame.
    Binary(Vec<u8>),
    /// The socket is gone.
    Closed { code: Option<u16>, reason: String },
    /// No socket could be opened.
    Refused { problem: Problem, is_transient: bool },
}

/// One way to one provider, with its tries.
pub(crate) struct Link {
    exchange: Exchange,
    state: State,
    dials: JoinSet<Dialed>,
    tries: u32,
    delays: ExponentialBackoff,
    /// The form of the keys that worked, and for which gateway.
    remembered: Option<(String, Form)>,
    /// The trial after a failed rung keeps its ladder.
    ladder: Option<Ladder>,
}

enum State {
    Idle,
    Dialing,
    Waiting { until: Instant, settings: Box<Settings> },
    Open(Box<Wire>),
}

/// A frame on its way out.
struct Frame {
    message: Message,
    /// It carries sound of the microphone.
    is_audio: bool,
}

/// An open socket.
struct Wire {
    incoming: SplitStream<Socket>,
    outgoing: mpsc::Sender<Frame>,
    /// When sound of the microphone last went out.
    audio_sent: watch::Receiver<Option<Instant>>,
    close: (Option<u16>, String),
    ready_since: Option<Instant>,
}

type Dialed = Result<(Socket, Ladder), Refused>;

struct Refused {
    problem: Problem,
    is_transient: bool,
}

impl Link {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            state: State::Idle,
            dials: JoinSet::new(),
            tries: 0,
            delays: delays(),
            remembered: None,
            ladder: None,
        }
    }

    /// Starts to connect, if nothing is under way.
    pub(crate) fn dial(&mut self, settings: &Settings) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        let gateway = gateway_name(settings);
        let remembered = self.remembered.as_ref().filter(|(name, _)| *name == gateway).map(|(_, form)| *form);
        let ladder = self.ladder.take();
        self.dials.spawn(dial(self.exchange.clone(), settings.clone(), remembered, ladder));
        self.state = State::Dialing;
    }

    /// The next thing that happens; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            match &mut self.state {
                State::Idle => std::future::pending().await,
                State::Waiting { until, settings } => {
                    sleep_until(*until).await;
                    let settings = std::mem::take(settings);
                    self.state = State::Idle;
                    self.dial(&settings);
                }
                State::Dialing => match self.dials.join_next().await {
                    Some(Ok(Ok((socket, ladder)))) => {
                        self.ladder = Some(ladder);
                        self.state = State::Open(Box::new(Wire::new(socket)));
                        return LinkEvent::Opened;
                    }
                    Some(Ok(Err(Refused { problem, is_transient }))) => {
                        self.state = State::Idle;
                        return LinkEvent::Refused { problem, is_transient };
                    }
                    Some(Err(error)) if error.is_panic() => {
                        self.state = State::Idle;
                        let problem = Problem { code: Code::Internal, detail: "dialling failed".into() };
                        return LinkEvent::Refused { problem, is_transient: false };
                    }
                    // An aborted dial of an older try.
                    Some(Err(_)) => {}
                    None => self.state = State::Idle,
                },
                State::Open(wire) => match wire.next().await {
                    Some(event) => return event,
                    None => {
                        let (code, reason) = std::mem::take(&mut wire.close);
                        return LinkEvent::Closed { code, reason };
                    }
                },
            }
        }
    }

    /// Hands a frame to the network. `false`: it does not keep up. A socket that is gone reports so itself.
    pub(crate) fn send(&self, text: String, is_audio: bool) -> bool {
        let frame = Frame { message: Message::text(text), is_audio };
        match &self.state {
            State::Open(wire) => !matches!(wire.outgoing.try_send(frame), Err(TrySendError::Full(_))),
            State::Idle | State::Dialing | State::Waiting { .. } => true,
        }
    }

    /// Ends whatever is under way. What was handed over before is still sent.
    pub(crate) fn close(&mut self) {
        if let State::Open(wire) = &self.state {
            let _ = wire.outgoing.try_send(Frame { message: Message::Close(None), is_audio: false });
        }
        self.dials.abort_all();
        self.dials = JoinSet::new();
        self.ladder = None;
        self.state = State::Idle;
    }

    /// The session is ready: remembers the form that worked and tells what the user should know about it.
    pub(crate) fn ready(&mut self, settings: &Settings) -> Option<Note> {
        let State::Open(wire) = &mut self.state else { return None };
        wire.ready_since.get_or_insert_with(Instant::now);
        let ladder = self.ladder.as_ref()?;
        self.remembered = Some((gateway_name(settings), ladder.form()));
        ladder.note()
    }

    /// A server's words without the keys of this connection, should it have repeated one.
    pub(crate) fn redact(&self, words: &str) -> String {
        self.ladder.as_ref().map_or_else(|| words.to_owned(), |ladder| ladder.dial().redact(words))
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(&self.state, State::Open(wire) if wire.ready_since.is_some())
    }

    /// When the network last took sound of the microphone, over this connection.
    pub(crate) fn audio_sent(&self) -> Option<std::time::Instant> {
        match &self.state {
            State::Open(wire) => wire.audio_sent.borrow().map(Instant::into_std),
            State::Idle | State::Dialing | State::Waiting { .. } => None,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The connection proved good: the next failure gets all its tries.
    pub(crate) fn settle(&mut self) {
        self.tries = 0;
        self.delays = delays();
    }

    /// Before the session was ready: dials with the keys in another form, if this failure calls for it.
    pub(crate) fn step(&mut self, failure: &Failure<'_>, settings: &Settings) -> bool {
        let Some(mut ladder) = self.ladder.take() else { return false };
        let is_worth_it = ladder.step(failure);
        self.close();
        if is_worth_it {
            self.ladder = Some(ladder);
            self.dial(settings);
        }
        is_worth_it
    }

    /// Plans the next try after a pause. `false`: all tries are used up.
    pub(crate) fn retry(&mut self, settings: &Settings) -> bool {
        if matches!(&self.state, State::Open(wire) if wire.ready_since.is_some_and(|at| at.elapsed() >= PROVEN)) {
            self.settle();
        }
        self.close();
        let Some(delay) = self.delays.next().filter(|_| self.tries < TRIES) else {
            self.settle();
            return false;
        };
        self.tries += 1;
        self.state = State::Waiting { until: Instant::now() + delay, settings: Box::new(settings.clone()) };
        true
    }

    pub(crate) fn view(&self) -> api::Link {
        match &self.state {
            State::Open(wire) if wire.ready_since.is_some() => api::Link::Live,
            State::Idle => api::Link::Idle,
            State::Open(_) | State::Dialing | State::Waiting { .. } if self.tries == 0 => api::Link::Connecting,
            State::Open(_) | State::Dialing | State::Waiting { .. } => {
                api::Link::Reconnecting { attempt: self.tries, of: TRIES }
            }
        }
    }
}

impl Wire {
    fn new(socket: Socket) -> Self {
        let (sink, incoming) = socket.split();
        let (outgoing, frames) = mpsc::channel(OUTGOING_FRAMES);
        let (pulse, audio_sent) = watch::channel(None);
        tokio::spawn(write(sink, frames, pulse));
        Self { incoming, outgoing, audio_sent, close: (None, String::new()), ready_since: None }
    }

    /// The next frame; `None` when the socket is gone.
    async fn next(&mut self) -> Option<LinkEvent> {
        loop {
            match self.incoming.next().await? {
                Ok(Message::Text(text)) => return Some(LinkEvent::Text(text)),
                Ok(Message::Binary(bytes)) => return Some(LinkEvent::Binary(bytes.to_vec())),
                Ok(Message::Close(frame)) => {
                    // Nothing may follow, and not every server hangs up then.
                    self.close = frame.map_or((Some(NO_STATUS), String::new()), |frame| {
                        (Some(frame.code.into()), frame.reason.to_string())
                    });
                    return None;
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, "socket failed");
                    return None;
                }
            }
        }
    }
}

/// Writes frames in order until the socket fails or its owner is gone.
async fn write(
    mut sink: futures_util::stream::SplitSink<Socket, Message>,
    mut frames: mpsc::Receiver<Frame>,
    pulse: watch::Sender<Option<Instant>>,
) {
    while let Some(Frame { message, is_audio }) = frames.recv().await {
        if let Err(error) = sink.send(message).await {
            tracing::debug!(%error, "socket refused a frame");
            return;
        }
        if is_audio {
            pulse.send_replace(Some(Instant::now()));
        }
    }
}

async fn dial(exchange: Exchange, settings: Settings, remembered: Option<Form>, ladder: Option<Ladder>) -> Dialed {
    let mut ladder = match ladder {
        Some(ladder) => ladder,
        None => first_rung(&exchange, &settings, remembered).await?,
    };
    loop {
        let refusal = match exchange.net.connect(&ladder.dial(), DIAL_LIMIT).await {
            Ok(socket) => return Ok((socket, ladder)),
            Err(refusal) => refusal,
        };
        if !ladder.step(&Failure::Refused(&refusal)) {
            let problem = refusal.problem(settings.call.route);
            return Err(Refused { problem, is_transient: refusal.is_transient() });
        }
    }
}

async fn first_rung(exchange: &Exchange, settings: &Settings, remembered: Option<Form>) -> Result<Ladder, Refused> {
    let fatal = |problem| Refused { problem, is_transient: false };
    let practice = practice_url(exchange, settings).await.map_err(fatal)?;
    let keys = keys(&exchange.credentials, settings).await;
    Ladder::new(settings, &practice, &keys, remembered).map_err(fatal)
}

async fn practice_url(exchange: &Exchange, settings: &Settings) -> Result<String, Problem> {
    if settings.call.provider != Provider::Practice {
        return Ok(String::new());
    }
    let mut url = exchange.practice.clone();
    match timeout(PRACTICE_LIMIT, url.wait_for(|url| !url.is_empty())).await {
        Ok(Ok(url)) => Ok(url.clone()),
        Ok(Err(_)) | Err(_) => {
            Err(Problem { code: Code::Internal, detail: "the practice partner did not start".into() })
        }
    }
}

/// Looks only for the keys that this way needs.
async fn keys(credentials: &Credentials, settings: &Settings) -> Keys {
    let find = async |holder| credentials.find(holder).await.key;
    match (settings.call.provider, settings.call.route) {
        (Provider::Practice, _) => Keys::default(),
        (Provider::Openai, Route::Direct) => Keys { openai: find(Holder::Openai).await, ..Keys::default() },
        (Provider::Openai, Route::Gateway) => Keys {
            openai: if settings.gateway.stored_key { None } else { find(Holder::Openai).await },
            gateway: find(Holder::Gateway).await,
            ..Keys::default()
        },
        (Provider::Openai, Route::Endpoint) => Keys { endpoint: find(Holder::Endpoint).await, ..Keys::default() },
    }
}

fn gateway_name(settings: &Settings) -> String {
    let gateway = &settings.gateway;
    format!("{:?} {} {} {}", settings.call.route, gateway.base_url, gateway.account_id, gateway.gateway_id)
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .with_max_times(TRIES as usize)
        .build()
}
