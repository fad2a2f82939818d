//! `sidetone emulate`

use emulator::chat::{self, Fakes};
use emulator::fal::{self, Fal};
use emulator::voices::{self, Voices};
use emulator::{Complaints, Emulator, Fault, Script};
use tokio::sync::broadcast::error::RecvError;

use super::failure::Failure;
use super::print::{line, note};

/// Run fake providers on this machine, for tests and demos
///
/// One server for OpenAI Realtime, one for text (OpenAI's, Anthropic's and Google's shapes, with everybody's variations), one
/// for all other voices, one for pictures (fal). They answer like the practice partner; any key will do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Port of the providers of text [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    text_port: u16,
    /// Port of the voices beside OpenAI Realtime [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    voices_port: u16,
    /// Port of the maker of pictures [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pictures_port: u16,
    /// What goes wrong with OpenAI Realtime: NAME, NAME:3 for three times, NAME:always. Can be given again
    #[arg(long, value_name = "NAME", value_parser = fault, long_help = faults())]
    fault: Vec<Fault>,
    /// What goes wrong with text: NAME, NAME@PROVIDER, NAME:3 for the first three requests. Can be given again
    #[arg(long, value_name = "NAME", value_parser = text_fault, long_help = text_faults())]
    text_fault: Vec<chat::Fault>,
    /// What goes wrong with the other voices, every time
    #[arg(long, value_name = "NAME", value_parser = voice_faults(), hide_possible_values = true, long_help = voice_faults_help())]
    voice_fault: Option<String>,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn fault(text: &str) -> Result<Fault, String> {
    Fault::parse(text).map_err(|error| error.to_string())
}

fn faults() -> String {
    let names: Vec<_> = Fault::names().collect();
    format!(
        "What goes wrong with OpenAI Realtime: NAME, NAME:3 for three times, NAME:always. Can be given again. Names: {}",
        names.join(", ")
    )
}

fn text_fault(text: &str) -> Result<chat::Fault, String> {
    chat::Fault::parse(text).map_err(|error| error.to_string())
}

fn text_faults() -> String {
    let names: Vec<_> = chat::Fault::names().collect();
    format!(
        "What goes wrong with text: NAME, NAME@PROVIDER, NAME:3 for the first three requests. Can be given again. Names: {}",
        names.join(", ")
    )
}

fn voice_faults() -> clap::builder::PossibleValuesParser {
    voices::FAULTS.into_iter().flat_map(|(_, names)| names).into()
}

fn voice_faults_help() -> String {
    let of = |(whose, names): (&str, &[&str])| format!(" {whose}: {}.", names.join(", "));
    let all: String = voices::FAULTS.into_iter().map(of).collect();
    format!("What goes wrong with the other voices, every time. Names of{all}")
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let script =
        Script { port: arguments.port, seed: arguments.seed, faults: arguments.fault.clone(), ..Script::practice() };
    let emulator = Emulator::start(script).await.map_err(|error| Failure::other(format!("{error:#}")))?;
    line(emulator.base_url())?;
    note(&format!("Try: sidetone call --endpoint {} --text hello", emulator.base_url().replacen("http", "ws", 1)));
    note(&format!("As a Cloudflare gateway: {}", emulator.gateway_url()));
    let faults = arguments.text_fault.clone();
    let script = chat::Script { port: arguments.text_port, faults, ..chat::Script::practice() };
    let texts = Fakes::start(script).await.map_err(|error| Failure::other(format!("{error:#}")))?;
    let openai = texts.base_url("openai");
    line(&openai)?;
    note(&format!("Try: OPENAI_BASE_URL={openai} OPENAI_API_KEY=any sidetone ask --provider openai hello"));
    note("In the window, without a key: Settings, Text, My own server for text:");
    note(&format!("  {}", texts.base_url("custom")));
    note("Others, with any key: Settings, Gateway and routing, Addresses of providers:");
    for provider in ["anthropic", "google-ai-studio", "groq"] {
        note(&format!("  {}", texts.base_url(provider)));
    }
    note(&format!("Text through a Cloudflare gateway: {}", texts.gateway_url()));
    let route = chat::Gateway::ROUTE;
    note(&format!("  It holds a key of each provider, and has the models dynamic/{route} and cloudflare/auto."));
    let plan = voices::Plan { fault: arguments.voice_fault.clone(), ..voices::Plan::default() };
    let others = Voices::start_on(plan, arguments.voices_port).await;
    let others = others.map_err(|error| Failure::other(format!("{error:#}")))?;
    let fal = Fal::start_on(fal::Plan::default(), arguments.pictures_port).await;
    let fal = fal.map_err(|error| Failure::other(format!("{error:#}")))?;
    line(others.base_url())?;
    line(fal.base_url())?;
    note("The other voices, and pictures, with any key: Settings, Keys; or GEMINI_API_KEY=any, OPENAI_API_KEY=any,");
    note("DEEPGRAM_API_KEY=any, ELEVENLABS_API_KEY=any, CARTESIA_API_KEY=any, FAL_KEY=any. In settings.toml:");
    note(&lines_for_settings(&others.base_url(), &fal.base_url()));
    note("Ctrl+C ends it.");
    let telling = async {
        let (voice, text) = (emulator.complaints(), texts.complaints());
        tokio::join!(tell(voice), tell(text), tell(others.complaints()), tell(fal.complaints()));
    };
    tokio::select! {
        biased;
        () = telling => Ok(()),
        ended = tokio::signal::ctrl_c() => ended.map_err(|error| Failure::other(error.to_string())),
    }
}

/// What brings every voice here. GPT-Live shares its address with `OpenAI` Realtime, which has a server of its own here.
fn lines_for_settings(voices: &str, fal: &str) -> String {
    format!(
        "[providers.google]\nbase_url = \"{voices}\"\n\
         [providers.openai] # for GPT-Live, and OpenAI as ear and voice of a mix\nbase_url = \"{voices}/v1\"\n\
         [providers.deepgram]\nbase_url = \"{voices}\"\nagent_base_url = \"{voices}\"\n\
         [providers.elevenlabs]\nbase_url = \"{voices}\"\nagent_id = \"agent_1\"\n\
         [providers.cartesia]\nbase_url = \"{voices}\"\n\
         [providers.fal]\nbase_url = \"{fal}\""
    )
}

/// Says what clients do wrong, as they do it.
async fn tell(mut complaints: Complaints) {
    loop {
        match complaints.recv().await {
            Ok(complaint) => note(&complaint),
            Err(RecvError::Lagged(missed)) => note(&format!("{missed} more things were wrong; they came too fast.")),
            Err(RecvError::Closed) => return,
        }
    }
}
