//! A mouth: says markers into a sink, in a murmur or in silence.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tests::{Sound, Stage};

const RATE: u32 = 48_000;
const PIECE: Duration = Duration::from_millis(5);
/// Who is later than this does not catch up: what is written at once would stay in front of every later sample.
const LATE: Duration = Duration::from_millis(15);

#[derive(Debug)]
pub(crate) struct Mouth {
    child: Child,
    requests: SyncSender<SyncSender<Instant>>,
}

impl Mouth {
    /// Feeds the sink in pieces of 5 ms without an end, as a microphone does. What the sound server could not take in
    /// time stays in front of all that follows, so its words are timed by a bare tool that hears them too.
    pub(crate) fn murmuring(stage: &Stage, sink: &str) -> Self {
        Self::open(stage, sink, murmur)
    }

    /// Writes a marker at once and then nothing: nothing is ever in front of it.
    pub(crate) fn silent(stage: &Stage, sink: &str) -> Self {
        Self::open(stage, sink, keep_silent)
    }

    fn open(stage: &Stage, sink: &str, speak: fn(ChildStdin, &Receiver<SyncSender<Instant>>)) -> Self {
        let mut command = stage.command("pacat");
        command.args(["--playback", "--raw", "--latency-msec=10", "--rate=48000", "--channels=1", "--format=s16le"]);
        let before = streams(stage);
        let mut child = command.args(["-d", sink]).stdin(Stdio::piped()).spawn().expect("pacat");
        // What is written before pacat takes anything would stay in front of every later sample, too.
        while streams(stage) == before {
            std::thread::sleep(PIECE);
        }
        let pipe = child.stdin.take().expect("standard input of pacat");
        let (requests, inbox) = sync_channel(1);
        std::thread::spawn(move || speak(pipe, &inbox));
        Self { child, requests }
    }

    /// Says a marker; gives the moment its first sample was due.
    pub(crate) fn say(&self) -> Instant {
        let (reply, answer) = sync_channel(1);
        self.requests.send(reply).expect("the mouth is open");
        answer.recv().expect("the mouth is open")
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many streams play now.
fn streams(stage: &Stage) -> usize {
    let mut command = stage.command("pactl");
    let output = command.args(["list", "short", "sink-inputs"]).stdout(Stdio::piped()).output().expect("pactl");
    String::from_utf8_lossy(&output.stdout).lines().count()
}

fn keep_silent(mut pipe: ChildStdin, inbox: &Receiver<SyncSender<Instant>>) {
    let marker = bytes(&Sound::chirp(120, RATE).samples);
    while let Ok(reply) = inbox.recv() {
        let _ = reply.send(Instant::now());
        if pipe.write_all(&marker).and_then(|()| pipe.flush()).is_err() {
            return;
        }
    }
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn murmur(mut pipe: ChildStdin, inbox: &Receiver<SyncSender<Instant>>) {
    let step = (RATE / 200) as usize;
    let marker = Sound::chirp(120, RATE).samples;
    let mut rest: &[i16] = &[];
    let mut noise = 1u32;
    let mut start = Instant::now();
    for count in 1u32.. {
        let lead = (noise >> 16) as usize % step;
        // A room is never quite silent, and some clients take digital silence for a fault.
        let mut hiss = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 28) as i16 - 8
        };
        let mut piece: Vec<i16> = Vec::with_capacity(step);
        if rest.is_empty()
            && let Ok(reply) = inbox.try_recv()
        {
            // Anywhere in a piece, so that markers meet the blocks of others at every phase.
            piece.resize_with(lead, &mut hiss);
            rest = &marker;
            let _ = reply.send(Instant::now() + PIECE * lead as u32 / step as u32);
        }
        let (now, later) = rest.split_at(rest.len().min(step - piece.len()));
        piece.extend(now);
        piece.resize_with(step, hiss);
        rest = later;
        if pipe.write_all(&bytes(&piece)).and_then(|()| pipe.flush()).is_err() {
            return;
        }
        let due = start + PIECE * count;
        if due.elapsed() > LATE {
            start += due.elapsed();
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
