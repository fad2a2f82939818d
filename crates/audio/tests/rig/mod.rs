//! A private PulseAudio with virtual devices, one per test.
//!
//! The sound server is found through the environment, which belongs to a whole process: so each test runs itself again
//! in a process of its own, and only there starts its server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use audio::{Captured, Card, Choice, Config, DeviceId, Duplex, Error, Notice};

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
const MARK: &str = "SIDETONE_AUDIO_RIG";

/// A microphone `vmic` that hears what is played into `vmic_sink`, and a speaker `vspk`; both default.
pub(crate) const DEVICES: &str = "
load-module module-null-sink sink_name=vspk rate=48000 channels=2 format=s16le norewinds=1 sink_properties=device.description=Speaker
load-module module-null-sink sink_name=vmic_sink rate=48000 channels=1 format=s16le norewinds=1 sink_properties=device.description=Feed
load-module module-remap-source source_name=vmic master=vmic_sink.monitor channels=1 source_properties=device.description=Microphone
set-default-sink vspk
set-default-source vmic
";

/// Runs `body` in a process of its own, with a server that has `devices`. `name` is the test's own name.
pub(crate) fn with_server(name: &str, devices: &str, body: impl FnOnce(Rig)) {
    if let Some(folder) = env::var_os(MARK) {
        let mut rig = Rig { folder: folder.into(), devices: devices.into(), server: None };
        rig.start();
        return body(rig);
    }
    // One server at a time, also among test processes: real time does not stretch.
    let turn = fs::File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("sound-server.lock")).unwrap();
    turn.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("native").display());
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARK, folder.path())
        .env("PULSE_SERVER", socket)
        .env("PULSE_COOKIE", folder.path().join("cookie"))
        .env("PULSE_RUNTIME_PATH", folder.path())
        .env("PULSE_STATE_PATH", folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{name} failed in its own process:\n{text}");
}

pub(crate) struct Rig {
    folder: PathBuf,
    devices: String,
    server: Option<Child>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Rig {
    /// Starts the server and waits until it answers.
    pub(crate) fn start(&mut self) {
        let script = self.folder.join("server.pa");
        let socket = self.folder.join("native");
        let native = format!("load-module module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        fs::write(&script, format!("{native}\n{}", self.devices)).unwrap();
        let server = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"])
            .args(["--high-priority=no", "--disallow-exit=no", "--log-level=error"])
            .arg("-F")
            .arg(&script)
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need the program `pulseaudio`");
        self.server = Some(server);
        wait_until("the sound server answers", || pactl(&["info"]).is_some());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `pactl`; its output, or `None` when it failed.
pub(crate) fn pactl(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("pactl").args(arguments).stderr(Stdio::null()).output().expect("these tests need `pactl`");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Unloads the module that made a device.
pub(crate) fn unplug(device: &str) {
    let modules = pactl(&["list", "short", "modules"]).unwrap();
    let line = modules.lines().find(|line| line.split(['=', ' ', '\t']).any(|word| word == device)).unwrap();
    pactl(&["unload-module", line.split('\t').next().unwrap()]).unwrap();
}

/// A duplex with everything it says.
pub(crate) struct Call {
    pub(crate) duplex: Duplex,
    pub(crate) captured: Receiver<Captured>,
    pub(crate) notices: Receiver<Notice>,
}

pub(crate) fn device(name: &str) -> Choice {
    Choice::Device(DeviceId(format!("pulseaudio:{name}")))
}

pub(crate) fn open(input: Choice, output: Choice) -> Result<Call, Error> {
    let (sink, captured) = sync_channel(100_000);
    let (bell, notices) = sync_channel(100_000);
    let config = Config {
        card: Card::System { input, output },
        wire_rate: 24_000,
        pre_roll: Duration::from_millis(500),
        tail: Duration::from_millis(150),
    };
    let duplex = Duplex::open(config, move |frame| drop(sink.send(frame)), move |notice| drop(bell.send(notice)))?;
    Ok(Call { duplex, captured, notices })
}

impl Call {
    /// The next notice that is not about an item.
    pub(crate) fn notice(&self) -> Notice {
        self.notices.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits for a notice and returns those before it.
    pub(crate) fn wait_for(&self, what: &str, is_it: impl Fn(&Notice) -> bool) -> Vec<Notice> {
        let mut before = Vec::new();
        loop {
            match self.notices.recv_timeout(PATIENCE) {
                Ok(notice) if is_it(&notice) => return before,
                Ok(notice) => before.push(notice),
                Err(_) => panic!("waited in vain for {what}, got {before:?}"),
            }
        }
    }

    /// Samples from the microphone until `count` are there, or it ends.
    pub(crate) fn listen(&self, count: usize) -> Vec<f32> {
        let mut samples = Vec::new();
        while samples.len() < count {
            match self.captured.recv_timeout(PATIENCE).unwrap() {
                Captured::Frame(frame) => samples.extend(frame.iter().map(|sample| f32::from(*sample) / 32_768.0)),
                Captured::Voice(_) => {}
                Captured::End | Captured::BargeIn | Captured::InputEnded => break,
            }
        }
        samples
    }
}

/// Records the speaker (48 kHz mono) until dropped or read.
pub(crate) struct Recorder {
    child: Child,
    path: PathBuf,
}

impl Recorder {
    pub(crate) fn start(rig: &Rig) -> Self {
        let path = rig.folder().join("heard.raw");
        let child = Command::new("parec")
            .args([
                "--device=vspk.monitor",
                "--latency-msec=10",
                "--raw",
                "--channels=1",
                "--rate=48000",
                "--format=s16le",
            ])
            .stdout(fs::File::create(&path).unwrap())
            .spawn()
            .expect("these tests need `parec`");
        let recorder = Self { child, path };
        wait_until("the recorder runs", || !recorder.so_far().is_empty());
        recorder
    }

    pub(crate) fn so_far(&self) -> Vec<f32> {
        let bytes = fs::read(&self.path).unwrap();
        bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Says samples (24 kHz) into the microphone and waits until they are said.
pub(crate) fn say(rig: &Rig, samples: &[i16]) {
    let path = rig.folder().join("say.raw");
    fs::write(&path, samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    let status = Command::new("pacat")
        .args([
            "--playback",
            "--device=vmic_sink",
            "--latency-msec=20",
            "--raw",
            "--channels=1",
            "--rate=24000",
            "--format=s16le",
        ])
        .stdin(fs::File::open(&path).unwrap())
        .status()
        .expect("these tests need `pacat`");
    assert!(status.success());
}

/// Something like speech: low-passed noise in syllables.
pub(crate) fn babble(seconds: f64) -> Vec<i16> {
    let mut state = 1_u64;
    let mut low = 0.0_f64;
    (0..(24_000.0 * seconds) as usize)
        .map(|n| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f64 / f64::from(1 << 23) - 1.0;
            low += 0.2 * (noise - low);
            let syllable = (n as f64 * 4.0 * std::f64::consts::TAU / 24_000.0).sin().abs();
            (low * (0.2 + 0.8 * syllable) * 30_000.0) as i16
        })
        .collect()
}

pub(crate) fn tone(seconds: f64) -> Vec<i16> {
    (0..(24_000.0 * seconds) as usize)
        .map(|n| ((n as f64 * 440.0 * std::f64::consts::TAU / 24_000.0).sin() * 16_000.0) as i16)
        .collect()
}

/// Which share of `wanted`, in 20 ms pieces, is in `heard` in the right order. Pauses in between are no matter: a busy
/// machine stutters.
pub(crate) fn share_found(wanted: &[i16], heard: &[f32]) -> f64 {
    const PIECE: usize = 480;
    const REACH: usize = 12_000;
    let wanted: Vec<f32> = wanted.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut from = heard.iter().position(|sample| sample.abs() > 0.002).unwrap_or(0).saturating_sub(PIECE);
    let (mut pieces, mut found) = (0, 0);
    for piece in wanted.chunks_exact(PIECE).step_by(4) {
        pieces += 1;
        let places = heard.get(from..).unwrap_or_default().windows(PIECE).take(REACH).enumerate();
        let best = places.map(|(place, part)| (likeness(piece, part), place)).max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((likeness, place)) if likeness > 0.9 => {
                found += 1;
                from += place + PIECE;
            }
            Some(_) | None => from += PIECE,
        }
    }
    f64::from(found) / f64::from(pieces)
}

/// Correlation of two pieces, from every eighth sample.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let pairs = || a.iter().zip(b).step_by(8);
    let (ab, aa, bb) = pairs().fold((0.0, 1e-9, 1e-9), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
    ab / (aa * bb).sqrt()
}

/// 24 kHz out of 48 kHz.
pub(crate) fn halved(samples: &[f32]) -> Vec<f32> {
    samples.iter().step_by(2).copied().collect()
}

/// The samples without silence: a busy machine stutters, and the sound server then fills in zeros.
pub(crate) fn sounding(samples: &[f32]) -> Vec<f32> {
    let is_loud = |sample: &f32| sample.abs() > 0.000_1;
    samples
        .chunk_by(|a, b| is_loud(a) == is_loud(b))
        .filter(|run| is_loud(&run[0]) || run.len() < 24)
        .flatten()
        .copied()
        .collect()
}
