//! What all connections of one server of fakes share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::fault::FaultKind;
use super::record::{End, Record, Request, Violation};
use super::reply::Reply;
use super::script::{Answer, Script};
use crate::complaint::Complainer;

/// Script, answers left, counts, tokens, cache, record.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) script: Script,
    /// `host:port` of the other host; empty if there is none.
    pub(super) elsewhere: String,
    /// Turns true when the fakes are dropped.
    pub(super) stopped: watch::Sender<bool>,
    answers: Mutex<VecDeque<Answer>>,
    counts: Mutex<BTreeMap<String, usize>>,
    tokens: Mutex<Vec<(String, Instant)>>,
    cache: Mutex<BTreeMap<String, (Instant, Reply)>>,
    record: Mutex<Record>,
    version: watch::Sender<u64>,
    pub(super) complaints: Complainer,
}

/// Faults that strike one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Strikes(Vec<FaultKind>);

impl Strikes {
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.0.contains(&kind)
    }

    /// The first one that means something here.
    pub(super) fn find<T>(&self, mut meaning: impl FnMut(FaultKind) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|kind| meaning(*kind))
    }

    #[cfg(test)]
    pub(super) fn of(kinds: &[FaultKind]) -> Self {
        Self(kinds.to_vec())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(super) fn new(script: Script, elsewhere: String) -> Self {
        Self {
            answers: Mutex::new(script.answers.clone().into()),
            script,
            elsewhere,
            stopped: watch::Sender::new(false),
            counts: Mutex::default(),
            tokens: Mutex::default(),
            cache: Mutex::default(),
            record: Mutex::default(),
            version: watch::Sender::new(0),
            complaints: Complainer::default(),
        }
    }

    /// The scripted answer that is next, if one is left.
    pub(super) fn next_answer(&self) -> Option<Answer> {
        lock(&self.answers).pop_front()
    }

    /// One more in this count; the first one is 1.
    pub(super) fn count(&self, what: &str) -> usize {
        let mut counts = lock(&self.counts);
        let count = counts.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Faults that strike this request at `provider`. What is no ask is not counted.
    pub(super) fn strikes(&self, provider: &str, is_ask: bool, is_gateway: bool) -> Strikes {
        let scope = if is_gateway { "gateway" } else { "provider" };
        let number = |name: &str| if is_ask { self.count(&format!("{scope} {name}")) } else { 0 };
        let (overall, own) = (number(""), number(provider));
        let faults = self.script.faults.iter().filter(|fault| match &fault.provider {
            None => (fault.from..=fault.until).contains(&overall),
            Some(name) => {
                super::provider::Provider::named(name).id == provider && (fault.from..=fault.until).contains(&own)
            }
        });
        Strikes(faults.map(|fault| fault.kind).collect())
    }

    /// A new token that is taken from now on.
    pub(super) fn issue(&self) -> String {
        let token = format!("ya29.fake-{}", self.count("token"));
        lock(&self.tokens).push((token.clone(), Instant::now()));
        token
    }

    /// Whether this token was issued and is not too old.
    pub(super) fn is_token(&self, token: &str) -> bool {
        let life = self.script.token_life;
        lock(&self.tokens).iter().any(|(issued, at)| issued == token && at.elapsed() < life)
    }

    pub(super) fn cached(&self, key: &str) -> Option<Reply> {
        let mut cache = lock(&self.cache);
        cache.retain(|_, (until, _)| *until > Instant::now());
        cache.get(key).map(|(_, reply)| reply.clone())
    }

    pub(super) fn cache(&self, key: String, until: Instant, reply: Reply) {
        lock(&self.cache).insert(key, (until, reply));
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&lock(&self.record))
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn write<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let result = change(&mut lock(&self.record));
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Records a request; returns its number.
    pub(super) fn note(&self, mut request: Request) -> usize {
        self.write(|record| {
            request.number = record.dropped + record.requests.len();
            let number = request.number;
            record.requests.push(request);
            let excess = record.requests.len().saturating_sub(self.script.keep);
            record.requests.drain(..excess);
            record.dropped += excess;
            let excess = record.violations.len().saturating_sub(self.script.keep);
            record.violations.drain(..excess);
            number
        })
    }

    /// Records a request that went to the other host.
    pub(super) fn note_elsewhere(&self, request: Request) {
        self.write(|record| record.elsewhere.push(request));
    }

    /// Changes a request in the record, if it is still there.
    pub(super) fn amend(&self, number: usize, change: impl FnOnce(&mut Request)) {
        self.write(|record| {
            let index = number.checked_sub(record.dropped);
            if let Some(request) = index.and_then(|index| record.requests.get_mut(index)) {
                change(request);
            }
        });
    }

    pub(super) fn violation(&self, request: usize, message: impl Into<String>) {
        let message = message.into();
        self.complaints.complain(format!("Request {request}: {message}"));
        self.write(|record| record.violations.push(Violation { request, message }));
    }

    pub(super) fn end(&self, number: usize, end: End) {
        self.amend(number, |request| {
            request.end.get_or_insert(end);
        });
    }
}
