//! What a picture costs: the budgets before, the row of the ledger after.

use std::time::Instant;

use gateway::{Nanodollars, Reserve};
use protocol::chat::{Failure, FailureKind};
use store::{ConversationId, Outcome, Row, Store};

use super::FAL;
use crate::api::{CacheMark, Receipt, Way};
use crate::call::unix_ms;
use crate::config::Settings;
use crate::text::{Text, dollars, gateway_way, kind_name, way_name};

/// Nano-dollars of a picture, by app (fal's pages of models, read 2026-11).
const PRICES: &[(&str, i64)] = &[("fal-ai/flux/schnell", 3_000_000)];

/// A row that is written when it is dropped, whatever happened.
pub(super) struct Bill {
    store: Store,
    row: Row,
    began: Instant,
    way: Way,
    /// Its price is held until the row is written.
    _reserve: Option<Reserve>,
}

impl Bill {
    /// Nothing is sent when a budget is spent, or what was spent is not known.
    pub(super) async fn open(
        settings: &Settings,
        way: Way,
        text: &Text,
        conversation: Option<i64>,
    ) -> Result<Self, Failure> {
        let fal = &settings.providers.fal;
        let listed = PRICES.iter().find(|(app, _)| *app == fal.app.trim()).map(|(_, price)| *price);
        // A price of 0 is none to `dollars`.
        let own = (fal.price >= 0.0).then(|| dollars(fal.price).map_or(0, |price| price.0));
        let price = Nanodollars(own.or(listed).unwrap_or(0));
        let reserve = text.gateway().set_aside(conversation, price).await?;
        let unknown = |error| Failure::new(FailureKind::Budget, format!("what was spent is not known: {error}"));
        let store = text.shelf().store().await.map_err(unknown)?.clone();
        let row = Row {
            at_ms: unix_ms(),
            purpose: "tool".into(),
            profile: "default".into(),
            conversation: conversation.map(ConversationId),
            provider: FAL.into(),
            model: fal.app.trim().to_owned(),
            route: way_name(gateway_way(way)).into(),
            outcome: Outcome::Cancelled,
            attempts: 1,
            cost_nano: listed,
            custom_nano: own.filter(|own| Some(*own) != listed),
            // Nobody tells what a picture cost.
            is_estimate: true,
            ..Row::default()
        };
        Ok(Self { store, row, began: Instant::now(), way, _reserve: reserve })
    }

    /// The request is over: a picture that did not come costs nothing.
    pub(super) fn close(mut self, failure: Option<&Failure>) -> Receipt {
        match failure {
            None => self.row.outcome = Outcome::Done,
            Some(failure) => {
                self.row.outcome = Outcome::Failed;
                self.row.failure = kind_name(failure.kind);
                (self.row.cost_nano, self.row.custom_nano) = (None, None);
            }
        }
        let total_ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        Receipt {
            way: self.way,
            cache: CacheMark::Off,
            attempts: 1,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
            reasoning_tokens: 0,
            cost_nano: self.row.custom_nano.or(self.row.cost_nano),
            first_ms: None,
            total_ms,
            gateway: None,
            is_cut: false,
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let mut row = std::mem::take(&mut self.row);
        row.total_ms = u64::try_from(self.began.elapsed().as_millis()).ok();
        if let Err(error) = self.store.record(row) {
            tracing::warn!(%error, "a row of the ledger is lost");
        }
    }
}
