//! What a minute of talking costs, before anybody talks: list prices and an even conversation.

use gateway::{Nanodollars, Quantity, Target};
use protocol::chat::Tokens;

use crate::api::{MinuteCost, Provider, Route};
use crate::config::{CascadeSettings, Ear, Mouth, Settings};

/// Half of the minute the user speaks, half of it the answer is heard.
const HALF: u64 = 30;
/// Characters of an answer that is spoken for half a minute, at 150 words a minute.
const CHARACTERS: u64 = 450;
/// Prompt (the last few turns) and answer of a text model between ear and mouth, two turns a minute.
const BRAIN: Tokens =
    Tokens { input: 800, cached: 0, cache_written: 0, output: 150, reasoning: 0, input_audio: 0, output_audio: 0 };
/// `OpenAI` Realtime hears 10 tokens a second and speaks 20 (its guide to costs).
const REALTIME: (u64, u64) = (10, 20);
/// Gemini Live counts 25 tokens a second both ways (its list of prices).
const GEMINI: (u64, u64) = (25, 25);

/// A server of the user's own, among the providers.
pub(crate) const OWN: &str = "own-server";

/// For every voice, with the models of these settings. Earlier turns, which every turn reads again, are not counted.
pub(crate) fn costs(settings: &Settings) -> Vec<MinuteCost> {
    const ALL: [Provider; 7] = [
        Provider::Practice,
        Provider::Openai,
        Provider::Google,
        Provider::Cascade,
        Provider::Elevenlabs,
        Provider::Deepgram,
        Provider::GptLive,
    ];
    let cost = |provider| MinuteCost { provider, nano: cost(settings, provider).map(|cost| cost.0) };
    ALL.into_iter().map(cost).collect()
}

fn cost(settings: &Settings, provider: Provider) -> Option<Nanodollars> {
    let providers = &settings.providers;
    let charge = |provider, model: &str, quantity: &_| price(settings, &target(provider, model), quantity);
    match provider {
        Provider::Practice => Some(Nanodollars(0)),
        Provider::Openai if settings.call.route == Route::Endpoint => None,
        Provider::Openai => {
            let speech = charge("openai", &providers.openai.model, &spoken(REALTIME))?;
            let captions = settings.voice.captions.then(|| {
                charge("openai", &providers.openai.transcription_model, &heard(HALF)).unwrap_or(Nanodollars(0))
            });
            Some(sum([speech, captions.unwrap_or(Nanodollars(0))]))
        }
        Provider::Google => charge("google-ai-studio", &providers.google.model, &spoken(GEMINI)),
        Provider::GptLive => charge("openai", &providers.gpt_live.model, &heard(2 * HALF)),
        Provider::Elevenlabs => charge("elevenlabs", "agent", &heard(2 * HALF)),
        Provider::Deepgram => charge("deepgram", "agent", &heard(2 * HALF)),
        Provider::Cascade => cascade(settings),
    }
}

/// Sockets that listen are charged for all that they hear, silence too.
fn cascade(settings: &Settings) -> Option<Nanodollars> {
    let is_open = is_paid_while_open(settings.cascade.ear);
    let ear = price(settings, &ear(settings), &heard(if is_open { 2 * HALF } else { HALF }))?;
    let speech = Quantity { characters: CHARACTERS, output_ms: HALF * 1_000, ..Quantity::default() };
    let mouth = price(settings, &mouth(settings), &speech)?;
    let brain = price(settings, &brain(settings), &Quantity::from(BRAIN))?;
    Some(sum([ear, brain, mouth]))
}

/// Whether talking costs nothing, whatever is said. A model of unknown price is not free.
pub(crate) fn is_free(settings: &Settings) -> bool {
    match (settings.call.provider, settings.call.route) {
        (Provider::Practice, _) => true,
        (Provider::Openai, Route::Endpoint) => is_unpriced(settings, &target(OWN, &settings.endpoint.model)),
        (Provider::Cascade, _) => {
            let CascadeSettings { ear: listens, mouth: speaks, .. } = settings.cascade;
            let is_local = listens == Ear::Local && speaks == Mouth::Local && is_local(&brain(settings));
            is_local && [ear(settings), mouth(settings), brain(settings)].iter().all(|one| is_unpriced(settings, one))
        }
        (Provider::Openai | Provider::Google | Provider::GptLive | Provider::Elevenlabs | Provider::Deepgram, _) => {
            false
        }
    }
}

/// Whether the user gave this no price of their own.
fn is_unpriced(settings: &Settings, target: &Target) -> bool {
    let tokens = Tokens { input: 1_000_000, output: 1_000_000, ..Tokens::default() };
    let anything = Quantity { tokens, input_ms: 60_000, output_ms: 60_000, characters: 1_000 };
    own(settings, target, &anything).is_none_or(|cost| cost == Nanodollars(0))
}

fn is_local(target: &Target) -> bool {
    target.provider.as_str() == crate::text::PRACTICE
        || gateway::provider(&target.provider).is_some_and(|provider| provider.is_local)
}

/// The text model between ear and mouth.
fn brain(settings: &Settings) -> Target {
    let chosen = settings.cascade.brain.split_once('/');
    let (provider, model) = chosen.unwrap_or((&settings.chat.provider, &settings.chat.model));
    target(provider, model)
}

/// Whether this ear listens over a socket.
pub(crate) fn is_paid_while_open(ear: Ear) -> bool {
    !matches!(ear, Ear::Openai | Ear::Local)
}

/// Who listens in a mix, as lists of prices name it.
pub(crate) fn ear(settings: &Settings) -> Target {
    let providers = &settings.providers;
    match settings.cascade.ear {
        Ear::DeepgramFlux => target("deepgram", &providers.deepgram.flux_model),
        Ear::DeepgramNova => target("deepgram", &format!("streaming/{}", providers.deepgram.nova_model)),
        Ear::WorkersFlux => target("workers-ai", &providers.workers.flux_model),
        Ear::WorkersNova => target("workers-ai", &providers.workers.nova_model),
        Ear::Elevenlabs => target("elevenlabs", &providers.elevenlabs.scribe_model),
        Ear::Cartesia => target("cartesia", &providers.cartesia.ink_model),
        Ear::Openai => target("openai", &settings.cascade.openai_ear_model),
        Ear::Local => target(OWN, &settings.cascade.local_ear_model),
    }
}

/// Who speaks in a mix.
pub(crate) fn mouth(settings: &Settings) -> Target {
    let providers = &settings.providers;
    match settings.cascade.mouth {
        Mouth::DeepgramAura => target("deepgram", family(&providers.deepgram.voice)),
        Mouth::WorkersAura => target("workers-ai", &providers.workers.aura_model),
        Mouth::Elevenlabs => target("elevenlabs", &providers.elevenlabs.model),
        Mouth::Cartesia => target("cartesia", &providers.cartesia.model),
        Mouth::Openai => target("openai", &settings.cascade.openai_mouth_model),
        Mouth::Local => target(OWN, &settings.cascade.local_voice),
    }
}

/// `aura-2-thalia-en` is a voice of `aura-2`. Of Flux as a voice no price is known.
fn family(voice: &str) -> &str {
    match voice.trim() {
        aura if aura.starts_with("aura-2") => "aura-2",
        aura if aura.starts_with("aura") => "aura",
        other => other,
    }
}

fn heard(seconds: u64) -> Quantity {
    Quantity { input_ms: seconds * 1_000, ..Quantity::default() }
}

fn spoken((heard, said): (u64, u64)) -> Quantity {
    let (input, output) = (heard * HALF, said * HALF);
    Quantity::from(Tokens { input, input_audio: input, output, output_audio: output, ..Tokens::default() })
}

pub(crate) fn target(provider: &str, model: &str) -> Target {
    Target { provider: provider.into(), model: model.trim().to_owned() }
}

/// By the user's own price, if there is one, else by the lists.
fn price(settings: &Settings, target: &Target, quantity: &Quantity) -> Option<Nanodollars> {
    own(settings, target, quantity).or_else(|| listed(target, quantity))
}

/// By the user's own price.
pub(crate) fn own(settings: &Settings, target: &Target, quantity: &Quantity) -> Option<Nanodollars> {
    let own = crate::text::prices(&settings.chat).into_iter().find(|own| own.target == *target)?;
    Some(own.price.cost(quantity))
}

/// By the lists; the user's own servers and the practice partner cost nothing.
pub(crate) fn listed(target: &Target, quantity: &Quantity) -> Option<Nanodollars> {
    if [crate::text::PRACTICE, OWN].contains(&target.provider.as_str()) {
        return Some(Nanodollars(0));
    }
    gateway::price(target).map(|price| price.cost(quantity))
}

fn sum<const N: usize>(costs: [Nanodollars; N]) -> Nanodollars {
    Nanodollars(costs.iter().map(|cost| cost.0).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nano(settings: &Settings, provider: Provider) -> Option<i64> {
        costs(settings).into_iter().find(|cost| cost.provider == provider)?.nano
    }

    #[test]
    fn every_voice_with_its_usual_models_has_a_price() {
        let mut settings = Settings::default();
        (settings.chat.provider, settings.chat.model) = ("openai".into(), "gpt-5-mini".into());
        for cost in costs(&settings) {
            assert!(cost.nano.is_some(), "{cost:?}");
        }
        for ear in [Ear::DeepgramNova, Ear::WorkersFlux, Ear::WorkersNova, Ear::Elevenlabs, Ear::Cartesia, Ear::Openai]
        {
            settings.cascade.ear = ear;
            assert!(nano(&settings, Provider::Cascade).is_some(), "{ear:?}");
        }
        for mouth in [Mouth::WorkersAura, Mouth::Elevenlabs, Mouth::Cartesia, Mouth::Openai] {
            settings.cascade.mouth = mouth;
            assert!(nano(&settings, Provider::Cascade).is_some(), "{mouth:?}");
        }
    }

    #[test]
    fn a_minute_costs_what_the_lists_say() {
        let settings = Settings::default();
        // 300 tokens heard at $32 and 600 said at $64 a million, and half a minute of captions at $0.003.
        assert_eq!(nano(&settings, Provider::Openai), Some(9_600_000 + 38_400_000 + 1_500_000));
        // $0.05 a minute, whatever is said.
        assert_eq!(nano(&settings, Provider::GptLive), Some(50_000_000));
        assert_eq!(nano(&settings, Provider::Practice), Some(0));
    }

    #[test]
    fn a_minute_costs_what_the_user_pays() {
        let mut settings = Settings::default();
        let mut own = |provider: &str, model: &str, input, per_minute| {
            let (provider, model) = (provider.into(), model.into());
            let price = crate::config::ModelPrice { provider, model, input, per_minute, ..Default::default() };
            settings.chat.prices.push(price);
        };
        own("elevenlabs", "agent", -1.0, 0.02);
        own("google-ai-studio", &Settings::default().providers.google.model, 1_000.0, -1.0);
        assert_eq!(nano(&settings, Provider::Elevenlabs), Some(20_000_000));
        // 750 tokens heard at $1000 a million, and 750 said at the listed $12.
        let listed = nano(&Settings::default(), Provider::Google);
        let own = listed.map(|listed| listed - 750 * 3_000 + 750_000_000);
        assert_eq!(nano(&settings, Provider::Google), own);
    }

    #[test]
    fn only_what_runs_here_or_has_no_price_is_free() {
        let mut settings = Settings::default();
        let mut is_free_with = |provider, change: &dyn Fn(&mut Settings)| {
            settings.call.provider = provider;
            change(&mut settings);
            is_free(&settings)
        };
        assert!(is_free_with(Provider::Practice, &|_| {}));
        for provider in
            [Provider::Openai, Provider::Google, Provider::GptLive, Provider::Elevenlabs, Provider::Deepgram]
        {
            assert!(!is_free_with(provider, &|_| {}), "{provider:?}");
        }
        let endpoint = |settings: &mut Settings| settings.call.route = Route::Endpoint;
        assert!(is_free_with(Provider::Openai, &endpoint));
        let priced = |settings: &mut Settings| {
            let price = crate::config::ModelPrice::of_text(OWN, &settings.endpoint.model, 1.0, 2.0);
            settings.chat.prices.push(price);
        };
        assert!(!is_free_with(Provider::Openai, &priced));
        let local = |settings: &mut Settings| {
            (settings.cascade.ear, settings.cascade.mouth) = (Ear::Local, Mouth::Local);
            settings.cascade.brain = "ollama/qwen3".into();
        };
        assert!(is_free_with(Provider::Cascade, &local));
        assert!(!is_free_with(Provider::Cascade, &|settings| settings.cascade.brain = "groq/qwen3".into()));
        assert!(!is_free_with(Provider::Cascade, &|settings| {
            local(settings);
            settings.cascade.mouth = Mouth::DeepgramAura;
        }));
    }

    #[test]
    fn an_unknown_model_has_no_price_rather_than_a_wrong_one() {
        let mut settings = Settings::default();
        settings.providers.google.model = "gemini-99-live".into();
        assert_eq!(nano(&settings, Provider::Google), None);
    }
}
