//! `sidetone latency`

use engine::Paths;
use engine::api::{Connections, Provider, Route};
use engine::latency::{Manner, Row, Spread, read, summary};

use super::failure::Failure;
use super::print::{json, line};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print one JSON object for each kind of turn
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, paths: &Paths) -> Result<(), Failure> {
    let rows = summary(&read(&paths.data));
    if arguments.json {
        return rows.iter().try_for_each(json);
    }
    if rows.is_empty() {
        return line("No turn was answered yet.");
    }
    line(table(&rows))
}

/// Aligned columns; the steps as they are half of the time, and 19 times out of 20.
fn table(rows: &[Row]) -> String {
    let head = [
        "who answers",
        "way",
        "question",
        "turns",
        "in use",
        "ahead",
        "end of turn",
        "request",
        "first piece",
        "first sound",
    ];
    let lines: Vec<[String; 10]> = std::iter::once(head.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text: Vec<String> = lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    text.push("Each from your last voiced sample, or the typed message: p50 / p95 in ms.".into());
    text.push(
        "In use: the connection was open already. Ahead: of the other times, it was opened before the turn.".into(),
    );
    text.join("\n")
}

fn cells(row: &Row) -> [String; 10] {
    let way = match (row.provider, row.route) {
        (Provider::Practice, _) => "on this computer",
        (_, Route::Direct) => "direct",
        (_, Route::Gateway) => "gateway",
        (_, Route::Endpoint) => "own server",
    };
    let manner = match row.manner {
        Manner::Ptt => "hold to talk",
        Manner::Open => "open microphone",
        Manner::Typed => "typed",
    };
    let Connections { turns, reused, warm } = row.connections;
    let step = |spread: Option<Spread>| {
        spread.map_or_else(|| "-".to_owned(), |spread| format!("{} / {}", spread.p50, spread.p95))
    };
    [
        row.model.clone(),
        way.to_owned(),
        manner.to_owned(),
        row.turns.to_string(),
        share(reused, turns),
        share(warm, turns - reused),
        step(row.turn_end_ms),
        step(row.request_ms),
        step(row.first_delta_ms),
        step(row.first_sound_ms),
    ]
}

/// Rounded down: a goal is reached when it is.
fn share(part: u32, whole: u32) -> String {
    (u64::from(part) * 100).checked_div(whole.into()).map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned_and_says_what_was_measured() {
        let spread = |p50, p95| Some(Spread { p50, p95 });
        let practice = Row {
            provider: Provider::Practice,
            model: "practice".into(),
            route: Route::Direct,
            manner: Manner::Ptt,
            turns: 12,
            connections: Connections { turns: 12, reused: 11, warm: 1 },
            turn_end_ms: spread(210, 400),
            request_ms: spread(211, 402),
            first_delta_ms: spread(300, 500),
            first_sound_ms: spread(340, 560),
        };
        let typed = Row {
            provider: Provider::Openai,
            model: "gpt-realtime-2.1".into(),
            route: Route::Gateway,
            manner: Manner::Typed,
            turns: 3,
            connections: Connections::default(),
            turn_end_ms: None,
            first_sound_ms: None,
            ..practice
        };
        let plain = [
            "who answers       way               question      turns  in use  ahead  end of turn  request    first piece  first sound",
            "practice          on this computer  hold to talk  12     91 %    100 %  210 / 400    211 / 402  300 / 500    340 / 560",
            "gpt-realtime-2.1  gateway           typed         3      -       -      -            211 / 402  300 / 500    -",
            "Each from your last voiced sample, or the typed message: p50 / p95 in ms.",
            "In use: the connection was open already. Ahead: of the other times, it was opened before the turn.",
        ];
        assert_eq!(table(&[practice, typed]), plain.join("\n"));
    }
}
