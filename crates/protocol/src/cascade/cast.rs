//! Who plays which part: the ears and mouths that a setup can name, and where they are.

use super::ear;
use super::mouth;
use super::speech::Speech;
use super::transcription::Transcriber;
use super::{Ear, Mouth, Setup};
use crate::{Config, Leg, Place};

/// The ear of a setup.
pub(super) fn ear(ear: &Ear) -> Box<dyn ear::Ear> {
    match ear {
        Ear::OpenaiSpeech { model } => Box::new(Transcriber::new(model)),
        Ear::DeepgramFlux { model }
        | Ear::DeepgramNova { model }
        | Ear::ElevenlabsScribe { model }
        | Ear::CartesiaInk { model } => Box::new(Transcriber::new(model)),
    }
}

/// The mouth of a setup.
pub(super) fn mouth(mouth: &Mouth) -> Box<dyn mouth::Mouth> {
    match mouth {
        Mouth::OpenaiSpeech { model, voice }
        | Mouth::Elevenlabs { model, voice }
        | Mouth::CartesiaSonic { model, voice } => Box::new(Speech::new(model, voice)),
        Mouth::DeepgramAura { model } => Box::new(Speech::new(model, "")),
    }
}

/// The sockets of a setup.
pub(crate) fn places(setup: &Setup, _config: &Config) -> Vec<Place> {
    match (&setup.ear, &setup.mouth) {
        (_, _) => Vec::new(),
    }
}

/// The legs of a setup that are asked over HTTP.
pub(crate) fn services(setup: &Setup) -> Vec<Leg> {
    let ear = matches!(setup.ear, Ear::OpenaiSpeech { .. }).then_some(Leg::Ears);
    let mouth = matches!(setup.mouth, Mouth::OpenaiSpeech { .. }).then_some(Leg::Mouth);
    ear.into_iter().chain(mouth).collect()
}
