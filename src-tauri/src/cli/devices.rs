//! `sidetone devices`

use std::time::Duration;

use engine::Paths;
use engine::api::{Change, Code, Command, Device, Devices, Problem};

use super::failure::Failure;
use super::print::{json, line};

/// Time for the sound system to answer.
const LIMIT: Duration = Duration::from_secs(4);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let engine = super::engine(paths)?;
    let mut events = engine.subscribe();
    engine.send(Command::FindDevices).await?;
    let found = tokio::time::timeout(LIMIT, async {
        while let Ok(event) = events.recv().await {
            if let Change::Devices(devices) = event.change {
                return Some(devices);
            }
        }
        None
    });
    let devices = found.await.ok().flatten().unwrap_or_default();
    if arguments.json {
        json(&devices)?;
    } else {
        print(&devices)?;
    }
    if devices.inputs.is_empty() && devices.outputs.is_empty() {
        return Err(Problem { code: Code::NoMicrophone, detail: "no sound system answered".into() }.into());
    }
    Ok(())
}

fn print(devices: &Devices) -> Result<(), Failure> {
    for (title, list) in [("Microphones", &devices.inputs), ("Speakers", &devices.outputs)] {
        line(title)?;
        if list.is_empty() {
            line("    none")?;
        }
        list.iter().try_for_each(|device| line(row(device)))?;
    }
    Ok(())
}

fn row(device: &Device) -> String {
    let mark = if device.is_default { '*' } else { ' ' };
    format!("  {mark} {}\n      {}", device.name, device.id)
}
