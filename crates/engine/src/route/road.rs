//! The road of one connection: a ladder for each leg that is a socket, an address for each that is asked over HTTP.

use std::collections::BTreeMap;

use protocol::Leg;

use super::{Failure, Form, Keys, Ladder, voices};
use crate::api::{Holder, Note, Problem, Provider, Route};
use crate::config::Settings;
use crate::credential::Credentials;
use crate::net::Dial;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Road {
    /// What to dial, all of it at once.
    pub(crate) legs: Vec<(Leg, Ladder)>,
    /// Base addresses, with their keys, of what is asked over HTTP.
    pub(crate) services: BTreeMap<Leg, Dial>,
}

impl Road {
    /// The road that the settings describe, with the keys that it needs. `remembered` is the form of keys that worked
    /// before. The problem tells what has to be set first.
    pub(crate) async fn find(
        settings: &Settings,
        practice_url: &str,
        credentials: &Credentials,
        remembered: Option<Form>,
    ) -> Result<Self, Problem> {
        match settings.call.provider {
            Provider::Practice | Provider::Openai => {
                let keys = keys(credentials, settings).await;
                let ladder = Ladder::new(settings, practice_url, &keys, remembered)?;
                Ok(Self { legs: vec![(Leg::Voice, ladder)], services: BTreeMap::new() })
            }
            Provider::Google | Provider::Cascade | Provider::Elevenlabs | Provider::Deepgram | Provider::GptLive => {
                voices::road(settings, credentials, remembered).await
            }
        }
    }

    /// The ladder of a road with one leg: only there can the keys travel in several forms.
    pub(crate) fn only_ladder(&self) -> Option<&Ladder> {
        match self.legs.as_slice() {
            [(_, ladder)] => Some(ladder),
            _ => None,
        }
    }

    /// What the user should know about it.
    pub(crate) fn note(&self) -> Option<Note> {
        self.legs.iter().find_map(|(_, ladder)| ladder.note())
    }

    /// Whether another form of the keys should be tried at once; moves to it.
    pub(crate) fn step(&mut self, failure: &Failure<'_>) -> bool {
        match self.legs.as_mut_slice() {
            [(_, ladder)] => ladder.step(failure),
            _ => false,
        }
    }

    /// A server's words without the keys of this road.
    pub(crate) fn redact(&self, words: &str) -> String {
        let dials = self.legs.iter().map(|(_, ladder)| ladder.dial()).chain(self.services.values().cloned());
        dials.fold(words.to_owned(), |words, dial| dial.redact(&words))
    }
}

/// Looks only for the keys that this way needs.
async fn keys(credentials: &Credentials, settings: &Settings) -> Keys {
    let find = async |holder| credentials.find(holder).await.key;
    match (settings.call.provider, settings.call.route) {
        (Provider::Openai, Route::Direct) => Keys { openai: find(Holder::Openai).await, ..Keys::default() },
        (Provider::Openai, Route::Gateway) => Keys {
            openai: if settings.gateway.stored_key { None } else { find(Holder::Openai).await },
            gateway: find(Holder::Gateway).await,
            ..Keys::default()
        },
        (Provider::Openai, Route::Endpoint) => Keys { endpoint: find(Holder::Endpoint).await, ..Keys::default() },
        (
            Provider::Practice
            | Provider::Google
            | Provider::Cascade
            | Provider::Elevenlabs
            | Provider::Deepgram
            | Provider::GptLive,
            _,
        ) => Keys::default(),
    }
}
