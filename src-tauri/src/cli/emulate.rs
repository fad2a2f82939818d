//! `sidetone emulate`

use emulator::{Emulator, Fault, Script};

use super::failure::Failure;
use super::print::{line, note};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// What goes wrong: NAME, NAME:3 for three times, NAME:always. Can be given again
    #[arg(long, value_name = "NAME", value_parser = fault, long_help = faults())]
    fault: Vec<Fault>,
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
        "What goes wrong: NAME, NAME:3 for three times, NAME:always. Can be given again. Names: {}",
        names.join(", ")
    )
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let script =
        Script { port: arguments.port, seed: arguments.seed, faults: arguments.fault.clone(), ..Script::practice() };
    let emulator = Emulator::start(script).await.map_err(|error| Failure::other(format!("{error:#}")))?;
    line(emulator.base_url())?;
    note(&format!("Try: sidetone call --endpoint {} --text hello", emulator.base_url().replacen("http", "ws", 1)));
    note(&format!("As a Cloudflare gateway: {}", emulator.gateway_url()));
    note("Ctrl+C ends it.");
    tokio::signal::ctrl_c().await.map_err(|error| Failure::other(error.to_string()))
}
