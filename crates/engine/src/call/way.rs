//! What decides where a connection goes: when it changes, a new one is made.

use protocol::{Place, Wire};

use crate::api::{Provider, Route};
use crate::config::{EndpointSettings, GatewayRequests, GatewaySettings, OpenaiSettings, Settings};
use crate::route::voices;

use super::session_config;

/// Settings of voices that are not used are no part of it. See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    provider: Provider,
    route: Route,
    /// Who listens and speaks, with which models.
    wire: Wire,
    /// Some ears have another address with an open microphone than with the key.
    places: Vec<Place>,
    /// Where they are.
    bases: Vec<String>,
    gateway: Option<GatewaySettings>,
    realtime: Option<(OpenaiSettings, EndpointSettings)>,
    /// Gemini keeps the voice that a connection began with.
    voice: Option<String>,
}

impl Way {
    pub(super) fn of(settings: &Settings) -> Self {
        let config = session_config(settings);
        let (provider, route) = (settings.call.provider, settings.call.route);
        let gateway = GatewaySettings { requests: GatewayRequests::default(), ..settings.gateway.clone() };
        let is_realtime = config.wire == Wire::Realtime;
        Self {
            provider,
            route,
            places: config.wire.places(&config),
            bases: voices::bases(settings, &config),
            gateway: (route == Route::Gateway).then_some(gateway),
            realtime: is_realtime.then(|| (settings.providers.openai.clone(), settings.endpoint.clone())),
            voice: (provider == Provider::Google).then_some(config.voice),
            wire: config.wire,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config;

    fn with(settings: &Settings, patch: &Value) -> Settings {
        config::merge(settings, patch).unwrap()
    }

    /// Whether a call with a voice needs another connection when this is changed.
    fn needs_another(voice: &Value, patch: &Value) -> bool {
        let settings = with(&Settings::default(), &json!({ "call": voice }));
        Way::of(&settings) != Way::of(&with(&settings, patch))
    }

    #[test]
    fn what_a_voice_does_not_use_is_changed_without_another_connection() {
        let of = |provider: &str| json!({ "provider": provider });
        let picture = json!({ "providers": { "fal": { "app": "fal-ai/other" } } });
        for voice in ["practice", "openai", "google", "cascade", "elevenlabs", "deepgram", "gpt_live"] {
            assert!(!needs_another(&of(voice), &picture), "{voice}");
            let requests = json!({ "gateway": { "requests": { "timeout_ms": 1000 }, "account_id": "acc" } });
            assert!(!needs_another(&of(voice), &requests), "{voice}");
        }
        for (voice, patch) in [
            ("google", json!({ "providers": { "cartesia": { "model": "sonic-9" } } })),
            ("openai", json!({ "cascade": { "ear": "cartesia" }, "providers": { "gpt_live": { "voice": "sage" } } })),
            ("cascade", json!({ "cascade": { "brain": "groq/other", "local_base_url": "http://localhost:1/v1" } })),
            ("cascade", json!({ "providers": { "elevenlabs": { "voice": "v" }, "google": { "model": "m" } } })),
            ("gpt_live", json!({ "providers": { "openai": { "voice": "sage", "model": "m" } } })),
        ] {
            assert!(!needs_another(&of(voice), &patch), "{voice}: {patch}");
        }
    }

    #[test]
    fn what_a_voice_uses_needs_another_connection() {
        let of = |provider: &str| json!({ "provider": provider });
        for (voice, patch) in [
            ("openai", json!({ "providers": { "openai": { "model": "m" } } })),
            ("openai", json!({ "endpoint": { "base_url": "ws://localhost:1/v1" } })),
            ("openai", json!({ "call": { "route": "gateway" } })),
            ("google", json!({ "providers": { "google": { "voice": "Puck" } } })),
            ("google", json!({ "providers": { "google": { "base_url": "http://localhost:1" } } })),
            ("cascade", json!({ "cascade": { "mouth": "cartesia" } })),
            ("cascade", json!({ "providers": { "deepgram": { "voice": "aura-2-luna-en" } } })),
            ("cascade", json!({ "providers": { "deepgram": { "base_url": "http://localhost:1" } } })),
            ("elevenlabs", json!({ "providers": { "elevenlabs": { "agent_id": "other" } } })),
            ("deepgram", json!({ "providers": { "deepgram": { "agent_model": "groq/m" } } })),
            ("gpt_live", json!({ "providers": { "openai": { "base_url": "http://localhost:1/v1" } } })),
        ] {
            assert!(needs_another(&of(voice), &patch), "{voice}: {patch}");
        }
        let gateway = json!({ "provider": "google", "route": "gateway" });
        assert!(needs_another(&gateway, &json!({ "gateway": { "gateway_id": "other" } })));
        let workers = json!({ "gateway": { "account_id": "other" }, "cascade": { "ear": "workers_flux" } });
        assert!(needs_another(&of("cascade"), &workers));
        let settings =
            with(&Settings::default(), &json!({ "call": of("cascade"), "cascade": { "ear": "workers_flux" } }));
        let moved = with(&settings, &json!({ "gateway": { "account_id": "other" } }));
        assert!(Way::of(&settings) != Way::of(&moved), "the account is part of the address of Workers AI");
    }
}
