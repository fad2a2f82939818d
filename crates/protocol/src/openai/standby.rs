//! A conversation that goes over to another connection: the new one is told everything while the old one still serves.

use std::time::Instant;

use super::config::Config;
use super::realtime::Realtime;
use super::replay::Turn;

impl Realtime {
    /// The conversation so far, for a connection that is to take over. `None` where the provider itself remembers it, as
    /// the present connection still adds to that, and while the floor is held.
    pub(crate) fn standby(&self, config: &Config) -> Option<Self> {
        let is_remembered = self.memory.is_some() && self.config.wire == config.wire;
        (!is_remembered && !self.is_floor_held).then(|| {
            let turns: Vec<_> = self.turns().iter().map(|turn| turn.id).collect();
            Self { timeline: self.timeline.settled(&turns), summary: self.summary.clone(), ..Self::new(config.clone()) }
        })
    }

    /// Whether a question would be answered at once.
    pub(crate) fn is_settled(&self) -> bool {
        let is_begun = match (&self.interpreter, self.now) {
            (Some(interpreter), Some(now)) => interpreter.is_settled(now),
            (Some(_), None) | (None, _) => true,
        };
        self.state.is_ready() && is_begun
    }

    /// Whether a standby's connection can carry this conversation: it is settled, what it was told is still so, and
    /// nothing was said on it.
    pub(crate) fn can_adopt(&self, standby: &Self) -> bool {
        let known = standby.turns();
        standby.is_settled()
            && standby.link.slot.is_free()
            && !self.is_floor_held
            && standby.timeline.entries().len() == known.len()
            && self.turns().starts_with(&known)
    }

    /// Goes on over a standby's connection, which is told what was said since it began.
    pub(crate) fn adopt(&mut self, standby: Self, now: Instant) {
        self.now = Some(now);
        self.disconnect();
        let known = standby.turns().len();
        self.last_event = self.last_event.max(standby.last_event);
        self.finished.clear();
        (self.config, self.state, self.link) = (standby.config, standby.state, standby.link);
        self.interpreter = standby.interpreter;
        if standby.memory.is_some() {
            self.memory = standby.memory;
        }
        self.timeline.take_names(standby.timeline);
        let missing: Vec<Turn> = self.turns().split_off(known);
        self.announce();
        self.tell_turns(None, missing);
        self.go_on(now);
        self.carry_out(now);
    }
}
