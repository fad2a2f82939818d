//! The voices beside `OpenAI` Realtime: who they are, where they are, whose key they want.
//!
//! What a leg is called below its base URL is the protocol's ([`protocol::Wire::places`]); here is only who serves it.

use std::time::Duration;

use protocol::{Config, Leg, Place, Wire, elevenlabs, gemini, gpt_live};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Form, Ladder, Road, address, missing};
use crate::api::{Code, Holder, Problem, Provider, Route};
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{Dial, HeaderMap, secret_header};

/// A connection that is opened ahead for use within moments, whatever the provider thinks of idle ones.
pub(crate) const SHORT: Duration = Duration::from_secs(8);

/// How long a connection of the present voice may wait unused; `None`: it must not (it costs by the second or minute from
/// its first, or the provider soon ends it).
pub(crate) fn idle_limit(settings: &Settings) -> Option<Duration> {
    let seconds = match settings.call.provider {
        Provider::Practice | Provider::Openai => settings.providers.openai.idle_seconds,
        Provider::Google => settings.providers.google.idle_seconds,
        Provider::Cascade => settings.cascade.idle_seconds,
        Provider::Elevenlabs | Provider::Deepgram | Provider::GptLive => 0,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// Cloudflare's own models, at its gateway.
const WORKERS: &str = "workers-ai";

/// Who serves a leg, or tells about a key.
pub(crate) struct Service {
    /// As users know it.
    pub(crate) name: &'static str,
    pub(crate) base_url: String,
    /// Whose key; `None`: a server of the user's own, which gets none.
    pub(crate) holder: Option<Holder>,
    /// Header that carries the key, and what stands before it.
    pub(crate) header: (&'static str, &'static str),
    /// Its name at Cloudflare AI Gateway; `None`: it cannot go that way.
    pub(crate) gateway_path: Option<&'static str>,
}

/// The protocol that a call with these settings speaks.
pub(crate) fn wire(settings: &Settings) -> Wire {
    match settings.call.provider {
        Provider::Practice | Provider::Openai => Wire::Realtime,
        Provider::Cascade => Wire::Cascade(cascade(settings)),
        Provider::Deepgram => Wire::DeepgramAgent(deepgram_agent(settings)),
        Provider::Elevenlabs => Wire::ElevenAgent(elevenlabs::Setup {
            agent_id: settings.providers.elevenlabs.agent_id.trim().to_owned(),
            overrides: settings.providers.elevenlabs.agent_overrides,
        }),
        Provider::Google => Wire::Gemini(gemini(settings)),
        Provider::GptLive => {
            let own = &settings.providers.gpt_live;
            Wire::GptLive(gpt_live::Setup { model: own.model.trim().to_owned(), voice: own.voice.trim().to_owned() })
        }
    }
}

fn gemini(settings: &Settings) -> gemini::Setup {
    let google = &settings.providers.google;
    gemini::Setup {
        model: google.model.trim().to_owned(),
        version: google.version.trim().to_owned(),
        compressed_at: (google.context_tokens > 0).then_some(google.context_tokens),
    }
}

fn deepgram_agent(settings: &Settings) -> protocol::deepgram::Setup {
    let deepgram = &settings.providers.deepgram;
    let (provider, model) = deepgram.agent_model.split_once('/').unwrap_or(("open_ai", &deepgram.agent_model));
    protocol::deepgram::Setup {
        listen_model: deepgram.flux_model.trim().to_owned(),
        think_provider: provider.trim().to_owned(),
        think_model: model.trim().to_owned(),
        speak_model: deepgram.voice.trim().to_owned(),
    }
}

/// Who listens and who speaks, by these settings.
fn cascade(settings: &Settings) -> protocol::cascade::Setup {
    use protocol::cascade::{Ear, Mouth, Site};
    let (providers, own) = (&settings.providers, &settings.cascade);
    let named = |name: &str| name.trim().to_owned();
    let flux = |model: &str, site| Ear::DeepgramFlux { model: named(model), site };
    let nova = |model: &str, site| Ear::DeepgramNova { model: named(model), site };
    let ear = match own.ear {
        config::Ear::DeepgramFlux => flux(&providers.deepgram.flux_model, Site::Deepgram),
        config::Ear::DeepgramNova => nova(&providers.deepgram.nova_model, Site::Deepgram),
        config::Ear::WorkersFlux => flux(&providers.workers.flux_model, Site::Workers),
        config::Ear::WorkersNova => nova(&providers.workers.nova_model, Site::Workers),
        config::Ear::Elevenlabs => Ear::ElevenlabsScribe { model: named(&providers.elevenlabs.scribe_model) },
        config::Ear::Cartesia => Ear::CartesiaInk {
            model: named(&providers.cartesia.ink_model),
            version: named(&providers.cartesia.version),
        },
        config::Ear::Openai => Ear::OpenaiSpeech { model: named(&own.openai_ear_model) },
        config::Ear::Local => Ear::OpenaiSpeech { model: named(&own.local_ear_model) },
    };
    let voice = named(&voice(settings));
    let mouth = match own.mouth {
        // The name of a voice tells which of the two speaks.
        config::Mouth::DeepgramAura if voice.starts_with("flux-") => Mouth::DeepgramFlux { model: voice },
        config::Mouth::DeepgramAura => Mouth::DeepgramAura { model: voice, speaker: None },
        config::Mouth::WorkersAura => {
            Mouth::DeepgramAura { model: named(&providers.workers.aura_model), speaker: Some(voice) }
        }
        config::Mouth::Elevenlabs => Mouth::Elevenlabs { model: named(&providers.elevenlabs.model), voice },
        config::Mouth::Cartesia => {
            let (model, version) = (named(&providers.cartesia.model), named(&providers.cartesia.version));
            Mouth::CartesiaSonic { model, voice, version }
        }
        config::Mouth::Openai => Mouth::OpenaiSpeech { model: named(&own.openai_mouth_model), voice },
        config::Mouth::Local => Mouth::OpenaiSpeech { model: named(&own.local_mouth_model), voice },
    };
    protocol::cascade::Setup { ear, mouth }
}

/// The voice that is heard, as users know it.
pub(crate) fn voice(settings: &Settings) -> String {
    let providers = &settings.providers;
    match settings.cascade.mouth {
        config::Mouth::DeepgramAura => providers.deepgram.voice.clone(),
        config::Mouth::WorkersAura => providers.workers.voice.clone(),
        config::Mouth::Elevenlabs => providers.elevenlabs.voice.clone(),
        config::Mouth::Cartesia => providers.cartesia.voice.clone(),
        config::Mouth::Openai => settings.cascade.openai_voice.clone(),
        config::Mouth::Local => settings.cascade.local_voice.clone(),
    }
}

/// Who serves a leg of the present voice. The gateway has one address for all sockets of ElevenLabs, its agents', and one
/// for Cartesia, its voice's (Cloudflare AI Gateway, realtime WebSockets): the others go past it.
fn service(settings: &Settings, leg: Leg) -> Service {
    match (settings.call.provider, leg) {
        (Provider::Google, _) => google(settings),
        (Provider::Elevenlabs, _) => elevenlabs(settings),
        (Provider::Deepgram, _) => {
            let base_url = settings.providers.deepgram.agent_base_url.clone();
            // The gateway knows the ears and the mouth, not the agent.
            Service { base_url, gateway_path: None, ..deepgram(settings) }
        }
        (Provider::Practice | Provider::Openai, _) => openai(settings),
        // The gateway knows OpenAI's WebSockets only with the model in the address.
        (Provider::GptLive, _) => Service { gateway_path: None, ..openai(settings) },
        (Provider::Cascade, Leg::Mouth) => match settings.cascade.mouth {
            config::Mouth::DeepgramAura => deepgram(settings),
            config::Mouth::WorkersAura => workers(settings),
            config::Mouth::Elevenlabs => Service { gateway_path: None, ..elevenlabs(settings) },
            config::Mouth::Cartesia => cartesia(settings),
            config::Mouth::Openai => openai(settings),
            config::Mouth::Local => local(settings),
        },
        (Provider::Cascade, Leg::Ears | Leg::Voice) => match settings.cascade.ear {
            config::Ear::DeepgramFlux | config::Ear::DeepgramNova => deepgram(settings),
            config::Ear::WorkersFlux | config::Ear::WorkersNova => workers(settings),
            config::Ear::Elevenlabs => Service { gateway_path: None, ..elevenlabs(settings) },
            config::Ear::Cartesia => Service { gateway_path: None, ..cartesia(settings) },
            config::Ear::Openai => openai(settings),
            config::Ear::Local => local(settings),
        },
    }
}

fn google(settings: &Settings) -> Service {
    Service {
        name: "Google",
        base_url: settings.providers.google.base_url.clone(),
        holder: Some(Holder::Google),
        header: ("x-goog-api-key", ""),
        gateway_path: Some("google"),
    }
}

pub(crate) fn deepgram(settings: &Settings) -> Service {
    Service {
        name: "Deepgram",
        base_url: settings.providers.deepgram.base_url.clone(),
        holder: Some(Holder::Deepgram),
        header: ("authorization", "Token "),
        gateway_path: Some("deepgram"),
    }
}

pub(crate) fn elevenlabs(settings: &Settings) -> Service {
    Service {
        name: "ElevenLabs",
        base_url: settings.providers.elevenlabs.base_url.clone(),
        holder: Some(Holder::Elevenlabs),
        header: ("xi-api-key", ""),
        gateway_path: Some("elevenlabs"),
    }
}

pub(crate) fn cartesia(settings: &Settings) -> Service {
    Service {
        name: "Cartesia",
        base_url: settings.providers.cartesia.base_url.clone(),
        holder: Some(Holder::Cartesia),
        header: ("x-api-key", ""),
        gateway_path: Some("cartesia"),
    }
}

fn openai(settings: &Settings) -> Service {
    Service {
        name: "OpenAI",
        base_url: settings.providers.openai.base_url.clone(),
        holder: Some(Holder::Openai),
        header: ("authorization", "Bearer "),
        gateway_path: Some("openai"),
    }
}

fn workers(settings: &Settings) -> Service {
    Service {
        name: "Workers AI",
        base_url: settings.providers.workers.base_url.clone(),
        holder: Some(Holder::WorkersAi),
        header: ("authorization", "Bearer "),
        gateway_path: Some(WORKERS),
    }
}

fn local(settings: &Settings) -> Service {
    Service {
        name: "your own speech server",
        base_url: settings.cascade.local_base_url.clone(),
        holder: None,
        header: ("authorization", "Bearer "),
        gateway_path: None,
    }
}

/// Where the legs of the present voice are.
pub(crate) fn bases(settings: &Settings, config: &Config) -> Vec<String> {
    let legs = config.wire.places(config).into_iter().map(|place| place.leg).chain(config.wire.services());
    let base = |leg| match service(settings, leg) {
        workers if workers.is_workers() => format!("{} {}", workers.base_url, settings.gateway.account_id),
        other => other.base_url,
    };
    legs.map(base).collect()
}

/// The road to the present voice, with its keys.
pub(super) async fn road(
    settings: &Settings,
    credentials: &Credentials,
    remembered: Option<Form>,
) -> Result<Road, Problem> {
    if settings.call.provider == Provider::Elevenlabs && settings.providers.elevenlabs.agent_id.trim().is_empty() {
        let detail = "no ElevenLabs agent is chosen: set the id of one".to_owned();
        return Err(Problem { code: Code::Refused, detail });
    }
    let config = crate::call::session_config(settings);
    let mut road = Road::default();
    for place in config.wire.places(&config) {
        let service = service(settings, place.leg);
        road.legs.push((place.leg, ladder(settings, credentials, &service, &place, remembered).await?));
    }
    for leg in config.wire.services() {
        let service = service(settings, leg);
        road.services.insert(leg, dial(settings, credentials, &service, None).await?);
    }
    Ok(road)
}

/// The way to one leg. Google's voice is not sure to get through the gateway (which of its versions the gateway dials is
/// not documented): where it does not, it is dialled directly.
async fn ladder(
    settings: &Settings,
    credentials: &Credentials,
    service: &Service,
    place: &Place,
    remembered: Option<Form>,
) -> Result<Ladder, Problem> {
    let ladder = Ladder::fixed(settings.call.route, dial(settings, credentials, service, Some(place)).await?);
    if settings.call.route == Route::Gateway && service.gateway_path.is_none() && service.holder.is_some() {
        return Ok(ladder.past_gateway());
    }
    if settings.call.provider != Provider::Google || settings.call.route != Route::Gateway {
        return Ok(ladder);
    }
    let mut direct = settings.clone();
    direct.call.route = Route::Direct;
    // Without a key of one's own (it is stored at the gateway) there is no other way.
    let direct = dial(&direct, credentials, service, Some(place)).await.ok();
    Ok(ladder.or_past_gateway(direct, remembered == Some(Form::PastGateway)))
}

async fn dial(
    settings: &Settings,
    credentials: &Credentials,
    service: &Service,
    place: Option<&Place>,
) -> Result<Dial, Problem> {
    let is_gateway = settings.call.route == Route::Gateway && service.gateway_path.is_some();
    let mut headers = HeaderMap::new();
    let is_stored = is_gateway && settings.gateway.stored_key;
    if let Some(holder) = service.holder.filter(|_| !is_stored) {
        match find(credentials, holder).await {
            Some(key) => {
                service.authorize(&mut headers, &key)?;
            }
            // For Cloudflare's own models the gateway's token is enough.
            None if is_gateway && service.is_workers() => {}
            None => return Err(missing(&format!("there is no key for {}", service.name), holder)),
        }
    }
    let url = if is_gateway {
        if let Some(token) = find(credentials, Holder::Gateway).await {
            put(&mut headers, "cf-aig-authorization", &format!("Bearer {}", token.expose_secret()))?;
        }
        address::at_gateway(&settings.gateway, service.gateway_path.unwrap_or_default())?
    } else if service.is_workers() {
        address::workers(&service.base_url, &settings.gateway.account_id)?
    } else {
        address::base(&service.base_url, &format!("{}'s base URL", service.name), Code::EndpointMissing)?
    };
    let url = match place {
        Some(place) => service.located(url, place, is_gateway),
        None => url,
    };
    Ok(Dial { url, headers, subprotocols: Vec::new() })
}

impl Service {
    /// Adds the key to these headers.
    pub(crate) fn authorize(&self, headers: &mut HeaderMap, key: &SecretString) -> Result<(), Problem> {
        let (name, before) = self.header;
        put(headers, name, &format!("{before}{}", key.expose_secret()))
    }

    fn is_workers(&self) -> bool {
        self.gateway_path == Some(WORKERS)
    }

    /// The gateway has one address for all WebSockets of a provider, but for Deepgram, whose paths it keeps. Workers AI
    /// names the model in the path, and at the gateway in the query (Cloudflare AI Gateway, realtime WebSockets).
    fn located(&self, base: Url, place: &Place, is_gateway: bool) -> Url {
        let segments: Vec<&str> = place.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let has_path = !is_gateway || self.gateway_path == Some("deepgram");
        let mut url = if has_path { address::with_path(base, &segments) } else { base };
        if is_gateway && self.is_workers() {
            url.query_pairs_mut().append_pair("model", &place.path);
        }
        if !place.query.is_empty() {
            url.query_pairs_mut().extend_pairs(place.query.iter().map(|(name, value)| (*name, value.as_str())));
        }
        url
    }
}

async fn find(credentials: &Credentials, holder: Holder) -> Option<SecretString> {
    credentials.find(holder).await.key
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Problem> {
    let unsendable =
        || Problem { code: Code::CredentialRefused, detail: "the key holds characters that cannot be sent".into() };
    headers.insert(name, secret_header(value).ok_or_else(unsendable)?);
    Ok(())
}
