//! Walking the ladder with real sockets, to see how far it leads.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use protocol::{Cause, Config, Event, Fault, Input, Leg, Output, Received, Session, TurnTaking, Wire};

use crate::api::Problem;
use crate::net::{Message, Net, Refusal, Socket};
use crate::route::{Failure, Form, Ladder};

/// How far a ladder led.
#[derive(Debug)]
pub(crate) struct Walk {
    /// `Ok` with the time from the dial of the last rung to `session.created`.
    pub(crate) end: Result<Duration, Stop>,
    /// Time from the dial of the last rung to its HTTP 101.
    pub(crate) opened: Option<Duration>,
    /// How the keys travelled on the last rung.
    pub(crate) form: Form,
}

/// Where it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No WebSocket.
    Refused(Refusal),
    /// The server said no.
    Fault(Fault),
    /// The server closed without a word.
    Closed(Option<u16>),
    /// Open, but no `session.created` in time.
    Silent,
}

impl Stop {
    fn failure(&self) -> Option<Failure<'_>> {
        match self {
            Self::Refused(refusal) => Some(Failure::Refused(refusal)),
            Self::Fault(fault) => Some(Failure::Fault(fault)),
            Self::Closed(code) => Some(Failure::Closed { code: *code }),
            Self::Silent => None,
        }
    }

    /// In words, never a key.
    pub(crate) fn words(&self) -> String {
        match self.failure() {
            Some(failure) => super::outcome(&failure),
            None => "connected, but no session was created in time".into(),
        }
    }

    /// Whether there is no credit left.
    pub(crate) fn is_out_of_credit(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.problem(crate::api::Route::Gateway).code == crate::api::Code::Quota,
            Self::Fault(fault) => fault.cause == Cause::Quota,
            Self::Closed(_) | Self::Silent => false,
        }
    }
}

/// Dials rung after rung until one leads to `session.created` (then hangs up at once) or none is left. Each rung may
/// take `limit`.
pub(crate) async fn walk(net: &Net, ladder: &mut Ladder, limit: Duration) -> Walk {
    loop {
        let from = Instant::now();
        let (end, opened) = match net.connect(&ladder.dial(), limit).await {
            Err(refusal) => (Err(Stop::Refused(refusal)), None),
            Ok(socket) => (greeting(socket, limit).await, Some(from.elapsed())),
        };
        let end = end.map(|()| from.elapsed());
        let goes_on = match &end {
            Err(stop) => stop.failure().is_some_and(|failure| ladder.step(&failure)),
            Ok(_) => false,
        };
        if !goes_on {
            return Walk { end, opened, form: ladder.form() };
        }
    }
}

/// Waits for the server's first word.
async fn greeting(mut socket: Socket, limit: Duration) -> Result<(), Stop> {
    let mut session = Session::new(silent_config());
    session.handle(Input::Opened, Instant::now());
    let listening = async {
        loop {
            let (code, reason) = match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    if is_created(&text) {
                        return Ok(());
                    }
                    let received = Received::Text(&text);
                    session.handle(Input::Received { leg: Leg::Voice, received }, Instant::now());
                    fault(&mut session)?;
                    continue;
                }
                Some(Ok(Message::Close(frame))) => {
                    frame.map_or((None, String::new()), |frame| (Some(frame.code.into()), frame.reason.to_string()))
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => (None, String::new()),
            };
            session.handle(Input::Closed { code, reason: &reason }, Instant::now());
            return Err(match fault(&mut session) {
                Err(Stop::Fault(fault)) if fault.code.is_some() => Stop::Fault(fault),
                _ => Stop::Closed(code),
            });
        }
    };
    let end = tokio::time::timeout(limit, listening).await.unwrap_or(Err(Stop::Silent));
    // Only polite: the answer is known.
    let _ = tokio::time::timeout(Duration::from_millis(200), socket.close(None)).await;
    end
}

fn is_created(text: &str) -> bool {
    let event: Option<serde_json::Value> = serde_json::from_str(text).ok();
    event.is_some_and(|event| event.get("type").and_then(|kind| kind.as_str()) == Some("session.created"))
}

/// The session's opinion on what came, if it is a bad one.
fn fault(session: &mut Session) -> Result<(), Stop> {
    while let Some(output) = session.poll() {
        if let Output::Event(Event::Fault(fault)) = output {
            return Err(Stop::Fault(fault));
        }
    }
    Ok(())
}

fn silent_config() -> Config {
    Config {
        wire: Wire::Realtime,
        voice: String::new(),
        instructions: String::new(),
        transcription: None,
        noise_reduction: None,
        turn_taking: TurnTaking::PushToTalk,
        speed: None,
        retention_ratio: None,
        reasoning_effort: None,
        tools: Vec::new(),
    }
}

/// What the user is told when a walk ended so.
pub(crate) fn problem(stop: &Stop, route: crate::api::Route) -> Problem {
    use crate::api::Code;
    let code = match stop {
        Stop::Refused(refusal) => return refusal.problem(route),
        Stop::Fault(fault) => match fault.cause {
            Cause::Credential => Code::CredentialRefused,
            Cause::Permission => Code::NotPermitted,
            Cause::Quota => Code::Quota,
            Cause::RateLimited => Code::RateLimited,
            Cause::Refused => Code::Refused,
            Cause::Expired | Cause::Server | Cause::Response => Code::ProviderTrouble,
        },
        Stop::Closed(_) | Stop::Silent => Code::ProviderTrouble,
    };
    Problem { code, detail: stop.words() }
}
