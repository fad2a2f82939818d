//! The outbox's thread: packs, seals, writes, reads and deletes letters.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use audio::speech::{self, Packer, unpack};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::folder::Folder;
use super::letter::{self, Body, Name, Unreadable};
use super::{Kept, Said};
use crate::api::{Code, Problem};
use crate::credential::{Credentials, Seal};

/// As many letters can be listed at a time.
pub(super) const MOST_LETTERS: usize = 200;
const LIMITS: Limits = Limits { letters: MOST_LETTERS, samples: 20 * 60 * speech::RATE as usize };
/// Another program has the folder: it is asked for again after this long.
const PATIENCE: Duration = Duration::from_secs(1);
/// A keychain that said no is not bothered again before this: it may ask the user for a password each time.
const RESPITE: Duration = Duration::from_secs(600);

/// How much is listed at a time; older letters stay where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) letters: usize,
    /// Of speech.
    pub(super) samples: usize,
}

/// What the thread is to do.
pub(super) enum Order {
    /// A message to be kept.
    Words { name: Name, words: String },
    /// Speech to be kept: what follows on what is known already, or (`is_anew`) all of it.
    Speech { name: Name, pcm: Vec<i16>, is_anew: bool, is_end: bool },
    /// It needs not be kept any more.
    Forget(Name),
    /// Tells when all orders before this one are carried out, and what keeps something from being on disk.
    Sync(oneshot::Sender<Option<Problem>>),
}

/// Something to be written, as long as it is not, or may grow.
struct Draft {
    content: Content,
    is_written: bool,
    /// It does not grow any more.
    is_whole: bool,
}

enum Content {
    Words(String),
    Speech(Box<Packer>),
}

pub(super) struct Keeper {
    folder: Folder,
    credentials: Credentials,
    runtime: Handle,
    tell: mpsc::Sender<Kept>,
    limits: Limits,
    /// What an earlier run left is still to be listed.
    owes_list: bool,
    drafts: Drafts,
    seal: Option<Seal>,
    refused_at: Option<Instant>,
    /// Why drafts were not written the last time.
    hindrance: Option<Problem>,
}

/// By name, which is by time.
#[derive(Default)]
struct Drafts(BTreeMap<Name, Draft>);

impl Keeper {
    pub(super) fn new(
        folder: Folder,
        credentials: Credentials,
        runtime: Handle,
        tell: mpsc::Sender<Kept>,
        owes_list: bool,
    ) -> Self {
        Self {
            folder,
            credentials,
            runtime,
            tell,
            limits: LIMITS,
            owes_list,
            drafts: Drafts::default(),
            seal: None,
            refused_at: None,
            hindrance: None,
        }
    }

    #[cfg(test)]
    pub(super) fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            self.settle();
            let order = match self.owes_list && self.refused_at.is_none() {
                true => inbox.recv_timeout(PATIENCE),
                false => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Words { name, words } => self.drafts.words(name, words),
            Order::Speech { name, pcm, is_anew, is_end } => {
                if let Err(error) = self.drafts.speech(name, &pcm, is_anew, is_end) {
                    tracing::error!(%error, "speech cannot be packed for the outbox");
                }
            }
            Order::Forget(name) => {
                self.drafts.0.remove(&name);
                if let Err(error) = self.folder.remove(name) {
                    tracing::warn!(%error, "a letter of the outbox could not be deleted");
                }
            }
            Order::Sync(done) => {
                let is_left = self.drafts.0.values().any(|draft| !draft.is_written);
                let why = || self.hindrance.clone().unwrap_or_else(|| internal("it could not be written"));
                drop(done.send(is_left.then(why)));
            }
        }
    }

    /// Does what is due, if the folder is ours and there is a key.
    fn settle(&mut self) {
        if !self.owes_list && self.drafts.0.values().all(|draft| draft.is_written) {
            return;
        }
        match self.folder.claim() {
            Ok(true) => {}
            Ok(false) => {
                self.hindrance = Some(internal("another Sidetone that runs has the outbox"));
                return tracing::debug!("another program has the outbox");
            }
            Err(error) => {
                self.owes_list = false;
                self.hindrance = Some(internal(error.to_string()));
                return tracing::warn!(%error, "no outbox: what is not answered is kept in memory only");
            }
        }
        let Some(seal) = self.seal.take().or_else(|| self.ask_for_seal()) else { return };
        if std::mem::take(&mut self.owes_list) {
            self.list(&seal);
        }
        self.write(&seal);
        self.seal = Some(seal);
    }

    fn ask_for_seal(&mut self) -> Option<Seal> {
        if self.refused_at.is_some_and(|at| at.elapsed() < RESPITE) {
            return None;
        }
        // Not waited for on the runtime itself, which may be gone before the keychain answers.
        let (credentials, (reply, answer)) = (self.credentials.clone(), sync_channel(1));
        self.runtime.spawn(async move {
            let _ = reply.try_send(credentials.seal().await);
        });
        match answer.recv() {
            Ok(Ok(seal)) => {
                self.refused_at = None;
                Some(seal)
            }
            Ok(Err(problem)) => {
                tracing::warn!(code = ?problem.code, "no key: what is not answered is kept in memory only");
                self.hindrance = Some(problem);
                self.refused_at = Some(Instant::now());
                None
            }
            Err(_) => None,
        }
    }

    fn write(&mut self, seal: &Seal) {
        for (name, draft) in &mut self.drafts.0 {
            if draft.is_written {
                continue;
            }
            let Some(sealed) = letter::seal(*name, &draft.body(), seal) else { continue };
            match self.folder.write(*name, &sealed) {
                Ok(()) => draft.is_written = true,
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be written");
                    self.hindrance = Some(internal(error.to_string()));
                }
            }
        }
        self.drafts.0.retain(|_, draft| !(draft.is_written && draft.is_whole));
    }

    /// Tells what an earlier run left, oldest first.
    fn list(&self, seal: &Seal) {
        let (mut kept, mut samples) = (Vec::new(), 0);
        for name in self.folder.names().into_iter().rev().take(self.limits.letters) {
            let said = match self.open(name, seal) {
                Ok(said) => said,
                Err(error) => {
                    tracing::warn!(%error, "a letter of the outbox cannot be read");
                    continue;
                }
            };
            samples += if let Said::Spoken(pcm) = &said { pcm.len() } else { 0 };
            if samples > self.limits.samples && !kept.is_empty() {
                tracing::info!("older letters stay in the outbox");
                break;
            }
            kept.push(Kept { name, said });
        }
        tracing::info!(count = kept.len(), "something was said and not answered");
        for kept in kept.into_iter().rev() {
            if self.tell.blocking_send(kept).is_err() {
                return;
            }
        }
    }

    fn open(&self, name: Name, seal: &Seal) -> Result<Said, String> {
        let bytes = self.folder.read(name).map_err(|error| error.to_string())?;
        let said = letter::open(name, &bytes, seal).and_then(|body| match body {
            Body::Words(words) => Ok(Said::Typed(words)),
            Body::Speech(packed) => unpack(&packed).map(Said::Spoken).map_err(|_| Unreadable::Damaged),
        });
        if let Err(Unreadable::Sealed | Unreadable::Damaged) = said {
            self.folder.set_aside(name).map_err(|error| error.to_string())?;
        }
        said.map_err(|why| why.to_string())
    }
}

fn internal(detail: impl Into<String>) -> Problem {
    Problem { code: Code::Internal, detail: detail.into() }
}

impl Drafts {
    fn words(&mut self, name: Name, words: String) {
        self.0.insert(name, Draft { content: Content::Words(words), is_written: false, is_whole: true });
    }

    fn speech(&mut self, name: Name, pcm: &[i16], is_anew: bool, is_end: bool) -> Result<(), audio::Error> {
        let known = self.0.remove(&name).filter(|_| !is_anew).map(|draft| draft.content);
        let mut packer = match known {
            Some(Content::Speech(packer)) => packer,
            Some(Content::Words(_)) | None => Box::new(Packer::new()?),
        };
        packer.push(pcm)?;
        if is_end {
            packer.finish()?;
        }
        self.0.insert(name, Draft { content: Content::Speech(packer), is_written: false, is_whole: is_end });
        Ok(())
    }
}

impl Draft {
    fn body(&self) -> Body {
        match &self.content {
            Content::Words(words) => Body::Words(words.clone()),
            Content::Speech(packer) => Body::Speech(packer.packed()),
        }
    }
}
