//! Who plays which part: the ears and mouths that a setup can name, and where they are.

use super::ear;
use super::mouth;
use super::speech::Speech;
use super::transcription::Transcriber;
use super::{Ear, Mouth, Setup};
use crate::deepgram::aura::{self, Aura};
use crate::deepgram::flux::{self, Flux};
use crate::deepgram::nova::{self, Nova};
use crate::{Config, Leg, Place};

/// The ear of a setup.
pub(super) fn ear(ear: &Ear) -> Box<dyn ear::Ear> {
    match ear {
        Ear::OpenaiSpeech { model } => Box::new(Transcriber::new(model)),
        Ear::DeepgramFlux { site, .. } => Box::new(Flux::new(*site)),
        Ear::DeepgramNova { .. } => Box::new(Nova::default()),
        Ear::ElevenlabsScribe { model } | Ear::CartesiaInk { model } => Box::new(Transcriber::new(model)),
    }
}

/// The mouth of a setup.
pub(super) fn mouth(mouth: &Mouth) -> Box<dyn mouth::Mouth> {
    match mouth {
        Mouth::OpenaiSpeech { model, voice }
        | Mouth::Elevenlabs { model, voice }
        | Mouth::CartesiaSonic { model, voice } => Box::new(Speech::new(model, voice)),
        Mouth::DeepgramAura { .. } => Box::new(Aura::default()),
    }
}

/// The sockets of a setup.
pub(crate) fn places(setup: &Setup, config: &Config) -> Vec<Place> {
    let ear = match &setup.ear {
        Ear::DeepgramFlux { model, site } => Some(flux::listen_place(model, *site, config)),
        Ear::DeepgramNova { model, site } => Some(nova::listen_place(model, *site, config)),
        Ear::ElevenlabsScribe { .. } | Ear::CartesiaInk { .. } | Ear::OpenaiSpeech { .. } => None,
    };
    let mouth = match &setup.mouth {
        Mouth::DeepgramAura { model, speaker } => Some(aura::speak_place(model, speaker.as_deref(), config)),
        Mouth::Elevenlabs { .. } | Mouth::CartesiaSonic { .. } | Mouth::OpenaiSpeech { .. } => None,
    };
    ear.into_iter().chain(mouth).collect()
}

/// The legs of a setup that are asked over HTTP.
pub(crate) fn services(setup: &Setup) -> Vec<Leg> {
    let ear = matches!(setup.ear, Ear::OpenaiSpeech { .. }).then_some(Leg::Ears);
    let mouth = matches!(setup.mouth, Mouth::OpenaiSpeech { .. }).then_some(Leg::Mouth);
    ear.into_iter().chain(mouth).collect()
}
