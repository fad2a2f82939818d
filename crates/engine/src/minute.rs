//! What a minute of talking costs, before anybody talks: list prices and an even conversation.

use gateway::{Nanodollars, Quantity, Target};
use protocol::chat::Tokens;

use crate::api::{MinuteCost, Provider, Route};
use crate::config::{Ear, Mouth, Settings};

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
    let providers = &settings.providers;
    let ear = |provider, model: &str| charge(provider, model, &heard(2 * HALF));
    let ear = match settings.cascade.ear {
        Ear::DeepgramFlux => ear("deepgram", &providers.deepgram.flux_model),
        Ear::DeepgramNova => ear("deepgram", &format!("streaming/{}", providers.deepgram.nova_model)),
        Ear::WorkersFlux => ear("workers-ai", &providers.workers.flux_model),
        Ear::WorkersNova => ear("workers-ai", &providers.workers.nova_model),
        Ear::Elevenlabs => ear("elevenlabs", &providers.elevenlabs.scribe_model),
        Ear::Cartesia => ear("cartesia", &providers.cartesia.ink_model),
        Ear::Openai => charge("openai", &settings.cascade.openai_ear_model, &heard(HALF)),
        Ear::Local => Some(Nanodollars(0)),
    }?;
    let speech = Quantity { characters: CHARACTERS, output_ms: HALF * 1_000, ..Quantity::default() };
    let mouth = match settings.cascade.mouth {
        Mouth::DeepgramAura => charge("deepgram", aura(&providers.deepgram.voice), &speech),
        Mouth::WorkersAura => charge("workers-ai", &providers.workers.aura_model, &speech),
        Mouth::Elevenlabs => charge("elevenlabs", &providers.elevenlabs.model, &speech),
        Mouth::Cartesia => charge("cartesia", &providers.cartesia.model, &speech),
        Mouth::Openai => charge("openai", &settings.cascade.openai_mouth_model, &speech),
        Mouth::Local => Some(Nanodollars(0)),
    }?;
    let brain = settings.cascade.brain.split_once('/');
    let (provider, model) = brain.unwrap_or((&settings.chat.provider, &settings.chat.model));
    let brain = if provider == crate::text::PRACTICE {
        Nanodollars(0)
    } else {
        charge(provider, model, &Quantity::from(BRAIN))?
    };
    Some(sum([ear, brain, mouth]))
}

/// `aura-2-thalia-en` is a voice of `aura-2`.
fn aura(voice: &str) -> &str {
    if voice.starts_with("aura-2") { "aura-2" } else { "aura" }
}

fn heard(seconds: u64) -> Quantity {
    Quantity { input_ms: seconds * 1_000, ..Quantity::default() }
}

fn spoken((heard, said): (u64, u64)) -> Quantity {
    let (input, output) = (heard * HALF, said * HALF);
    Quantity::from(Tokens { input, input_audio: input, output, output_audio: output, ..Tokens::default() })
}

fn charge(provider: &str, model: &str, quantity: &Quantity) -> Option<Nanodollars> {
    let target = Target { provider: provider.into(), model: model.trim().to_owned() };
    gateway::price(&target).map(|price| price.cost(quantity))
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
    fn an_unknown_model_has_no_price_rather_than_a_wrong_one() {
        let mut settings = Settings::default();
        settings.providers.google.model = "gemini-99-live".into();
        assert_eq!(nano(&settings, Provider::Google), None);
    }
}
