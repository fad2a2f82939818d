//! The settings of a session and their place on the wire.

use crate::elevenlabs::{self, agent::ElevenAgent};
use crate::interpreter::Interpreter;
use crate::openai::replay::Bound;
use crate::{Leg, Place, Tool, cascade, deepgram, gemini, gpt_live};

/// What the user chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whose protocol the next connection speaks.
    pub wire: Wire,
    /// Voice name, sent in the first update of each connection only (it is locked after the first audio).
    pub voice: String,
    /// Speed of speech that the provider makes, 0.25 ..= 1.5 (1 = normal); `None` = it is not asked to.
    pub speed: Option<f32>,
    /// The system's instructions; empty = the provider's default.
    pub instructions: String,
    /// Transcription of the user's speech; `None` = no captions of the user.
    pub transcription: Option<Transcription>,
    /// Noise reduction at the provider; `None` = off.
    pub noise_reduction: Option<NoiseReduction>,
    /// Who decides when a turn is over.
    pub turn_taking: TurnTaking,
    /// Share of the context kept when it is full (0..1, cache friendly); `None` = the provider's `auto`.
    pub retention_ratio: Option<f32>,
    /// Reasoning effort of 2.x models (`minimal` … `xhigh`); `None` = not sent.
    pub reasoning_effort: Option<String>,
    /// What the model may ask the app to do. An ElevenLabs agent calls those that were set at it under the same name;
    /// of GPT-Live it is the text model behind it that knows them.
    pub tools: Vec<Tool>,
}

/// A protocol of realtime voice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wire {
    /// OpenAI Realtime, and whoever speaks like it.
    #[default]
    Realtime,
    /// Deepgram's Voice Agent.
    DeepgramAgent(deepgram::Setup),
    /// ElevenLabs Agents.
    ElevenAgent(elevenlabs::Setup),
    /// An ear, the text model and a mouth.
    Cascade(cascade::Setup),
    /// Gemini Live.
    Gemini(gemini::Setup),
    /// GPT-Live of OpenAI.
    GptLive(gpt_live::Setup),
}

impl Wire {
    /// Who translates for a connection; `None`: the conversation speaks this protocol itself.
    pub(crate) fn interpreter(&self) -> Option<Box<dyn Interpreter>> {
        match self {
            Self::Realtime => None,
            Self::DeepgramAgent(setup) => Some(Box::new(deepgram::agent::Agent::new(setup.clone()))),
            Self::ElevenAgent(setup) => Some(Box::new(ElevenAgent::new(setup.clone()))),
            Self::Cascade(setup) => Some(Box::new(cascade::Cascade::new(setup))),
            Self::Gemini(setup) => Some(setup.interpreter()),
            Self::GptLive(setup) => Some(Box::new(gpt_live::Live::new(setup))),
        }
    }

    /// How much of a long conversation a new connection is told: enough to go on, at little cost (2026-11). An agent of
    /// ElevenLabs takes it as a remark, GPT-Live in its first command, of limited weight.
    pub(crate) fn bound(&self) -> Bound {
        match self {
            Self::Realtime | Self::DeepgramAgent(_) | Self::Cascade(_) | Self::Gemini(_) => Bound::new(12_000, 400),
            Self::ElevenAgent(_) => Bound::new(10_000, 200),
            Self::GptLive(_) => Bound::new(23_000, 120),
        }
    }

    /// The sockets of a connection; all of them are to be open before [`crate::Input::Opened`]. None for the Realtime
    /// protocol, whose one socket the caller knows, and for a voice that is asked over HTTP alone.
    pub fn places(&self, config: &Config) -> Vec<Place> {
        match self {
            Self::Realtime => Vec::new(),
            Self::DeepgramAgent(_) => vec![deepgram::agent::place()],
            Self::ElevenAgent(setup) => vec![setup.place()],
            Self::Cascade(setup) => cascade::places(setup, config),
            Self::Gemini(setup) => vec![setup.place()],
            Self::GptLive(_) => {
                vec![Place { leg: Leg::Voice, path: gpt_live::PATH.to_owned(), query: Vec::new() }]
            }
        }
    }

    /// The last text frame of a connection whose session was ready, behind everything else, if this protocol has one.
    pub fn farewell(&self) -> Option<&'static str> {
        matches!(self, Self::GptLive(_)).then_some(gpt_live::FAREWELL)
    }

    /// The legs whose services are asked over HTTP.
    pub fn services(&self) -> Vec<Leg> {
        match self {
            Self::Cascade(setup) => cascade::services(setup),
            Self::Realtime | Self::DeepgramAgent(_) | Self::ElevenAgent(_) | Self::Gemini(_) | Self::GptLive(_) => {
                Vec::new()
            }
        }
    }
}

/// How the user's speech becomes text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcription {
    /// Model id, `gpt-4o-mini-transcribe` for example.
    pub model: String,
    /// ISO-639-1 hint.
    pub language: Option<String>,
}

/// Where the microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseReduction {
    /// Headset.
    NearField,
    /// Laptop or room.
    FarField,
}

/// Who ends the turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TurnTaking {
    /// The user's finger: `turn_detection: null`, clear, append, commit, create.
    PushToTalk,
    /// The server listens all the time. `patience` 0 (quick) ..= 1 (patient).
    Open {
        /// Which detector.
        detector: Detector,
        /// 0 = quick, 1 = patient.
        patience: f32,
    },
}

impl TurnTaking {
    /// Whether the microphone is open, and the provider says when a turn is over.
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::PushToTalk => false,
            Self::Open { .. } => true,
        }
    }
}

/// Server-side turn detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detector {
    /// By silence: patience sets `silence_duration_ms` 300 ..= 1200.
    Silence,
    /// By meaning: patience sets `eagerness` high, medium or low.
    Meaning,
}
