//! What a relayed session of voice costs: limits and budgets before it, a row of the ledger for each response and for
//! what is taken down.

use std::sync::Arc;

use gateway::Nanodollars;
use protocol::Passing;
use protocol::chat::Failure;
use store::{Row, Store};

use super::Hall;
use crate::call::toll;
use crate::config::Settings;
use crate::minute;

/// Who pays, as for everything else that other programs ask.
const PROFILE: &str = "local-api";

/// The tab of one session.
pub(super) struct Tab {
    hall: Arc<Hall>,
    settings: Settings,
    store: Option<Store>,
    /// The model that takes down what is said.
    scribe: Option<String>,
    /// Responses that have begun and are not over.
    open: u32,
}

impl Tab {
    /// Waits for its turn, and looks whether there is money.
    pub(super) async fn open(hall: Arc<Hall>, settings: Settings) -> Result<Self, Failure> {
        // Opened before: a frame that is being booked cannot be given up half way.
        let store = hall.text.shelf().store().await.inspect_err(|error| tracing::warn!(%error, "no ledger")).ok();
        let tab = Self { store: store.cloned(), hall, settings, scribe: None, open: 0 };
        let provider = toll::realtime(&tab.settings).provider;
        tab.hall.text.gateway().take_turn(PROFILE, &provider).await?;
        tab.look().await?;
        Ok(tab)
    }

    /// Something will still have to be paid for.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// A frame of the provider's passes. Fails when what it tells of spent a budget.
    pub(super) async fn passes(&mut self, frame: &str) -> Result<(), Failure> {
        let row = match Passing::read(frame) {
            None => return Ok(()),
            Some(Passing::Scribe(model)) => {
                self.scribe = model;
                return Ok(());
            }
            Some(Passing::Begun) => {
                self.open += 1;
                return Ok(());
            }
            Some(Passing::TakenDown(length)) => {
                toll::transcript(&self.settings, self.scribe.as_deref().unwrap_or_default(), length)
            }
            Some(Passing::Over(usage)) => {
                self.open = self.open.saturating_sub(1);
                toll::response(&self.settings, &usage)
            }
        };
        self.book(row);
        self.look().await
    }

    fn book(&self, row: Row) {
        let row = Row { purpose: "api".into(), profile: PROFILE.into(), ..row };
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.record(row)) {
            tracing::warn!(%error, "a row of the ledger is lost");
        }
    }

    /// Whether any budget is spent. What one response will cost nobody knows before.
    async fn look(&self) -> Result<(), Failure> {
        if minute::is_free(&self.settings) {
            return Ok(());
        }
        self.hall.text.gateway().set_aside(None, Nanodollars(0)).await.map(drop)
    }
}
