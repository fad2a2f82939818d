//! Who plays which part: the ears and mouths that a setup can name, and where they are.

use super::ear;
use super::mouth;
use super::speech::Speech;
use super::transcription::Transcriber;
use super::{Ear, Mouth, Setup};
use crate::cartesia::ink::{self, Ink};
use crate::cartesia::sonic::{self, Sonic};
use crate::deepgram::aura::{self, Aura};
use crate::deepgram::flux::{self, Flux};
use crate::deepgram::flux_voice::{self, FluxVoice};
use crate::deepgram::nova::{self, Nova};
use crate::elevenlabs::multi::{self, Multi};
use crate::elevenlabs::scribe::{self, Scribe};
use crate::{Config, Leg, Place};

/// The ear of a setup.
pub(super) fn ear(ear: &Ear) -> Box<dyn ear::Ear> {
    match ear {
        Ear::OpenaiSpeech { model } => Box::new(Transcriber::new(model)),
        Ear::DeepgramFlux { site, .. } => Box::new(Flux::new(*site)),
        Ear::DeepgramNova { .. } => Box::new(Nova::default()),
        Ear::ElevenlabsScribe { .. } => Box::new(Scribe::new()),
        Ear::CartesiaInk { .. } => Box::new(Ink::new()),
    }
}

/// The mouth of a setup.
pub(super) fn mouth(mouth: &Mouth) -> Box<dyn mouth::Mouth> {
    match mouth {
        Mouth::DeepgramAura { .. } => Box::new(Aura::default()),
        Mouth::DeepgramFlux { .. } => Box::new(FluxVoice::default()),
        Mouth::OpenaiSpeech { model, voice } => Box::new(Speech::new(model, voice)),
        Mouth::Elevenlabs { model, voice } => Box::new(Multi::new(model, voice)),
        Mouth::CartesiaSonic { model, voice, .. } => Box::new(Sonic::new(model, voice)),
    }
}

/// The sockets of a setup.
pub(crate) fn places(setup: &Setup, config: &Config) -> Vec<Place> {
    let ear = match &setup.ear {
        Ear::DeepgramFlux { model, site } => Some(flux::listen_place(model, *site, config)),
        Ear::DeepgramNova { model, site } => Some(nova::listen_place(model, *site, config)),
        Ear::ElevenlabsScribe { model } => Some(scribe::place(model, config)),
        Ear::CartesiaInk { model, version } => Some(ink::place(model, version, config)),
        Ear::OpenaiSpeech { .. } => None,
    };
    let mouth = match &setup.mouth {
        Mouth::Elevenlabs { model, voice } => Some(multi::place(model, voice, config)),
        Mouth::CartesiaSonic { version, .. } => Some(sonic::place(version)),
        Mouth::DeepgramAura { model, speaker } => Some(aura::speak_place(model, speaker.as_deref(), config)),
        Mouth::DeepgramFlux { model } => Some(flux_voice::speak_place(model, config)),
        Mouth::OpenaiSpeech { .. } => None,
    };
    ear.into_iter().chain(mouth).collect()
}

/// The legs of a setup that are asked over HTTP.
pub(crate) fn services(setup: &Setup) -> Vec<Leg> {
    let ear = matches!(setup.ear, Ear::OpenaiSpeech { .. }).then_some(Leg::Ears);
    let mouth = matches!(setup.mouth, Mouth::OpenaiSpeech { .. }).then_some(Leg::Mouth);
    ear.into_iter().chain(mouth).collect()
}
