//! What a frame costs.

use super::call::{Script, run};
use super::canceller::answer;
use super::room::Room;
use super::speech::{USERS, clip};
use super::table::{Table, percentile};

#[test]
fn every_frame_of_a_call_is_timed() {
    let mut table = Table::new(
        "a-cost",
        "Time per frame",
        "The whole front end (canceller, echo presence, voice, guard) for 10 ms of a call, on the machine that made this
         table. Nothing is asserted here: a clock on the wall tells as much about the machine's other work.",
        &["frames", "p50", "p99", "longest"],
    );
    let voice = vec![(300, clip(USERS[0], 1.0, -26.0))];
    let answers = vec![(20, answer(0, -20.0)), (1_300, answer(1, -20.0))];
    let trace = run(&Script { room: Room::QUIET, answers, voice, ..Script::default() });
    let mut micros = trace.micros;
    let count = micros.len();
    assert!(count > 2_000);
    let cells = [0.5, 0.99, 1.0].map(|share| format!("{:.0} µs", percentile(&mut micros, share)));
    let mut row = vec![count.to_string()];
    row.extend(cells);
    table.row(&row);
}
