//! What decides where a connection goes: when it changes, a new one is made.

use crate::api::{Provider, Route};
use crate::config::{CascadeSettings, EndpointSettings, GatewaySettings, Providers, Settings};

use super::session_config;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    provider: Provider,
    route: Route,
    providers: Providers,
    cascade: CascadeSettings,
    gateway: GatewaySettings,
    endpoint: EndpointSettings,
    /// Some ears have another address with an open microphone than with the key.
    places: Vec<protocol::Place>,
}

impl Way {
    pub(super) fn of(settings: &Settings) -> Self {
        let config = session_config(settings);
        let places = config.wire.places(&config);
        let Settings { providers, cascade, gateway, endpoint, .. } = settings.clone();
        let (provider, route) = (settings.call.provider, settings.call.route);
        Self { provider, route, providers, cascade, gateway, endpoint, places }
    }
}
