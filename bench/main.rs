//! Measures a built program and its peers on virtual sound cards, next to bare tools on the same cards, and prints one
//! table.
//!
//! usage: bench [--rounds N] [--peer NAME=COMMAND]...
//!
//! Figures are differences and shares taken in one run on one machine: absolute times wander with the machine.

mod client;
mod ear;
mod mouth;
mod screen;
mod server;
mod table;
mod trial;
mod usage;

use client::Client;
use table::Column;
use trial::Figures;

/// The peers that are always tried: (name, command, the face of Sidetone that is like it).
const PEERS: [(&str, &str, &str); 2] = [
    ("Python SDK", "python3 bench/peers/python_sdk.py", COMMAND_LINE),
    ("realtime console", "sh bench/peers/browser_console.sh", WINDOW),
];
const COMMAND_LINE: &str = "command line";
const WINDOW: &str = "window";

#[derive(Debug)]
struct Arguments {
    rounds: usize,
    peers: Vec<(String, String)>,
}

fn arguments() -> Arguments {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments { rounds: 20, peers: Vec::new() };
    while let Some(name) = given.next() {
        let value = given.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match name.as_str() {
            "--rounds" => arguments.rounds = value.parse().expect("--rounds takes a number"),
            "--peer" => {
                let (peer, command) = value.split_once('=').expect("--peer takes NAME=COMMAND");
                arguments.peers.push((peer.into(), command.into()));
            }
            _ => panic!("unknown argument {name}"),
        }
    }
    arguments
}

#[tokio::main]
async fn main() {
    let Arguments { rounds, peers } = arguments();
    let load = usage::load();
    let mut columns = vec![
        Column::ours(COMMAND_LINE, measured(COMMAND_LINE, Client::command_line(), rounds).await),
        Column::ours(WINDOW, measured(WINDOW, Client::window(), rounds).await),
    ];
    for (name, command, like) in PEERS {
        columns.push(Column::peer(name, like, measured(name, Client::peer(command), rounds).await));
    }
    for (name, command) in &peers {
        columns.push(Column::peer(name, COMMAND_LINE, measured(name, Client::peer(command), rounds).await));
    }
    if let Ok(window) = &mut columns[1].result {
        window.first_paint = tokio::task::block_in_place(|| screen::first_paints(10));
    }
    println!("{}", table::draw(&columns));
    println!("\n{rounds} rounds; load average {load} at the start, {} at the end.", usage::load());
}

async fn measured(
    name: &str,
    client: impl Future<Output = Result<Client, String>>,
    rounds: usize,
) -> Result<Figures, String> {
    eprintln!("bench: {name}");
    let client = client.await?;
    let figures = trial::run(&client, rounds).await;
    client.end().await;
    Ok(figures)
}
