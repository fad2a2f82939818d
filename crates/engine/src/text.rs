//! The engine behind written requests, put together: the gateway with this engine's HTTP, keys, store and settings.

#[cfg(test)]
mod foreign;
mod keys;
mod ledger;
mod settings;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway::{Ask, Gateway, Line, Order, Parts, Piece};
use tokio::sync::{mpsc, watch};

use crate::config::Settings;
use crate::credential::Credentials;
use crate::net::Net;

pub(crate) use keys::{Keyring, holder};
pub(crate) use ledger::{kept_tokens, kind_name, spent, way_name};
pub(crate) use settings::{budget, dollars, of as gateway_settings, own_address, prices, way as gateway_way};
pub use shelf::Shelf;

/// Id of the practice partner among the providers.
pub const PRACTICE: &str = "practice";

/// Asks models in writing. Cloning is cheap; every clone shares limits, cache and ledger.
#[derive(Clone)]
pub struct Text {
    gateway: Gateway,
    /// The practice partner, as a server of the user's own.
    partner: Gateway,
    practice: watch::Receiver<String>,
    shelf: Shelf,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text")
    }
}

impl Text {
    /// Nothing is sent and no file is opened. `practice` holds the base URL of the practice partner.
    pub(crate) fn new(
        net: &Net,
        keyring: Keyring,
        shelf: Shelf,
        practice: watch::Receiver<String>,
        settings: watch::Receiver<Arc<gateway::Settings>>,
    ) -> Self {
        let http: Arc<dyn gateway::Http> = Arc::new(net.clone());
        let parts = Parts {
            http: Arc::clone(&http),
            sockets: Some(Arc::new(net.clone())),
            keys: Arc::new(keyring),
            ledger: Arc::new(ledger::Book::new(shelf.clone())),
            disk: Some(Arc::new(shelf.clone())),
            settings,
        };
        let partner = Parts {
            http,
            sockets: None,
            keys: Arc::new(keys::Empty),
            ledger: Arc::new(ledger::Book::of_practice(shelf.clone())),
            disk: None,
            settings: settings::of_practice(practice.clone()),
        };
        Self { gateway: Gateway::new(parts), partner: Gateway::new(partner), practice, shelf }
    }

    /// Asks; pieces come as they come, the last is [`Piece::Receipt`] or [`Piece::Failed`]. Dropping the receiver
    /// cancels; so does closing it, and then the last piece still comes. The practice partner never stands in for another,
    /// nor another for it. Called inside the runtime.
    #[must_use]
    pub fn ask(&self, ask: Ask) -> mpsc::Receiver<Piece> {
        if is_practice(&ask) { self.practise(ask) } else { self.gateway.ask(ask) }
    }

    /// The same past the caches; what comes takes the place of what they keep.
    pub(crate) fn ask_anew(&self, ask: Ask) -> mpsc::Receiver<Piece> {
        if is_practice(&ask) { self.practise(ask) } else { self.gateway.ask_anew(ask) }
    }

    fn practise(&self, mut ask: Ask) -> mpsc::Receiver<Piece> {
        ask.order = Order::Chain(vec![settings::partner()]);
        ask.route = Some(gateway::Way::Direct);
        ask.cache = Some(false);
        let (line, pieces) = Line::new();
        let (partner, mut practice) = (self.partner.clone(), self.practice.clone());
        tokio::spawn(async move {
            // It starts with the app; its address may come a moment later.
            let started = tokio::select! {
                () = line.closed() => return,
                started = practice.wait_for(|url| !url.is_empty()) => started.is_ok(),
            };
            let mut answer = partner.ask(ask);
            let mut is_wanted = true;
            loop {
                let piece = tokio::select! {
                    () = line.closed(), if is_wanted => {
                        is_wanted = false;
                        answer.close();
                        continue;
                    }
                    piece = answer.recv() => piece,
                };
                let Some(piece) = piece else { break };
                line.push(settings::as_practice(piece)).await;
            }
            tracing::debug!(started, "the practice partner answered");
        });
        pieces
    }

    /// Limits, prices, health and lists of models.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Conversations and the ledger.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }
}

fn is_practice(ask: &Ask) -> bool {
    ask.order.targets().first().is_some_and(|target| target.provider.as_str() == PRACTICE)
}

/// Everything that [`Text::new`] needs for these settings.
pub(crate) fn start(
    net: &Net,
    credentials: &Credentials,
    shelf: Shelf,
    practice: watch::Receiver<String>,
    settings: &Settings,
) -> (Text, Keyring, watch::Sender<Arc<gateway::Settings>>) {
    let (sender, receiver) = watch::channel(Arc::new(gateway_settings(settings)));
    let keyring = Keyring::new(credentials.clone());
    (Text::new(net, keyring.clone(), shelf, practice, receiver), keyring, sender)
}
