//! How long providers keep one connection: another one is made in time.

use std::time::Duration;

use crate::api::{Provider, Route};
use crate::config::{Ear, Mouth, Settings};

/// The longest time that the present voice's connection lasts, of a mix that of its shortest leg; `None`: not known.
pub(crate) fn longest_connection(settings: &Settings) -> Option<Duration> {
    let providers = &settings.providers;
    let seconds = match settings.call.provider {
        Provider::Practice => 0,
        Provider::Openai if settings.call.route == Route::Endpoint => 0,
        Provider::Openai => providers.openai.connection_seconds,
        Provider::Google => providers.google.connection_seconds,
        Provider::GptLive => providers.gpt_live.connection_seconds,
        Provider::Elevenlabs => providers.elevenlabs.agent_connection_seconds,
        Provider::Deepgram => providers.deepgram.agent_connection_seconds,
        Provider::Cascade => return [ear(settings), mouth(settings)].into_iter().filter_map(known).min(),
    };
    known(seconds)
}

fn known(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

fn ear(settings: &Settings) -> u32 {
    let providers = &settings.providers;
    match settings.cascade.ear {
        Ear::DeepgramFlux | Ear::DeepgramNova => providers.deepgram.connection_seconds,
        Ear::WorkersFlux | Ear::WorkersNova => providers.workers.connection_seconds,
        Ear::Elevenlabs => providers.elevenlabs.connection_seconds,
        Ear::Cartesia => providers.cartesia.connection_seconds,
        // A request for each turn.
        Ear::Openai | Ear::Local => 0,
    }
}

fn mouth(settings: &Settings) -> u32 {
    let providers = &settings.providers;
    match settings.cascade.mouth {
        Mouth::DeepgramAura => providers.deepgram.connection_seconds,
        Mouth::WorkersAura => providers.workers.connection_seconds,
        Mouth::Elevenlabs => providers.elevenlabs.connection_seconds,
        Mouth::Cartesia => providers.cartesia.connection_seconds,
        // A request for each sentence.
        Mouth::Openai | Mouth::Local => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_has_its_limit_and_a_mix_that_of_its_shortest_leg() {
        let mut settings = Settings::default();
        let mut seconds = |change: &dyn Fn(&mut Settings)| {
            change(&mut settings);
            longest_connection(&settings).map(|longest| longest.as_secs())
        };
        assert_eq!(seconds(&|_| {}), None, "the practice partner lasts");
        assert_eq!(seconds(&|now| now.call.provider = Provider::Openai), Some(3600));
        assert_eq!(seconds(&|now| now.call.route = Route::Endpoint), None, "whatever a server of one's own does");
        assert_eq!(seconds(&|now| now.call.provider = Provider::Google), Some(600));
        assert_eq!(seconds(&|now| now.call.provider = Provider::GptLive), Some(7200));
        assert_eq!(seconds(&|now| now.call.provider = Provider::Elevenlabs), Some(600));
        assert_eq!(seconds(&|now| now.call.provider = Provider::Deepgram), None, "none is known");
        assert_eq!(seconds(&|now| now.providers.deepgram.agent_connection_seconds = 90), Some(90));
        assert_eq!(seconds(&|now| now.call.provider = Provider::Cascade), None, "none is known");
        assert_eq!(seconds(&|now| now.providers.deepgram.connection_seconds = 300), Some(300));
        let shorter = |now: &mut Settings| {
            (now.cascade.mouth, now.providers.cartesia.connection_seconds) = (Mouth::Cartesia, 200);
        };
        assert_eq!(seconds(&shorter), Some(200));
    }
}
