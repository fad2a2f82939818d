//! What decides where a connection goes: when it changes, a new one is made.

use crate::api::{Provider, Route};
use crate::config::{CascadeSettings, EndpointSettings, GatewaySettings, Providers, Settings};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    provider: Provider,
    route: Route,
    providers: Providers,
    cascade: CascadeSettings,
    gateway: GatewaySettings,
    endpoint: EndpointSettings,
}

impl Way {
    pub(super) fn of(settings: &Settings) -> Self {
        let Settings { providers, cascade, gateway, endpoint, .. } = settings.clone();
        Self { provider: settings.call.provider, route: settings.call.route, providers, cascade, gateway, endpoint }
    }
}
