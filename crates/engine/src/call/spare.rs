//! A connection that is opened before it is needed: when the talk key is near, before the present one expires, and before
//! the conversation goes on with another voice.

use std::future::pending;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::config::Settings;
use crate::route::voices;

use super::link::{Dialed, Link, Refused, dial};
use super::way::Way;
use super::wire::Connection;
use crate::route::Road;

/// See the module.
#[derive(Default)]
pub(super) struct Spare {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    None,
    Dialing {
        way: Box<Way>,
        dials: JoinSet<Dialed>,
        keep: std::time::Duration,
    },
    Open {
        way: Box<Way>,
        connection: Connection,
        road: Road,
        until: Instant,
    },
}

/// What there is for somebody who wants to connect now.
pub(super) enum Taken {
    /// Nothing.
    None,
    /// A dial that is under way.
    Dialing(JoinSet<Dialed>),
    /// An open connection.
    Open(Connection, Road),
}

/// What became of a spare connection.
#[derive(Debug)]
pub(crate) enum Grown {
    /// It is open.
    Open,
    /// It could not be opened.
    Refused(Refused),
}

impl Spare {
    /// Opens a connection for these settings, if there is none and their voice allows one that nobody uses (it must
    /// cost nothing, and stay open for a while). `is_needed`: it is used at once, so neither matters.
    pub(super) fn prepare(&mut self, link: &Link, settings: &Settings, is_needed: bool) {
        let way = Way::of(settings);
        if self.is_for(&way) {
            return;
        }
        let Some(keep) = voices::idle_limit(settings).or_else(|| is_needed.then_some(voices::SHORT)) else { return };
        let mut dials = JoinSet::new();
        dials.spawn(dial(link.exchange().clone(), settings.clone(), link.remembered(settings), None));
        self.state = State::Dialing { way: Box::new(way), dials, keep };
    }

    /// The connection for this way, whole or half made.
    pub(super) fn take(&mut self, way: &Way) -> Taken {
        if !self.is_for(way) {
            return Taken::None;
        }
        match std::mem::take(&mut self.state) {
            State::None => Taken::None,
            State::Dialing { dials, .. } => Taken::Dialing(dials),
            State::Open { connection, road, .. } => Taken::Open(connection, road),
        }
    }

    /// It is of no use any more.
    pub(super) fn discard(&mut self) {
        self.state = State::None;
    }

    /// Whether there is one, whole or half made.
    pub(super) fn is_any(&self) -> bool {
        !matches!(self.state, State::None)
    }

    /// Whether one is open for this way.
    pub(super) fn is_open(&self, wanted: &Way) -> bool {
        matches!(&self.state, State::Open { way, .. } if **way == *wanted)
    }

    fn is_for(&self, wanted: &Way) -> bool {
        match &self.state {
            State::None => false,
            State::Dialing { way, .. } | State::Open { way, .. } => **way == *wanted,
        }
    }

    /// Waits until it is open, refused, or too old; safe to drop and call again.
    pub(super) async fn grow(&mut self) -> Grown {
        loop {
            match &mut self.state {
                State::None => pending::<()>().await,
                State::Open { connection, until, .. } => {
                    let until = *until;
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = connection.ended_unused() => {}
                    }
                    self.state = State::None;
                }
                State::Dialing { dials, .. } => {
                    let dialed = dials.join_next().await;
                    let State::Dialing { way, keep, .. } = std::mem::take(&mut self.state) else { continue };
                    match dialed {
                        Some(Ok(Ok((connection, road)))) => {
                            self.state = State::Open { way, connection, road, until: Instant::now() + keep };
                            return Grown::Open;
                        }
                        Some(Ok(Err(refused))) => return Grown::Refused(refused),
                        Some(Err(_)) | None => {}
                    }
                }
            }
        }
    }
}
