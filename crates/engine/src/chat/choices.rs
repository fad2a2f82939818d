//! Whom one can ask: providers with keys, local servers that run, and their models.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use gateway::{Circuit, Health, Keys as _, Model, Provider, ProviderId};
use protocol::chat::{Failure, FailureKind};

use super::{Desk, Done, failure};
use crate::api::{Change, ChatProvider, ModelChoice, ProviderHealth};
use crate::text::{Keyring, PRACTICE, Text, holder};

impl Desk {
    /// Who there is, by name; nobody is asked for it.
    pub(super) async fn tell_names(&self) {
        let rows = gateway::providers().iter().map(|provider| row(provider, None));
        self.tell(Change::Providers(std::iter::once(practice()).chain(rows).collect())).await;
    }

    pub(super) fn find_models(&mut self) {
        let (text, keyring) = (self.text.clone(), self.keyring.clone());
        let way = self.settings.borrow().chat.way;
        let has_address = !self.settings.borrow().custom.base_url.trim().is_empty();
        self.jobs.spawn(async move {
            let (providers, models) = find(&text, &keyring, way, has_address).await;
            Done::Choices(providers, models)
        });
    }
}

/// Providers and the models of those that are ready.
pub(crate) async fn find(
    text: &Text,
    keyring: &Keyring,
    way: crate::api::Way,
    has_address: bool,
) -> (Vec<ChatProvider>, Vec<ModelChoice>) {
    let mut health: BTreeMap<ProviderId, Health> =
        text.gateway().health().into_iter().map(|health| (health.provider.clone(), health)).collect();
    let known = gateway::providers().iter().filter(|provider| provider.id != "custom" || has_address);
    let looks = join_all(known.map(|provider| look(text, keyring, way, provider))).await;
    let (mut providers, mut models) = (vec![practice()], vec![practice_model()]);
    for (provider, found) in looks {
        let mut row = row(provider, health.remove(&ProviderId::from(provider.id)));
        match found {
            Look::NoKey => {}
            Look::Models(found) => {
                row.is_ready = true;
                models.extend(found.into_iter().map(|model| choice(provider.id, model)));
            }
            Look::Failed(why) => {
                // A local server that does not run is no failure.
                row.is_ready = !provider.is_local;
                row.failure = (!provider.is_local || provider.id == "custom").then(|| failure(&why));
                models.extend(
                    text.gateway()
                        .known_models(&ProviderId::from(provider.id))
                        .into_iter()
                        .filter(|_| row.is_ready)
                        .map(|model| choice(provider.id, model)),
                );
            }
        }
        providers.push(row);
    }
    (providers, models)
}

enum Look {
    NoKey,
    Models(Vec<Model>),
    Failed(Failure),
}

async fn look(
    text: &Text,
    keyring: &Keyring,
    way: crate::api::Way,
    provider: &'static Provider,
) -> (&'static Provider, Look) {
    let is_stored = way == crate::api::Way::StoredKey && !provider.gateway_path.is_empty();
    let is_of_gateway = provider.base_url.is_empty() && !provider.gateway_path.is_empty();
    if is_of_gateway {
        // It needs the gateway, and the gateway's token.
        let has_token = keyring.gateway_token().await.is_ok_and(|token| token.is_some());
        if !has_token {
            return (provider, Look::NoKey);
        }
        let models = match text.gateway().models(&ProviderId::from(provider.id)).await {
            Ok(models) => Look::Models(models),
            Err(failure) if failure.kind == FailureKind::Gateway && failure.status.is_none() => Look::NoKey,
            Err(failure) => Look::Failed(failure),
        };
        return (provider, models);
    }
    let has_key = match holder(provider.id).filter(|_| !provider.is_local && !is_stored) {
        Some(holder) => keyring.find(holder).await.map(|key| key.is_some()),
        None => Ok(provider.is_local || is_stored),
    };
    let look = match has_key {
        Ok(false) => Look::NoKey,
        Ok(true) => match text.gateway().models(&ProviderId::from(provider.id)).await {
            Ok(models) => Look::Models(models),
            Err(failure) => Look::Failed(failure),
        },
        Err(failure) => Look::Failed(failure),
    };
    (provider, look)
}

fn row(provider: &Provider, health: Option<Health>) -> ChatProvider {
    ChatProvider {
        id: provider.id.into(),
        name: provider.name.into(),
        holder: holder(provider.id),
        is_ready: false,
        is_local: provider.is_local,
        key_url: provider.key_url.into(),
        billing_url: provider.billing_url.into(),
        status_url: provider.status_url.into(),
        usual_address: provider.base_url.into(),
        health: health.map(|health| ProviderHealth {
            is_paused: matches!(health.circuit, Circuit::Open { .. }),
            p50_ms: ms(health.first.p50),
            p95_ms: ms(health.first.p95),
            p99_ms: ms(health.first.p99),
            last_failure: health.last_failure.map(|failure| failure.message).unwrap_or_default(),
        }),
        failure: None,
    }
}

fn ms(ms: u64) -> Option<u32> {
    u32::try_from(ms).ok().filter(|ms| *ms > 0)
}

fn choice(provider: &str, model: Model) -> ModelChoice {
    let nano = |rate: u64| i64::try_from(rate).unwrap_or(i64::MAX);
    ModelChoice {
        provider: provider.into(),
        model: model.id,
        context: model.context,
        input_nano: model.price.map(|price| nano(price.input)),
        output_nano: model.price.map(|price| nano(price.output)),
        takes_images: model.takes_images,
    }
}

fn practice() -> ChatProvider {
    ChatProvider {
        id: PRACTICE.into(),
        name: "Practice partner".into(),
        holder: None,
        is_ready: true,
        is_local: true,
        key_url: String::new(),
        billing_url: String::new(),
        status_url: String::new(),
        usual_address: String::new(),
        health: None,
        failure: None,
    }
}

fn practice_model() -> ModelChoice {
    ModelChoice {
        provider: PRACTICE.into(),
        model: PRACTICE.into(),
        context: None,
        input_nano: Some(0),
        output_nano: Some(0),
        takes_images: Some(true),
    }
}
