//! [`Config`] as the wire's `session` object.

use serde::Serialize;
use serde_json::Value;

use super::config::{Config, Detector, NoiseReduction, TurnTaking};
use crate::{SAMPLE_RATE, Tool};

#[derive(Serialize)]
pub(crate) struct Settings<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    output_modalities: [&'static str; 1],
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    audio: Audio<'a>,
    truncation: Truncation,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<Function<'a>>>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Serialize)]
struct Audio<'a> {
    input: AudioInput<'a>,
    output: AudioOutput<'a>,
}

/// Options that are `None` are sent as `null` here: that is how these three are switched off.
#[derive(Serialize)]
struct AudioInput<'a> {
    format: Format,
    transcription: Option<Transcription<'a>>,
    noise_reduction: Option<Noise>,
    turn_detection: Option<TurnDetection>,
}

#[derive(Serialize)]
struct AudioOutput<'a> {
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    rate: u32,
}

const PCM: Format = Format { kind: "audio/pcm", rate: SAMPLE_RATE };

#[derive(Serialize)]
struct Transcription<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

#[derive(Serialize)]
struct Noise {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Always the whole object: keys left out may fall back to the server's defaults.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TurnDetection {
    ServerVad {
        threshold: f32,
        prefix_padding_ms: u32,
        silence_duration_ms: u32,
        create_response: bool,
        interrupt_response: bool,
    },
    SemanticVad {
        eagerness: &'static str,
        create_response: bool,
        interrupt_response: bool,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Truncation {
    Auto(&'static str),
    Ratio {
        #[serde(rename = "type")]
        kind: &'static str,
        retention_ratio: f32,
    },
}

#[derive(Serialize)]
struct Reasoning<'a> {
    effort: &'a str,
}

impl<'a> Settings<'a> {
    /// The whole session object. The voice goes into the first update of a connection only: after the first
    /// audio of the model it is locked, and an update that names it is refused as a whole.
    /// `answers`: whether the provider answers the turns that it hears end (open microphone). `speed`: a new one, which
    /// the provider takes only while it makes no answer. `offer`: the tools; `None` leaves them as they are.
    pub(super) fn of(
        config: &'a Config,
        with_voice: bool,
        answers: bool,
        speed: Option<f32>,
        offer: Option<&'a [Tool]>,
    ) -> Self {
        let transcription = config
            .transcription
            .as_ref()
            .map(|wanted| Transcription { model: &wanted.model, language: wanted.language.as_deref() });
        let noise_reduction = config.noise_reduction.map(|place| Noise {
            kind: match place {
                NoiseReduction::NearField => "near_field",
                NoiseReduction::FarField => "far_field",
            },
        });
        Self {
            kind: "realtime",
            output_modalities: ["audio"],
            instructions: &config.instructions,
            audio: Audio {
                input: AudioInput {
                    format: PCM,
                    transcription,
                    noise_reduction,
                    turn_detection: turn_detection(config.turn_taking, answers),
                },
                output: AudioOutput {
                    format: PCM,
                    voice: Some(config.voice.as_str()).filter(|voice| with_voice && !voice.is_empty()),
                    speed,
                },
            },
            truncation: match config.retention_ratio.filter(|ratio| ratio.is_finite()) {
                Some(ratio) => Truncation::Ratio { kind: "retention_ratio", retention_ratio: ratio.clamp(0.0, 1.0) },
                None => Truncation::Auto("auto"),
            },
            reasoning: config.reasoning_effort.as_deref().map(|effort| Reasoning { effort }),
            tools: offer.map(|tools| tools.iter().map(Function::of).collect()),
        }
    }
}

impl<'a> Function<'a> {
    fn of(tool: &'a Tool) -> Self {
        Self { kind: "function", name: &tool.name, description: &tool.description, parameters: &tool.parameters }
    }
}

fn turn_detection(turn_taking: TurnTaking, create_response: bool) -> Option<TurnDetection> {
    match turn_taking {
        TurnTaking::PushToTalk => None,
        TurnTaking::Open { detector: Detector::Silence, patience } => Some(TurnDetection::ServerVad {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: silence_ms(patience),
            create_response,
            interrupt_response: true,
        }),
        TurnTaking::Open { detector: Detector::Meaning, patience } => Some(TurnDetection::SemanticVad {
            eagerness: eagerness(patience),
            create_response,
            interrupt_response: true,
        }),
    }
}

/// 300 ms (quick) ..= 1200 ms (patient), linear.
fn silence_ms(patience: f32) -> u32 {
    let patience = if patience.is_finite() { patience.clamp(0.0, 1.0) } else { 0.5 };
    (300.0 + 900.0 * patience).round() as u32
}

fn eagerness(patience: f32) -> &'static str {
    if patience < 1.0 / 3.0 {
        "high"
    } else if patience < 2.0 / 3.0 {
        "medium"
    } else {
        "low"
    }
}

/// How much silence surely ends a turn, in ms: the detector's own patience and half a second.
/// Semantic detection waits at most about 2, 4 or 8 s (high, medium, low).
pub(super) fn silence_that_ends_a_turn(turn_taking: TurnTaking) -> u32 {
    let patience = match turn_taking {
        TurnTaking::PushToTalk => 0,
        TurnTaking::Open { detector: Detector::Silence, patience } => silence_ms(patience),
        TurnTaking::Open { detector: Detector::Meaning, patience } => match eagerness(patience) {
            "high" => 2_000,
            "medium" => 4_000,
            _ => 8_000,
        },
    };
    patience + 500
}
