//! Who is meant by a model's name: `provider/model`, or a model of the provider that the user chose.

use gateway::{Order, ProviderId, Target};

use super::Hall;
use crate::text::PRACTICE;

impl Hall {
    /// Who is asked. Without a name it is the user's choice with its fallbacks.
    pub(super) fn order(&self, provider: Option<&str>, model: &str) -> Order {
        let settings = self.settings.borrow();
        let chosen = || Target {
            provider: ProviderId::from(settings.chat.provider.as_str()),
            model: settings.chat.model.clone(),
        };
        if let Some(provider) = provider.map(own_name) {
            let is_chosen = provider == settings.chat.provider;
            let model = match model {
                "" if is_chosen => chosen().model,
                "" => crate::chat::usual(&provider),
                model => model.to_owned(),
            };
            return Order::Chain(vec![Target { provider: ProviderId(provider), model }]);
        }
        if model.is_empty() || model == "default" {
            return crate::chat::order(&settings);
        }
        if let Some(provider) = gateway::provider_of(model) {
            return Order::Chain(vec![Target { provider, model: model.into() }]);
        }
        let named = model.split_once('/').filter(|(provider, _)| is_provider(provider));
        let target = match named {
            Some((provider, model)) => Target { provider: ProviderId(own_name(provider)), model: model.into() },
            None if model == PRACTICE => Target { provider: PRACTICE.into(), model: PRACTICE.into() },
            None => Target { model: model.into(), ..chosen() },
        };
        Order::Chain(vec![target])
    }

    /// Who may stand in for them: others only where nobody was named.
    pub(super) fn spares(&self, provider: Option<&str>, model: &str) -> Vec<Target> {
        let is_open = provider.is_none() && (model.is_empty() || model == "default");
        if is_open { crate::chat::spares(&self.settings.borrow()) } else { Vec::new() }
    }
}

pub(super) fn is_provider(name: &str) -> bool {
    name == PRACTICE || gateway::named(name).is_some()
}

/// A provider's name here, where the gateway has another one for it.
fn own_name(name: &str) -> String {
    gateway::named(name).map_or_else(|| name.to_owned(), |id| id.0)
}
