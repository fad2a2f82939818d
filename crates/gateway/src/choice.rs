//! Stage 4 of a request under way: who is asked, in which order, and who together.

use protocol::chat::{Failure, FailureKind};
use tokio::time::Instant;

use crate::exchange::{Exchange, Try};
use crate::pipeline::Shared;
use crate::universal::{self, Candidate, MOST_STEPS};
use crate::{HttpRequest, Order, Policy, Progress, Provider, Target, Way, address, provider, route};

impl Exchange {
    /// Who is asked, in this order. Spares are looked for where they are needed at once: that takes looks into the
    /// keychain.
    pub(crate) async fn order(&mut self) -> Result<Vec<Target>, Failure> {
        if let Order::Policy(Policy::Fastest | Policy::MostReliable, _) = self.ask.order {
            self.shared.board.recall(&*self.shared.parts.ledger).await;
        }
        let falls_back = self.settings.gateway.as_ref().is_some_and(|gateway| gateway.falls_back);
        if falls_back || matches!(self.ask.order, Order::Policy(..)) {
            let spares = self.spares().await;
            match &mut self.ask.order {
                Order::Chain(targets) | Order::Policy(_, targets) => targets.extend(spares),
            }
        }
        let why = match self.sorted(&self.ask.order) {
            Ok(targets) => {
                self.leave_out(targets.first()).await;
                return Ok(targets);
            }
            Err(why) => why,
        };
        let able = Order::Chain(self.spares().await);
        let spares = self.sorted(&able).map_err(|_| why.clone())?;
        if let (Some(from), Some(to)) = (self.ask.order.targets().first().cloned(), spares.first().cloned()) {
            self.outlet.push(Progress::FellBack { from, to, why }).await;
        }
        Ok(spares)
    }

    /// Tells of those whose wire has no words for the request.
    async fn leave_out(&self, first: Option<&Target>) {
        for from in self.ask.order.targets() {
            if let (Some(why), Some(to)) = (route::beyond(from, &self.ask.request), first) {
                self.outlet.push(Progress::FellBack { from: from.clone(), to: to.clone(), why }).await;
            }
        }
    }

    fn sorted(&self, order: &Order) -> Result<Vec<Target>, Failure> {
        let Shared { board, known, .. } = &*self.shared;
        route::order(order, &self.ask.request, &self.settings, board, known)
    }

    /// Whether another target is ready.
    pub(crate) async fn has_next(&mut self) -> bool {
        if self.rest.is_empty() {
            let spares = Order::Chain(self.spares().await);
            self.rest = self.sorted(&spares).unwrap_or_default();
        }
        !self.rest.is_empty()
    }

    /// The spares that there are keys for; they are given once. A key that is stored at the gateway cannot be seen.
    async fn spares(&mut self) -> Vec<Target> {
        let mut found = Vec::new();
        for spare in std::mem::take(&mut self.ask.spares) {
            let is_asked = self.ask.order.targets().iter().any(|target| target.provider == spare.provider);
            let Some(provider) = provider(&spare.provider).filter(|_| !is_asked) else { continue };
            if self.is_cut_off(provider) {
                continue;
            }
            let is_seen = address::way(provider, self.ask.route, &self.settings) != Way::StoredKey;
            if is_seen && matches!(self.shared.parts.keys.key(&spare.provider).await, Ok(Some(_))) {
                found.push(spare);
            }
        }
        found
    }

    /// Leaves those out that cannot be reached either.
    pub(crate) fn leave_cut_off(&mut self) {
        let mut rest = std::mem::take(&mut self.rest);
        rest.retain(|target| provider(&target.provider).is_none_or(|provider| !self.is_cut_off(provider)));
        self.rest = rest;
    }

    /// Whether a provider's way goes through a gateway that is not set.
    fn is_cut_off(&self, provider: &Provider) -> bool {
        let is_direct = address::way(provider, self.ask.route, &self.settings) == Way::Direct;
        !is_direct && address::gateway(self.settings.gateway.as_ref()).is_err()
    }

    /// Who is asked next: one, or as many as the gateway may try by itself.
    pub(crate) fn candidates(&self) -> Result<Vec<Candidate>, Failure> {
        let of = |target: &Target| {
            let unknown = || Failure::new(FailureKind::Model, "Unknown provider.");
            let provider = provider(&target.provider).ok_or_else(unknown)?;
            let way = address::way(provider, self.ask.route, &self.settings);
            Ok(Candidate { provider, target: target.clone(), way })
        };
        let now = Instant::now();
        let falls_back = self.settings.gateway.as_ref().is_some_and(|gateway| gateway.falls_back);
        let can = |one: &Candidate| one.can_be_a_step() && !self.shared.board.is_open(&one.target.provider, now);
        let mut candidates: Vec<Candidate> = Vec::new();
        for target in self.rest.iter().take(if falls_back { MOST_STEPS } else { 1 }) {
            let next = of(target)?;
            let goes_along = candidates.is_empty() || can(&next) && candidates.iter().all(can);
            if !goes_along {
                break;
            }
            candidates.push(next);
        }
        Ok(candidates)
    }

    /// The request to the one, or to all through the universal endpoint of the gateway.
    pub(crate) async fn together(&mut self, candidates: &mut Vec<Candidate>) -> Result<HttpRequest, Failure> {
        let mut requests = Vec::with_capacity(candidates.len());
        for candidate in candidates.iter() {
            match self.request(candidate).await {
                Ok(request) => requests.push(request),
                Err(failure) if requests.is_empty() => {
                    candidates.truncate(1);
                    return Err(failure);
                }
                // It fails in its own time, if the ones before it do.
                Err(_) => break,
            }
        }
        candidates.truncate(requests.len());
        match (requests.len(), requests.pop()) {
            (1, Some(request)) => Ok(request),
            (_, last) => {
                requests.extend(last);
                universal::join(&address::gateway(self.settings.gateway.as_ref())?, &requests)
            }
        }
    }

    /// Who answers; tells of those that the gateway gave up before.
    pub(crate) async fn winner<'a>(&mut self, current: &'a Try) -> Option<&'a Candidate> {
        let at = match &self.receipt.gateway {
            Some(echo) if current.candidates.len() > 1 => universal::winner(echo, &current.candidates),
            Some(_) | None => 0,
        };
        for (from, to) in current.candidates.iter().zip(current.candidates.iter().skip(1)).take(at) {
            let (from, to, why) = (from.target.clone(), to.target.clone(), gone_on(from));
            self.outlet.push(Progress::FellBack { from, to, why }).await;
        }
        let winner = current.candidates.get(at)?;
        self.answers(winner);
        Some(winner)
    }
}

/// Why the gateway went on to the next: it does not tell.
pub(crate) fn gone_on(from: &Candidate) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("{} did not answer the gateway.", from.provider.name))
}
