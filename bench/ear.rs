//! An ear: reads a source in small pieces and notes when markers begin, when it was last loud, and gaps in a tone.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tests::Stage;

const RATE: usize = 48_000;
const LOUD: u16 = 6_000;
/// A tone whose samples stay below this for [`GAP`] has a gap.
const FAINT: u16 = 200;
const GAP: usize = RATE * 3 / 1000;
/// A gap longer than this is the end of the tone.
const END: usize = RATE;

#[derive(Debug)]
pub(crate) struct Ear {
    child: Child,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    markers: Vec<Instant>,
    last_loud: Option<Instant>,
    gaps: u32,
    /// Samples since the last loud and the last audible one.
    quiet: usize,
    faint: usize,
}

impl Ear {
    pub(crate) fn open(stage: &Stage, source: &str) -> Self {
        let mut command = stage.command("parec");
        command.args(["--raw", "--latency-msec=5", "--rate=48000", "--channels=1", "--format=s16le", "-d", source]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("parec");
        let mut pipe = child.stdout.take().expect("standard output of parec");
        let heard = Arc::new(Mutex::new(Heard { quiet: RATE, faint: END, ..Heard::default() }));
        let sink = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let now = Instant::now();
                let samples = bytes[..count].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                sink.lock().expect("the ear").take(samples, count / 2, now);
            }
        });
        Self { child, heard }
    }

    /// When the first marker after `since` began to be heard.
    pub(crate) fn marker_after(&self, since: Instant, limit: Duration) -> Option<Instant> {
        while since.elapsed() < limit {
            let heard = self.heard.lock().expect("the ear");
            if let Some(at) = heard.markers.iter().find(|at| **at > since) {
                return Some(*at);
            }
            drop(heard);
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    pub(crate) fn last_loud(&self) -> Option<Instant> {
        self.heard.lock().expect("the ear").last_loud
    }

    pub(crate) fn gaps(&self) -> u32 {
        self.heard.lock().expect("the ear").gaps
    }

    pub(crate) fn forget_gaps(&self) {
        self.heard.lock().expect("the ear").gaps = 0;
    }
}

impl Heard {
    fn take(&mut self, samples: impl Iterator<Item = i16>, count: usize, now: Instant) {
        for (index, sample) in samples.enumerate() {
            let size = sample.unsigned_abs();
            if size > FAINT {
                if (GAP..END).contains(&self.faint) {
                    self.gaps += 1;
                }
                self.faint = 0;
            } else {
                self.faint += 1;
            }
            if size > LOUD {
                if self.quiet > RATE / 4 {
                    self.markers.push(now);
                }
                self.quiet = 0;
                self.last_loud = now.checked_sub(Duration::from_secs_f64((count - index) as f64 / RATE as f64));
            } else {
                self.quiet += 1;
            }
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
