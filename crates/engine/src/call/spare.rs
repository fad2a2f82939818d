//! A connection that is opened before it is needed: when the talk key is near, before the present one expires, and before
//! the conversation goes on with another voice. One that waits for the talk key is made anew before it is too old, for a
//! while.

use std::future::pending;
use std::time::Duration;

use protocol::Session;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::config::Settings;
use crate::route::voices;

use super::link::{Dialed, Link, Refused, dial};
use super::standby::Standby;
use super::way::Way;
use super::wire::Connection;
use crate::route::Road;

/// The next one is dialled this long before one is too old.
const RENEWED_BEFORE: Duration = Duration::from_secs(2);
/// Nobody is expected any more who has not come in the life of so many connections ...
const LIVES: u32 = 20;
/// ... or in this time.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// See the module.
#[derive(Default)]
pub(super) struct Spare {
    wish: Option<Wish>,
    open: Option<Open>,
    /// What is being opened, in the place of one that soon is too old perhaps.
    dials: JoinSet<Dialed>,
}

/// What it is for.
struct Wish {
    way: Way,
    /// How long a connection may wait.
    keep: Duration,
    /// Until when somebody is expected to use it, and a new one takes the place of one that is too old.
    expected_until: Instant,
}

struct Open {
    connection: Connection,
    road: Road,
    until: Instant,
    /// It soon is too old, and that is told.
    old_at: Instant,
    /// It was.
    is_told: bool,
    /// It is being told the conversation, or was.
    standby: Option<Standby>,
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
    /// It is too old soon, and still expected to be used.
    Old,
    /// Its session is ready and knows the conversation.
    Primed,
    /// Its session came to nothing.
    Unprimed,
    /// It could not be opened.
    Refused(Refused),
}

impl Spare {
    /// Opens a connection for these settings, if there is none and their voice allows one that nobody uses (it must
    /// cost nothing, and stay open for a while). `is_needed`: it is used at once, so neither matters.
    pub(super) fn prepare(&mut self, link: &Link, settings: &Settings, is_needed: bool) {
        let way = Way::of(settings);
        if !self.is_for(&way) {
            let keep = voices::idle_limit(settings).or_else(|| is_needed.then_some(voices::SHORT));
            let Some(keep) = keep else { return };
            *self = Self { wish: Some(Wish { way, keep, expected_until: Instant::now() }), ..Self::default() };
            self.dial(link, settings);
        }
        if let Some(wish) = self.wish.as_mut().filter(|_| !is_needed) {
            wish.expected_until = Instant::now() + (wish.keep * LIVES).min(PATIENCE);
        }
    }

    /// Opens another one, to take the place of the old one; not for other settings, nor where an unused one costs.
    pub(super) fn renew(&mut self, link: &Link, settings: &Settings) {
        if self.is_for(&Way::of(settings)) && self.dials.is_empty() && voices::idle_limit(settings).is_some() {
            self.dial(link, settings);
        }
    }

    fn dial(&mut self, link: &Link, settings: &Settings) {
        self.dials.spawn(dial(link.exchange().clone(), settings.clone(), link.remembered(settings), None));
    }

    /// The connection for this way, whole or half made.
    pub(super) fn take(&mut self, way: &Way) -> Taken {
        if !self.is_for(way) {
            return Taken::None;
        }
        let Self { open, dials, .. } = std::mem::take(self);
        match open {
            Some(Open { connection, road, standby: None, .. }) => Taken::Open(connection, road),
            Some(_) => Taken::None, // the other side believes that a session has begun
            None => Taken::Dialing(dials),
        }
    }

    /// The open connection is told the conversation that this session knows.
    pub(super) fn prime(&mut self, session: Session) {
        if let Some(open) = &mut self.open {
            open.standby = Some(Standby::begin(session, &open.connection));
        }
    }

    /// What tells the open connection the conversation.
    pub(super) fn standby(&self) -> Option<&Standby> {
        self.open.as_ref()?.standby.as_ref()
    }

    /// The open connection and its session. Nothing is left here.
    pub(super) fn take_primed(&mut self) -> Option<(Session, Connection, Road)> {
        let Open { connection, road, standby, .. } = std::mem::take(self).open?;
        Some((standby?.session, connection, road))
    }

    /// It is of no use any more.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// Whether there is one, whole or half made.
    pub(super) fn is_any(&self) -> bool {
        self.open.is_some() || !self.dials.is_empty()
    }

    /// Whether one is open for this way.
    pub(super) fn is_open(&self, wanted: &Way) -> bool {
        self.open.is_some() && self.is_for(wanted)
    }

    fn is_for(&self, wanted: &Way) -> bool {
        self.is_any() && self.wish.as_ref().is_some_and(|wish| wish.way == *wanted)
    }

    /// Waits until it is open, refused, or soon too old; safe to drop and call again.
    pub(super) async fn grow(&mut self) -> Grown {
        loop {
            let expected_until = self.wish.as_ref().map(|wish| wish.expected_until);
            tokio::select! {
                Some(dialed) = self.dials.join_next() => {
                    if let Some(grown) = self.dialed(dialed) {
                        return grown;
                    }
                }
                Some(sign) = wither(&mut self.open) => match sign {
                    Sign::Primed => return Grown::Primed,
                    Sign::Old if expected_until.is_some_and(|until| until > Instant::now()) => return Grown::Old,
                    Sign::Old => {}
                    Sign::Gone if self.open.take().is_some_and(|open| open.standby.is_some()) => {
                        return Grown::Unprimed;
                    }
                    Sign::Gone => {}
                },
                else => pending::<()>().await,
            }
        }
    }

    fn dialed(&mut self, dialed: Result<Dialed, JoinError>) -> Option<Grown> {
        match dialed {
            Ok(Ok((connection, road))) => {
                let keep = self.wish.as_ref()?.keep;
                let until = Instant::now() + keep;
                let old_at = until - RENEWED_BEFORE.min(keep / 2);
                self.open = Some(Open { connection, road, until, old_at, is_told: false, standby: None });
                Some(Grown::Open)
            }
            Ok(Err(refused)) => Some(Grown::Refused(refused)),
            Err(_) => None,
        }
    }
}

/// What becomes of an open connection.
enum Sign {
    /// It soon is too old.
    Old,
    /// Its session is ready.
    Primed,
    /// It is too old, or ended, or its session came to nothing.
    Gone,
}

/// Waits for the next sign, each but the last comes once; `None`: there is no connection.
async fn wither(open: &mut Option<Open>) -> Option<Sign> {
    let Open { connection, until, old_at, is_told, standby, .. } = open.as_mut()?;
    let news = async {
        match standby {
            Some(standby) => {
                let is_ready = standby.grow(connection).await;
                if is_ready { Sign::Primed } else { Sign::Gone }
            }
            None => {
                connection.ended_unused().await;
                Sign::Gone
            }
        }
    };
    tokio::select! {
        sign = news => Some(sign),
        () = sleep_until(*until) => Some(Sign::Gone),
        () = sleep_until(*old_at), if !*is_told => {
            *is_told = true;
            Some(Sign::Old)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const S: Duration = Duration::from_secs(1);

    impl Spare {
        fn dial_nowhere(&mut self) {
            self.dials.spawn(async { Ok((Connection::new(Vec::new(), None), Road::default())) });
        }
    }

    /// One for a voice that lets a connection wait for 8 s; somebody is expected for so long.
    async fn open(expected: Duration) -> Spare {
        let way = Way::of(&Settings::default());
        let wish = Wish { way, keep: voices::SHORT, expected_until: Instant::now() + expected };
        let mut spare = Spare { wish: Some(wish), ..Spare::default() };
        spare.dial_nowhere();
        assert!(matches!(spare.grow().await, Grown::Open));
        spare
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_always_one_while_somebody_is_expected_and_none_afterwards() {
        let (mut spare, start) = (open(60 * S).await, Instant::now());
        let way = Way::of(&Settings::default());
        let mut dialed = 1;
        while let Ok(grown) = timeout(600 * S, spare.grow()).await {
            assert!(spare.is_open(&way), "after {:?}", start.elapsed());
            if matches!(grown, Grown::Old) {
                spare.dial_nowhere();
                dialed += 1;
            }
        }
        assert_eq!(dialed, 10, "one for every six seconds of a minute");
        assert!(!spare.is_any());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_nobody_is_expected_to_use_is_kept_for_its_time() {
        let mut spare = open(Duration::ZERO).await;
        let way = Way::of(&Settings::default());
        assert!(timeout(7 * S, spare.grow()).await.is_err() && spare.is_open(&way));
        assert!(timeout(2 * S, spare.grow()).await.is_err() && !spare.is_any());
    }
}
