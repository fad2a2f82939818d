//! What the arguments of `sidetone call` ask for.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use engine::Card;
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;

/// Time for the answer when none is given.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time that can be given, in seconds: a year.
const LONGEST: u64 = 365 * 24 * 3600;

/// Talk from the terminal, or hold one spoken or written turn.
///
/// Without --input and --text it is a live call: microphone and speaker until Ctrl+C. What is not given here is taken
/// from the settings, which stay as they are.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Who answers
    #[arg(long, value_enum)]
    provider: Option<Provider>,
    /// Model, by the provider's name
    #[arg(long)]
    model: Option<String>,
    /// Voice, by the provider's name
    #[arg(long)]
    voice: Option<String>,
    /// Which way to the provider
    #[arg(long, value_enum, conflicts_with = "endpoint")]
    route: Option<Route>,
    /// Base URL of a server that speaks the Realtime protocol, ws://localhost:8765/v1 for example; /realtime?model=
    /// is added
    #[arg(long, value_name = "URL", value_parser = base_url)]
    endpoint: Option<String>,
    /// Who ends a turn: ptt (the end of --input, or Enter) or open (the provider hears it)
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// WAV file that is spoken, in real time
    #[arg(long, value_name = "FILE.wav", conflicts_with = "text")]
    pub(crate) input: Option<PathBuf>,
    /// WAV file that gets the answer as it was heard
    #[arg(long, value_name = "FILE.wav")]
    pub(crate) output: Option<PathBuf>,
    /// Ogg Opus file that gets the whole call in stereo: your side left, the answer right
    #[arg(long, value_name = "FILE.opus")]
    pub(crate) record: Option<PathBuf>,
    /// Message that is sent in writing
    #[arg(long)]
    text: Option<String>,
    /// Print one JSON object per line for each event
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds to wait for the answer, from the end of --input or from the sending of --text; a live call ends after so
    /// many seconds [default: 60; a live call has no end]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    timeout: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// The built-in practice partner: no key, no network
    Practice,
    /// OpenAI Realtime
    Openai,
    /// Gemini Live
    Google,
    /// Any ear, any text model, any mouth: see the part cascade of the settings
    Cascade,
    /// An ElevenLabs agent
    Elevenlabs,
    /// Deepgram's Voice Agent
    Deepgram,
    /// OpenAI GPT-Live
    GptLive,
}

impl Provider {
    /// Its name in the settings.
    fn name(self) -> &'static str {
        match self {
            Self::Practice => "practice",
            Self::Openai => "openai",
            Self::Google => "google",
            Self::Cascade => "cascade",
            Self::Elevenlabs => "elevenlabs",
            Self::Deepgram => "deepgram",
            Self::GptLive => "gpt_live",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Route {
    /// Straight to the provider
    Direct,
    /// Through Cloudflare AI Gateway
    Gateway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Push to talk
    Ptt,
    /// Open microphone
    Open,
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech<'a> {
    /// Into the microphone.
    Live,
    /// By the input file.
    File,
    /// In writing.
    Text(&'a str),
}

fn base_url(text: &str) -> Result<String, String> {
    let is_url = ["ws://", "wss://", "http://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if is_url { Ok(text.into()) } else { Err("it begins with ws://, wss://, http:// or https://".into()) }
}

impl Arguments {
    /// What clap cannot see.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.provider == Some(Provider::Practice) && (self.route.is_some() || self.endpoint.is_some()) {
            return Err(Failure::usage("The practice partner has no --route and no --endpoint."));
        }
        if self.output.is_some() && self.speech() == Speech::Live {
            return Err(Failure::usage("--output needs --input or --text: a live call is heard from the speaker."));
        }
        if self.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(Failure::usage("There is nothing to say: --text is empty."));
        }
        if let Some(input) = &self.input {
            let is_wave = is_wave(input).map_err(|error| Failure::usage(format!("{}: {error}", input.display())))?;
            if !is_wave {
                return Err(Failure::usage(format!("{} is not a WAV file.", input.display())));
            }
        }
        for file in [&self.output, &self.record].into_iter().flatten() {
            if let Some(folder) = file.parent()
                && folder != ""
                && !folder.is_dir()
            {
                return Err(Failure::usage(format!("{}: there is no such folder", folder.display())));
            }
        }
        Ok(())
    }

    pub(super) fn speech(&self) -> Speech<'_> {
        match (&self.input, &self.text) {
            (Some(_), _) => Speech::File,
            (None, Some(text)) => Speech::Text(text),
            (None, None) => Speech::Live,
        }
    }

    /// What is written.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.output.iter().chain(&self.record).map(PathBuf::as_path)
    }

    /// Files in place of devices, except in a live call.
    pub(super) fn card(&self) -> Option<Card> {
        (self.speech() != Speech::Live).then(|| Card::Files { input: self.input.clone(), output: self.output.clone() })
    }

    /// How long a live call lasts at most.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.timeout.map(Duration::from_secs)
    }

    /// How long the answer to a question may take.
    pub(super) fn patience(&self) -> Duration {
        self.limit().unwrap_or(PATIENCE)
    }

    /// Changes to the settings for this call.
    pub(super) fn overrides(&self) -> Value {
        let leads_away = self.route.is_some() || self.endpoint.is_some();
        let provider = self.provider.or_else(|| leads_away.then_some(Provider::Openai));
        let route = match (&self.endpoint, self.route) {
            (Some(_), _) => Some("endpoint"),
            (None, Some(Route::Direct)) => Some("direct"),
            (None, Some(Route::Gateway)) => Some("gateway"),
            (None, None) => None,
        };
        // A written question needs no open microphone.
        let is_written = matches!(self.speech(), Speech::Text(_));
        let mode = self.mode.or_else(|| is_written.then_some(Mode::Ptt)).map(|mode| match mode {
            Mode::Ptt => "ptt",
            Mode::Open => "open",
        });
        let (model, voice) = (self.model.as_deref(), self.voice.as_deref());
        let mut overrides = match provider {
            Some(Provider::Google) => json!({ "providers": { "google": part([("model", model), ("voice", voice)]) } }),
            Some(Provider::GptLive) => {
                json!({ "providers": { "gpt_live": part([("model", model), ("voice", voice)]) } })
            }
            Some(Provider::Elevenlabs) => json!({ "providers": { "elevenlabs": part([("agent_id", model)]) } }),
            Some(Provider::Deepgram) => {
                json!({ "providers": { "deepgram": part([("agent_model", model), ("voice", voice)]) } })
            }
            Some(Provider::Cascade) => json!({ "cascade": part([("brain", model)]) }),
            Some(Provider::Practice | Provider::Openai) | None => json!({
                "providers": { "openai": part([("model", model), ("voice", voice)]) },
                "endpoint": part([("base_url", self.endpoint.as_deref()), ("model", model), ("voice", voice)]),
            }),
        };
        overrides["call"] = part([("provider", provider.map(Provider::name)), ("route", route), ("mode", mode)]);
        overrides
    }
}

fn is_wave(file: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(file)?.take(12).read_to_end(&mut start)?;
    Ok(start.starts_with(b"RIFF") && start.ends_with(b"WAVE"))
}

/// Only what was given.
fn part<const N: usize>(fields: [(&str, Option<&str>); N]) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    Value::Object(given.collect::<Map<_, _>>())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Arguments {
        Line::try_parse_from(format!("call {line}").split_whitespace()).unwrap().arguments
    }

    fn is_refused(line: &str) -> bool {
        match Line::try_parse_from(format!("call {line}").split_whitespace()) {
            Ok(parsed) => parsed.arguments.check().is_err_and(|failure| failure.status == 2),
            Err(error) => error.exit_code() == 2,
        }
    }

    #[test]
    fn without_arguments_the_settings_hold() {
        let arguments = parse("");
        assert_eq!(arguments.overrides(), json!({ "call": {}, "providers": { "openai": {} }, "endpoint": {} }));
        assert_eq!(arguments.card(), None);
        assert_eq!(arguments.limit(), None);
    }

    #[test]
    fn an_endpoint_implies_provider_and_route() {
        let overrides = parse("--endpoint ws://localhost:8765/v1 --model tiny --mode open").overrides();
        assert_eq!(overrides["call"], json!({ "provider": "openai", "route": "endpoint", "mode": "open" }));
        assert_eq!(overrides["endpoint"], json!({ "base_url": "ws://localhost:8765/v1", "model": "tiny" }));
    }

    #[test]
    fn a_route_implies_the_provider() {
        assert_eq!(parse("--route gateway").overrides()["call"], json!({ "provider": "openai", "route": "gateway" }));
    }

    #[test]
    fn a_written_question_opens_no_device() {
        let arguments = parse("--text hello");
        assert_eq!(arguments.card(), Some(Card::Files { input: None, output: None }));
        assert_eq!(arguments.overrides()["call"]["mode"], "ptt");
        assert_eq!(arguments.patience(), PATIENCE);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--provider practice --route direct",
            "--provider practice --endpoint ws://localhost/v1",
            "--route direct --endpoint ws://localhost/v1",
            "--endpoint localhost:8765",
            "--output answer.wav",
            "--input a.wav --text hello",
            "--input there/is/no/such.wav",
            "--input Cargo.toml",
            "--text=",
            "--text hello --timeout 0",
            "--text hello --timeout 18446744073709551615",
            "--text hello --output there/is/no/such.wav",
            "--record there/is/no/such.opus",
            "--provider nobody",
        ] {
            assert!(is_refused(line), "{line}");
        }
        assert!(!is_refused("--text hello --output answer.wav"));
    }
}
