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
        if let Some(provider) = provider {
            let model = if model.is_empty() { chosen().model } else { model.to_owned() };
            return Order::Chain(vec![Target { provider: provider.into(), model }]);
        }
        if model.is_empty() || model == "default" {
            return crate::chat::order(&settings);
        }
        let named = model.split_once('/').filter(|(provider, _)| is_provider(provider));
        let target = match named {
            Some((provider, model)) => Target { provider: provider.into(), model: model.into() },
            None if model == PRACTICE => Target { provider: PRACTICE.into(), model: PRACTICE.into() },
            None => Target { model: model.into(), ..chosen() },
        };
        Order::Chain(vec![target])
    }
}

pub(super) fn is_provider(name: &str) -> bool {
    name == PRACTICE || gateway::provider(&ProviderId::from(name)).is_some()
}
