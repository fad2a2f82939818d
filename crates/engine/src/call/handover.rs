//! Going on with another connection while the conversation lasts: a fresh one before the provider ends the old one,
//! another voice that the user chose, and a voice that stands in for one that failed. The new connection is opened
//! beside the old one, is told the conversation there, and takes over between two turns, so that nothing is said twice and
//! no pause is heard.

use std::time::Instant;

use protocol::{Input, Session};

use crate::api::{Code, Note, Problem, Provider};
use crate::board::Board;
use crate::config::Settings;
use crate::minute;

use super::Call;
use super::spare::Grown;
use super::way::Way;

/// Why the connection changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handover {
    /// The provider's longest session came near.
    Renewal,
    /// The user chose another way.
    Choice,
}

/// Who answers in the place of the user's choice.
#[derive(Debug, Default)]
pub(super) struct StandIn {
    /// The user's choice and who answers in its place.
    present: Option<(Provider, Provider)>,
    /// Who failed in this call.
    failed: Vec<Provider>,
}

impl Call {
    /// The talk key is near: a connection is opened ahead.
    pub(crate) fn warm(&mut self, board: &Board) {
        if self.link.is_idle() {
            self.spare.prepare(&self.link, board.settings(), false);
        }
    }

    /// Another connection takes over as soon as it is there and nothing is going on.
    pub(super) fn hand_over(&mut self, why: Handover, board: &Board) {
        self.handover = Some(why);
        if why == Handover::Renewal {
            self.spare.discard(); // it is as old as the one that expires
        }
        self.spare.prepare(&self.link, board.settings(), true);
    }

    /// Nothing is being said, answered or heard.
    pub(super) fn is_between_turns(&self) -> bool {
        !self.session.is_busy() && self.queued.is_empty() && !self.gate.has_audio()
    }

    /// Is this the moment for it?
    pub(super) fn continue_handover(&mut self, board: &mut Board) {
        let Some(why) = self.handover else { return };
        if !self.is_between_turns() {
            return;
        }
        if !self.spare.is_open(&Way::of(board.settings())) {
            // One that was open is too old by now, after a long answer.
            return self.spare.prepare(&self.link, board.settings(), true);
        }
        match self.spare.standby() {
            Some(standby) if standby.is_ready() => {}
            Some(_) => return,
            None => {
                if let Some(session) = self.standby(board.settings()) {
                    return self.spare.prime(session);
                }
            }
        }
        self.take_over(board);
        board.note(match why {
            Handover::Renewal => Note::Renewed,
            Handover::Choice => Note::ContinuedOn { provider: board.settings().call.provider },
        });
    }

    /// What tells the conversation to the connection that is to take over; `None`: it is told afterwards.
    fn standby(&self, settings: &Settings) -> Option<Session> {
        // An agent greets whoever connects: where nothing was said yet, that is to be heard.
        let greets = matches!(settings.call.provider, Provider::Elevenlabs | Provider::Deepgram);
        let is_mute = greets && self.session.items().is_empty();
        self.session.standby(&self.session_config(settings)).filter(|_| !is_mute)
    }

    /// The spare connection serves from now on; where its session is ready, in the same moment.
    fn take_over(&mut self, board: &mut Board) {
        let is_ready = self.spare.is_open(&Way::of(board.settings()))
            && self.spare.standby().is_some_and(|standby| self.session.can_adopt(&standby.session));
        let primed = if is_ready { self.spare.take_primed() } else { None };
        self.drop_connection(board);
        self.handover = None;
        if let Some((session, connection, road)) = primed {
            self.fault = None;
            self.link.carry_on(connection, road);
            self.session.adopt(session, Instant::now());
            self.drain(board);
        } else {
            self.dial(board);
        }
        // They may have changed since the standby began.
        self.input(Input::Configure(&self.session_config(board.settings())), board);
    }

    /// A turn begins, or the settings change again: whoever was chosen before takes it.
    pub(super) fn take_over_now(&mut self, board: &mut Board) {
        if self.handover == Some(Handover::Choice) {
            self.take_over(board);
        }
    }

    /// The connection beside the present one is open, or could not be opened. A renewal tries again in time; a choice is carried
    /// out the plain way, which tells the user what is wrong.
    pub(super) fn spare_grown(&mut self, grown: Grown, board: &mut Board) {
        match grown {
            Grown::Open | Grown::Primed => return, // it is taken when nothing is going on
            Grown::Old if self.link.is_idle() => return self.spare.renew(&self.link, board.settings()),
            Grown::Old => return,
            Grown::Refused(refused) => tracing::debug!(problem = refused.problem.detail, "no spare connection"),
            Grown::Unprimed => tracing::debug!("the spare connection came to nothing"),
        }
        match self.handover.take() {
            Some(Handover::Renewal) => self.renew_at = Some(Instant::now() + super::connection::RENEWAL_PATIENCE),
            Some(Handover::Choice) => {
                self.input(Input::Configure(&self.session_config(board.settings())), board);
                self.change_way(board);
            }
            None => {}
        }
    }

    /// Somebody else answers from now on, if the user named one for the case of this problem. Nothing is lost: what
    /// waits goes along.
    pub(super) fn stand_in(&mut self, problem: &Problem, board: &mut Board) -> bool {
        let Some(settings) = self.deputy(problem, board.settings()) else { return false };
        let (failed, next) = (board.settings().call.provider, settings.call.provider);
        tracing::info!(?failed, ?next, code = ?problem.code, "another voice stands in");
        self.stand_in.failed.push(failed);
        let chosen = self.stand_in.present.map_or(failed, |(chosen, _)| chosen);
        self.stand_in.present = Some((chosen, next));
        board.set_settings(settings);
        self.drop_connection(board);
        self.link.settle();
        self.input(Input::Configure(&self.session_config(board.settings())), board);
        self.input(Input::StandIn, board);
        self.dial(board);
        board.note(Note::StoodIn { failed, provider: next, code: problem.code });
        true
    }

    /// The settings with whoever would stand in.
    pub(super) fn deputy(&self, problem: &Problem, settings: &Settings) -> Option<Settings> {
        let failed = settings.call.provider;
        let is_free = |other: &Provider| *other != failed && !self.stand_in.failed.contains(other);
        let free = settings.call.stand_ins.iter().filter(|other| is_free(other));
        let mut deputies = free.map(|other| with_provider(settings, *other));
        // Whoever costs is stopped by the same budget.
        let is_affordable = |settings: &Settings| problem.code != Code::Budget || minute::is_free(settings);
        deputies.find(is_affordable).filter(|_| is_of_voice(problem.code))
    }

    /// Settings changed otherwise: whoever stands in goes on.
    pub(crate) fn keep_stand_in(&self, board: &mut Board) {
        if let Some((chosen, present)) = self.stand_in.present
            && board.settings().call.provider == chosen
        {
            board.set_settings(with_provider(board.settings(), present));
        }
    }

    /// The user chooses anew: nobody stands in any more.
    pub(crate) fn forget_stand_in(&mut self) {
        self.stand_in = StandIn::default();
    }

    /// The call is over: the next one begins with the user's choice.
    pub(super) fn end_stand_in(&mut self, board: &mut Board) {
        if let Some((chosen, _)) = std::mem::take(&mut self.stand_in).present {
            board.set_settings(with_provider(board.settings(), chosen));
            self.input(Input::Configure(&self.session_config(board.settings())), board);
        }
    }
}

fn with_provider(settings: &Settings, provider: Provider) -> Settings {
    let mut settings = settings.clone();
    settings.call.provider = provider;
    settings
}

/// Whether another voice may do better.
fn is_of_voice(code: Code) -> bool {
    matches!(
        code,
        Code::NoCredential
            | Code::CredentialRefused
            | Code::NotPermitted
            | Code::Quota
            | Code::Budget
            | Code::RateLimited
            | Code::Refused
            | Code::ProviderTrouble
            | Code::Offline
            | Code::Tls
            | Code::GatewayMissing
            | Code::GatewayRefused
    )
}
