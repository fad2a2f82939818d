//! From the start of the program to the first picture of its page on the screen, seen in the X server's own memory.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tests::{Stage, program};

use crate::table::Samples;

const LIMIT: Duration = Duration::from_secs(10);
/// Rows of the screen that are looked at.
const ROWS: usize = 40;

/// An X server without a monitor, whose picture lies in a file.
pub(crate) struct Screen {
    server: Child,
    name: String,
    memory: PathBuf,
}

impl Screen {
    pub(crate) fn open(stage: &Stage) -> Self {
        let memory = stage.path("screen");
        fs::create_dir(&memory).expect("a folder");
        let mut command = stage.command("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-fbdir"]).arg(&memory);
        let mut server = command.stdout(Stdio::piped()).spawn().expect("Xvfb");
        let mut number = String::new();
        let output = server.stdout.take().expect("standard output of Xvfb");
        BufReader::new(output).read_line(&mut number).expect("the display");
        Self { server, name: format!(":{}", number.trim()), memory: memory.join("Xvfb_screen0") }
    }

    /// Value for `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(crate) fn first_paints(rounds: usize) -> Samples {
    eprintln!("bench: start to first paint");
    // The first one warms the file cache.
    Samples::of((0..=rounds).map(|_| first_paint()).skip(1))
}

fn first_paint() -> Option<f64> {
    let stage = Stage::new();
    let screen = Screen::open(&stage);
    let mut command = stage.command(program());
    let start = Instant::now();
    let mut app = command.env("DISPLAY", screen.name()).spawn().expect("the program");
    let painted = until_painted(&screen.memory, start);
    let _ = app.kill();
    let _ = app.wait();
    painted.map(|time| time.as_secs_f64() * 1000.0)
}

fn until_painted(memory: &Path, start: Instant) -> Option<Duration> {
    let screen = fs::File::open(memory).expect("the screen's memory");
    while start.elapsed() < LIMIT {
        if is_painted(&screen) {
            return Some(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    None
}

/// A window with its plain background is not yet a page: text and controls have other colours than the two commonest
/// (the empty screen and the background).
fn is_painted(screen: &fs::File) -> bool {
    const WIDTH: usize = 1280;
    let mut counts = std::collections::BTreeMap::<[u8; 3], usize>::new();
    let mut row = [0u8; WIDTH * 4];
    for index in 0..ROWS {
        // Behind the header of the file, whose length does not matter: rows are sampled, not located.
        let offset = (4096 + index * 800 / ROWS * WIDTH * 4) as u64;
        if screen.read_exact_at(&mut row, offset).is_err() {
            continue;
        }
        for pixel in row.chunks_exact(4) {
            *counts.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
    }
    let mut sizes: Vec<usize> = counts.into_values().collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.iter().skip(2).sum::<usize>() > WIDTH * ROWS / 200
}
