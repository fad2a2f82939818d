//! The connection of a call: dialling, trying again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::future::try_join_all;
use protocol::Leg;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::{self, Code, Note, Problem, Provider, Route};
use crate::config::Settings;
use crate::credential::Credentials;
use crate::net::{Dial, Net, Socket, Utf8Bytes};
use crate::route::{Failure, Form, Ladder, Road, voices};
use crate::text::Text;

use super::purse::Purse;
use super::spare::{Spare, Taken};
use super::way::Way;
use super::wire::Connection;

/// Tries before a call gives up for whom nobody stands in.
pub(super) const TRIES: u32 = 6;
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

/// What a dial needs.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) net: Net,
    pub(crate) credentials: Credentials,
    pub(crate) practice: watch::Receiver<String>,
    /// For voices that only listen and speak.
    pub(crate) text: Text,
    /// For the budgets.
    pub(crate) purse: Purse,
}

/// What the connection reports.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A new connection is open, on all its legs.
    Opened,
    /// A text frame.
    Text(Leg, Utf8Bytes),
    /// A binary frame.
    Binary(Leg, Vec<u8>),
    /// A socket is gone, and with it the connection.
    Closed { code: Option<u16>, reason: String },
    /// A socket could not be opened.
    Refused { problem: Problem, is_transient: bool },
}

/// One way to one provider, with its tries.
pub(crate) struct Link {
    exchange: Exchange,
    state: State,
    dials: JoinSet<Dialed>,
    tries: u32,
    /// Of so many.
    most: u32,
    /// Why it is tried again.
    setback: Option<Problem>,
    delays: ExponentialBackoff,
    /// The form of the keys that worked, and for which gateway.
    remembered: Option<(String, Form)>,
    /// The trial after a failed rung keeps its road.
    road: Option<Road>,
    /// A connection that was opened ahead was taken: that it is open is still to be told.
    has_taken: bool,
}

enum State {
    Idle,
    Dialing,
    Waiting { until: Instant, settings: Box<Settings> },
    Open(Box<Connection>),
}

pub(super) type Dialed = Result<(Connection, Road), Refused>;

#[derive(Debug)]
pub(crate) struct Refused {
    pub(super) problem: Problem,
    is_transient: bool,
}

impl Link {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            state: State::Idle,
            dials: JoinSet::new(),
            tries: 0,
            most: TRIES,
            setback: None,
            delays: delays(),
            remembered: None,
            road: None,
            has_taken: false,
        }
    }

    /// Starts to connect, if nothing is under way; with what was opened ahead, if it goes the same way. True if that
    /// was open already.
    pub(crate) fn dial(&mut self, settings: &Settings, spare: &mut Spare) -> bool {
        if !matches!(self.state, State::Idle) {
            return false;
        }
        match spare.take(&Way::of(settings)) {
            // The budgets were looked at when it was opened, and may be spent by now.
            Taken::Open(connection, road) if Purse::is_asked(settings) => {
                let (exchange, settings) = (self.exchange.clone(), settings.clone());
                self.dials.spawn(async move {
                    afford(&exchange, &settings).await?;
                    Ok((connection, road))
                });
                self.state = State::Dialing;
                return true;
            }
            Taken::Open(connection, road) => {
                self.road = Some(road);
                self.state = State::Open(Box::new(connection));
                self.has_taken = true;
                return true;
            }
            Taken::Dialing(dials) => {
                self.dials = dials;
                self.state = State::Dialing;
                return false;
            }
            Taken::None => {}
        }
        self.dial_anew(settings);
        false
    }

    /// Goes on over a connection whose session is ready.
    pub(super) fn carry_on(&mut self, connection: Connection, road: Road) {
        self.close();
        self.road = Some(road);
        self.state = State::Open(Box::new(connection));
    }

    fn dial_anew(&mut self, settings: &Settings) {
        let road = self.road.take();
        self.dials.spawn(dial(self.exchange.clone(), settings.clone(), self.remembered(settings), road));
        self.state = State::Dialing;
    }

    /// The form of the keys that the gateway of these settings took before.
    pub(super) fn remembered(&self, settings: &Settings) -> Option<Form> {
        let gateway = gateway_name(settings);
        self.remembered.as_ref().filter(|(name, _)| *name == gateway).map(|(_, form)| *form)
    }

    /// What a dial needs.
    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The next thing that happens; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        if std::mem::take(&mut self.has_taken) {
            return LinkEvent::Opened;
        }
        loop {
            match &mut self.state {
                State::Idle => std::future::pending().await,
                State::Waiting { until, settings } => {
                    sleep_until(*until).await;
                    let settings = std::mem::take(settings);
                    self.dial_anew(&settings);
                }
                State::Dialing => match self.dials.join_next().await {
                    Some(Ok(Ok((connection, road)))) => {
                        self.road = Some(road);
                        self.state = State::Open(Box::new(connection));
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
                State::Open(connection) => return connection.next().await,
            }
        }
    }

    /// Hands a frame to the network. `false`: it does not keep up. A socket that is gone reports so itself.
    pub(crate) fn send(&self, leg: Leg, message: protocol::Message, is_audio: bool) -> bool {
        let Some(connection) = self.connection() else { return true };
        connection.send(leg, message, is_audio)
    }

    fn connection(&self) -> Option<&Connection> {
        match &self.state {
            State::Open(connection) => Some(connection),
            State::Idle | State::Dialing | State::Waiting { .. } => None,
        }
    }

    /// The network.
    pub(crate) fn net(&self) -> &Net {
        &self.exchange.net
    }

    /// Where the service of a leg takes HTTP requests, and how.
    pub(crate) fn service(&self, leg: Leg) -> Option<&Dial> {
        self.road.as_ref()?.services.get(&leg)
    }

    /// Ends whatever is under way. What was handed over before is still sent.
    pub(crate) fn close(&mut self) {
        if let Some(connection) = self.connection() {
            connection.close();
        }
        self.dials.abort_all();
        self.dials = JoinSet::new();
        self.road = None;
        self.state = State::Idle;
    }

    /// The session is ready: remembers the form that worked and tells what the user should know about it.
    pub(crate) fn ready(&mut self, settings: &Settings) -> Option<Note> {
        let State::Open(connection) = &mut self.state else { return None };
        connection.ready_since.get_or_insert_with(Instant::now);
        let road = self.road.as_ref()?;
        if let Some(ladder) = road.only_ladder() {
            self.remembered = Some((gateway_name(settings), ladder.form()));
        }
        road.note()
    }

    /// A server's words without the keys of this connection, should it have repeated one.
    pub(crate) fn redact(&self, words: &str) -> String {
        self.road.as_ref().map_or_else(|| words.to_owned(), |road| road.redact(words))
    }

    /// What a server said of a key, in view of the keys of this connection.
    pub(crate) fn corrected(&self, problem: Problem) -> Problem {
        match self.road.as_ref().and_then(Road::only_ladder) {
            Some(ladder) => ladder.corrected(problem),
            None => problem,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready_since().is_some()
    }

    /// When the network last took sound of the microphone, over this connection.
    pub(crate) fn audio_sent(&self) -> Option<std::time::Instant> {
        self.connection()?.audio_sent()
    }

    fn ready_since(&self) -> Option<Instant> {
        self.connection()?.ready_since
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The connection proved good: the next failure gets all its tries.
    pub(crate) fn settle(&mut self) {
        self.tries = 0;
        self.setback = None;
        self.delays = delays();
    }

    /// Before the session was ready: dials with the keys in another form, if this failure calls for it.
    pub(crate) fn step(&mut self, failure: &Failure<'_>, settings: &Settings) -> bool {
        let Some(mut road) = self.road.take() else { return false };
        let is_worth_it = road.step(failure);
        self.close();
        if is_worth_it {
            self.road = Some(road);
            self.dial_anew(settings);
        }
        is_worth_it
    }

    /// Plans the next try after a pause, because of `problem`; the only one comes at once. `false`: as many as there may be
    /// at `most` were made.
    pub(crate) fn retry(&mut self, problem: &Problem, settings: &Settings, most: u32) -> bool {
        if self.ready_since().is_some_and(|at| at.elapsed() >= PROVEN) {
            self.settle();
        }
        self.close();
        let Some(delay) = self.delays.next().filter(|_| self.tries < most) else {
            self.settle();
            return false;
        };
        let delay = if most == 1 { Duration::ZERO } else { delay };
        self.tries += 1;
        self.most = most;
        self.setback = Some(problem.clone());
        self.state = State::Waiting { until: Instant::now() + delay, settings: Box::new(settings.clone()) };
        true
    }

    pub(crate) fn view(&self) -> api::Link {
        match (&self.state, &self.setback) {
            (State::Open(connection), _) if connection.ready_since.is_some() => api::Link::Live,
            (State::Idle, _) => api::Link::Idle,
            (State::Open(_) | State::Dialing | State::Waiting { .. }, None) => api::Link::Connecting,
            (State::Open(_) | State::Dialing | State::Waiting { .. }, Some(problem)) => {
                api::Link::Reconnecting { attempt: self.tries, of: self.most, problem: problem.clone() }
            }
        }
    }
}

pub(super) async fn dial(
    exchange: Exchange,
    settings: Settings,
    remembered: Option<Form>,
    road: Option<Road>,
) -> Dialed {
    afford(&exchange, &settings).await?;
    let mut road = match road {
        Some(road) => road,
        None => find_road(&exchange, &settings, remembered).await?,
    };
    let legs = road.legs.iter_mut().map(|(leg, ladder)| {
        let (leg, net, route) = (*leg, &exchange.net, settings.call.route);
        async move { climb(net, ladder, route).await.map(|socket| (leg, socket)) }
    });
    let sockets = try_join_all(legs).await?;
    Ok((Connection::new(sockets, voices::wire(&settings).farewell()), road))
}

/// Nothing is dialled that no budget pays for.
async fn afford(exchange: &Exchange, settings: &Settings) -> Result<(), Refused> {
    let looked = exchange.purse.clone().look(settings.clone()).await;
    looked.map(drop).map_err(|problem| Refused { problem, is_transient: false })
}

/// Tries rung after rung.
async fn climb(net: &Net, ladder: &mut Ladder, route: Route) -> Result<Socket, Refused> {
    loop {
        let refusal = match net.connect(&ladder.dial(), DIAL_LIMIT).await {
            Ok(socket) => return Ok(socket),
            Err(refusal) => refusal,
        };
        if !ladder.step(&Failure::Refused(&refusal)) {
            return Err(Refused {
                problem: ladder.corrected(refusal.problem(route)),
                is_transient: refusal.is_transient(),
            });
        }
    }
}

async fn find_road(exchange: &Exchange, settings: &Settings, remembered: Option<Form>) -> Result<Road, Refused> {
    let fatal = |problem| Refused { problem, is_transient: false };
    let practice = practice_url(exchange, settings).await.map_err(fatal)?;
    Road::find(settings, &practice, &exchange.credentials, remembered).await.map_err(fatal)
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

fn gateway_name(settings: &Settings) -> String {
    let (call, gateway) = (&settings.call, &settings.gateway);
    format!("{:?} {:?} {} {} {}", call.provider, call.route, gateway.base_url, gateway.account_id, gateway.gateway_id)
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .with_max_times(TRIES as usize)
        .build()
}
