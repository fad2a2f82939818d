//! From the session's words to the app API's.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::{Cause, Fault, ItemId};

use crate::api::{Code, Delivery, Item, Kind, Problem, Provider, Role, Route, Usage, Waterfall};
use crate::config::{Detector, NoiseReduction, Settings};
use crate::route::voices;

use super::errand::OWN_BUDGET;

/// What the engine knows of an item beyond the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// First seen, unix ms.
    pub(crate) at: i64,
    /// Latency of the answer.
    pub(crate) waterfall: Option<Waterfall>,
    /// It is of an earlier run, and was not sent in this one.
    pub(crate) is_restored: bool,
}

/// Marks by item.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<ItemId, Mark>);

impl Marks {
    pub(crate) fn of(&mut self, id: ItemId) -> &mut Mark {
        self.0.entry(id).or_insert_with(|| Mark { at: unix_ms(), waterfall: None, is_restored: false })
    }

    /// The newest item that was told.
    pub(crate) fn newest(&self) -> Option<ItemId> {
        let said = self.0.iter().filter(|(_, mark)| !mark.is_restored);
        said.max_by_key(|(id, mark)| (mark.at, **id)).map(|(id, _)| *id)
    }

    /// It was said in an earlier run, at this time (unix ms).
    pub(crate) fn restored(&mut self, id: ItemId, at: i64) {
        self.0.insert(id, Mark { at, waterfall: None, is_restored: true });
    }

    /// Everything that waits is of this run now.
    pub(crate) fn sent_again(&mut self) {
        self.0.values_mut().for_each(|mark| mark.is_restored = false);
    }

    pub(crate) fn forget(&mut self, id: ItemId) {
        self.0.remove(&id);
    }

    /// The item as shells see it.
    pub(crate) fn view(&mut self, item: &protocol::Item) -> Item {
        let mark = *self.of(item.id);
        Item {
            id: item.id.0,
            role: match item.role {
                protocol::Role::User => Role::User,
                protocol::Role::Assistant => Role::Assistant,
            },
            kind: match &item.kind {
                protocol::Kind::Spoken => Kind::Spoken,
                protocol::Kind::Typed => Kind::Typed,
                protocol::Kind::ToolCall { name } => Kind::ToolCall(name.clone()),
            },
            text: item.text.clone(),
            unheard: item.unheard.clone(),
            is_final: item.is_final,
            delivery: delivery(item.delivery),
            at: mark.at,
            duration_ms: millis(item.duration),
            heard_ms: item.heard.map(millis),
            first_sound_ms: mark.waterfall.and_then(|waterfall| waterfall.first_sound_ms),
            waterfall: mark.waterfall,
            usage: item.usage.map(usage),
            problem: item.fault.as_ref().map(problem).or_else(|| mark.is_restored.then(unsent)),
        }
    }
}

/// Why something of an earlier run waits.
fn unsent() -> Problem {
    Problem { code: Code::Unsent, detail: String::new() }
}

fn delivery(delivery: protocol::Delivery) -> Delivery {
    match delivery {
        protocol::Delivery::Recording => Delivery::Recording,
        protocol::Delivery::Sent => Delivery::Sent,
        protocol::Delivery::Kept => Delivery::Kept,
        protocol::Delivery::Answered => Delivery::Answered,
        protocol::Delivery::Arriving => Delivery::Arriving,
        protocol::Delivery::Complete => Delivery::Complete,
        protocol::Delivery::Interrupted => Delivery::Interrupted,
        protocol::Delivery::Failed => Delivery::Failed,
    }
}

fn usage(usage: protocol::Usage) -> Usage {
    let count = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    Usage {
        input_text: count(usage.input_text),
        input_audio: count(usage.input_audio),
        cached_text: count(usage.cached_text),
        cached_audio: count(usage.cached_audio),
        output_text: count(usage.output_text),
        output_audio: count(usage.output_audio),
        session_ms: millis(usage.session),
    }
}

/// What a provider's fault means to the user.
pub(crate) fn problem(fault: &Fault) -> Problem {
    let code = match fault.cause {
        Cause::Credential => Code::CredentialRefused,
        Cause::Permission => Code::NotPermitted,
        Cause::Quota if fault.code.as_deref() == Some(OWN_BUDGET) => Code::Budget,
        Cause::Quota => Code::Quota,
        Cause::RateLimited => Code::RateLimited,
        Cause::Refused => Code::Refused,
        Cause::Expired | Cause::Server => Code::ProviderTrouble,
        Cause::Response => Code::AnswerFailed,
    };
    Problem { code, detail: fault.message.clone() }
}

/// What a sound error means to the user.
pub(crate) fn sound_problem(error: &audio::Error) -> Problem {
    let code = match error {
        audio::Error::NoHost | audio::Error::NoDevice(audio::Direction::Input) => Code::NoMicrophone,
        audio::Error::NoDevice(audio::Direction::Output) => Code::NoSpeaker,
        audio::Error::Refused(audio::Direction::Input) => Code::MicrophoneRefused,
        audio::Error::Refused(audio::Direction::Output) | audio::Error::Stuck(_) | audio::Error::Lost { .. } => {
            Code::DeviceLost
        }
        audio::Error::File(_) => Code::Internal,
    };
    Problem { code, detail: error.to_string() }
}

/// Whether the provider itself speaks as fast as it shall: OpenAI does; other servers of its protocol need not.
pub(crate) fn is_provider_paced(settings: &Settings) -> bool {
    settings.call.provider == Provider::Openai && settings.call.route != Route::Endpoint
}

/// The session's part of the settings.
pub(crate) fn session_config(settings: &Settings) -> protocol::Config {
    let openai = &settings.providers.openai;
    let is_endpoint = settings.call.provider == Provider::Openai && settings.call.route == Route::Endpoint;
    let voice = &settings.voice;
    protocol::Config {
        wire: voices::wire(settings),
        voice: match settings.endpoint.voice.trim() {
            own if is_endpoint && !own.is_empty() => own.to_owned(),
            _ if settings.call.provider == Provider::Google => settings.providers.google.voice.trim().to_owned(),
            _ => openai.voice.trim().to_owned(),
        },
        speed: is_provider_paced(settings).then_some(voice.speed),
        instructions: voice.instructions.trim().to_owned(),
        transcription: voice.captions.then(|| protocol::Transcription {
            model: openai.transcription_model.trim().to_owned(),
            language: Some(voice.language.trim().to_owned()).filter(|language| !language.is_empty()),
        }),
        noise_reduction: match voice.noise_reduction {
            NoiseReduction::Off => None,
            NoiseReduction::Headset => Some(protocol::NoiseReduction::NearField),
            NoiseReduction::Room => Some(protocol::NoiseReduction::FarField),
        },
        turn_taking: match settings.call.mode {
            crate::api::Mode::Ptt => protocol::TurnTaking::PushToTalk,
            crate::api::Mode::Open => protocol::TurnTaking::Open {
                detector: match voice.detector {
                    Detector::Silence => protocol::Detector::Silence,
                    Detector::Meaning => protocol::Detector::Meaning,
                },
                patience: voice.patience,
            },
        },
        retention_ratio: None,
        reasoning_effort: Some(openai.reasoning_effort.trim().to_owned()).filter(|effort| !effort.is_empty()),
        tools: Vec::new(),
    }
}

/// Now, unix ms.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Model and voice as the user knows them.
pub(super) fn names(settings: &Settings) -> (String, String) {
    let openai = &settings.providers.openai;
    let endpoint = &settings.endpoint;
    let or = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    match (settings.call.provider, settings.call.route) {
        (Provider::Practice, _) => ("practice".into(), "practice".into()),
        (Provider::Openai, Route::Direct | Route::Gateway) => (openai.model.clone(), openai.voice.clone()),
        (Provider::Openai, Route::Endpoint) => (or(&endpoint.model, &openai.model), or(&endpoint.voice, &openai.voice)),
        (Provider::Google, _) => (settings.providers.google.model.clone(), settings.providers.google.voice.clone()),
        (Provider::GptLive, _) => {
            (settings.providers.gpt_live.model.clone(), settings.providers.gpt_live.voice.clone())
        }
        (Provider::Elevenlabs, _) => (settings.providers.elevenlabs.agent_id.clone(), String::new()),
        (Provider::Deepgram, _) => {
            (settings.providers.deepgram.agent_model.clone(), settings.providers.deepgram.voice.clone())
        }
        (Provider::Cascade, _) => {
            let brain = format!("{}/{}", settings.chat.provider, settings.chat.model);
            (or(&settings.cascade.brain, &brain), voices::voice(settings))
        }
    }
}
