//! A sound card without hardware: what is said goes into its microphone, what it plays can be recorded.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, output, spawn};
use crate::{LIMIT, Sound, Stage, until, until_blocking};

/// The program sees the microphone `vmic` and the speaker `vspk`, at 48 kHz, both the default.
const DEVICES: &str = "\
load-module module-native-protocol-unix
load-module module-null-sink sink_name=vspk rate=48000 channels=2 format=s16le norewinds=1 sink_properties=device.description=TestSpeaker
load-module module-null-sink sink_name=vmic_sink rate=48000 channels=1 format=s16le norewinds=1 sink_properties=device.description=TestFeed
load-module module-remap-source source_name=vmic master=vmic_sink.monitor channels=1 source_properties=device.description=TestMicrophone
set-default-sink vspk
set-default-source vmic
";

/// A private sound server with one microphone and one speaker.
#[derive(Debug)]
pub struct SoundCard {
    server: Option<Daemon>,
    script: PathBuf,
    env: Vec<(String, String)>,
}

impl SoundCard {
    pub(crate) fn start(stage: &Stage) -> Self {
        let script = stage.path("run/pulse/devices.pa");
        fs::write(&script, DEVICES).expect("the description of the card is written");
        let pairs = stage.command("true");
        let mut env: Vec<(String, String)> = pairs
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
            .collect();
        env.push(("PULSE_RUNTIME_PATH".into(), stage.path("run/pulse").to_string_lossy().into_owned()));
        env.push(("PULSE_STATE_PATH".into(), stage.path("run/pulse").to_string_lossy().into_owned()));
        let mut card = Self { server: None, script, env };
        card.restart();
        card
    }

    /// Starts the server (again) and waits until it answers.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = self.tool("pulseaudio");
        command.arg("-n").arg("-F").arg(&self.script);
        command.args(["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"]);
        command.args(["--high-priority=no", "--disable-shm=yes", "--resample-method=speex-float-3"]);
        let mut server = Daemon::start(&mut command, "pulseaudio");
        until_blocking("the sound server", || {
            assert!(server.is_running(), "the sound server ended at once");
            self.pactl(&["get-default-source"]).filter(|name| name.trim() == "vmic").map(drop)
        });
        self.server = Some(server);
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Speaks into the microphone. Returns when the last sample was spoken.
    pub async fn say(&self, sound: &Sound) {
        self.start_saying(sound).finish().await;
    }

    /// Begins to speak into the microphone.
    pub fn start_saying(&self, sound: &Sound) -> Speech {
        self.start_playing("vmic_sink", sound)
    }

    /// Plays on the speaker, as another program would. Returns when the last sample was played.
    pub async fn play_on_speaker(&self, sound: &Sound) {
        self.start_playing("vspk", sound).finish().await;
    }

    fn start_playing(&self, device: &str, sound: &Sound) -> Speech {
        let mut command = self.tool("pacat");
        // A long buffer: a busy machine must not tear holes into the words.
        command.args(["--playback", "--raw", "--latency-msec=500", "--format=s16le", "--channels=1"]);
        command.args([format!("--device={device}"), format!("--rate={}", sound.rate)]).stdin(Stdio::piped());
        let mut child = spawn(&mut command, "pulseaudio-utils");
        let bytes = sound.bytes();
        let mut input = child.stdin.take().expect("standard input of pacat");
        // pacat reads as it plays and ends when it has played all.
        std::thread::spawn(move || {
            let _ = input.write_all(&bytes);
        });
        Speech(Daemon { child })
    }

    /// Records what the speaker plays, from now on, 48 kHz mono.
    pub async fn record(&self) -> Recording {
        self.record_from("vspk.monitor").await
    }

    /// Records what the microphone hears, from now on, 48 kHz mono.
    pub async fn record_microphone(&self) -> Recording {
        self.record_from("vmic").await
    }

    async fn record_from(&self, device: &str) -> Recording {
        let mut command = self.tool("parec");
        command.args(["--raw", "--latency-msec=10", "--format=s16le", "--rate=48000", "--channels=1"]);
        let child = spawn(command.arg(format!("--device={device}")).stdout(Stdio::piped()), "pulseaudio-utils");
        let recording = Recording::new(child);
        until("the recording to run", async || (!recording.so_far().samples.is_empty()).then_some(())).await;
        recording
    }

    /// Puts the speaker beside the microphone: it hears what is played `ms` later, by `level` dB.
    pub fn echo(&self, ms: u32, level: f64) {
        let latency = format!("latency_msec={ms}");
        let module = self.load(&["module-loopback", "source=vspk.monitor", "sink=vmic_sink", &latency]);
        let inputs = self.pactl(&["list", "short", "sink-inputs"]).expect("the sound server answers");
        // Without a client: the server's own.
        let input =
            inputs.lines().map(|line| line.split('\t').collect::<Vec<_>>()).find(|line| line.get(2) == Some(&"-"));
        let input = input.and_then(|line| line.first().copied()).expect("the way from speaker to microphone");
        let volume = format!("{level}dB");
        assert!(self.pactl(&["set-sink-input-volume", input, &volume]).is_some(), "module {module} takes no volume");
    }

    /// Loads a module of the sound server and gives its number.
    pub fn load(&self, module: &[&str]) -> String {
        let arguments: Vec<&str> = ["load-module"].iter().chain(module).copied().collect();
        let number = self.pactl(&arguments).unwrap_or_else(|| panic!("the sound server refuses {module:?}"));
        number.trim().to_owned()
    }

    /// Unloads a module by its number: the devices it made are unplugged.
    pub fn unload(&self, number: &str) {
        assert!(self.pactl(&["unload-module", number]).is_some(), "module {number} cannot be unloaded");
    }

    /// Sets the default microphone.
    pub fn set_default_microphone(&self, name: &str) {
        assert!(self.pactl(&["set-default-source", name]).is_some(), "no microphone {name}");
    }

    /// How many programs have a microphone open now. (Recordings of the speaker do not count.)
    pub fn listeners(&self) -> usize {
        let sources = self.pactl(&["list", "short", "sources"]).expect("the sound server answers");
        let speaker =
            sources.lines().find(|line| line.contains("vspk.monitor")).and_then(|line| line.split('\t').next());
        let open = self.pactl(&["list", "short", "source-outputs"]).expect("the sound server answers");
        let columns = open.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        // Without a client: one of the server's own modules, the feed of the microphone.
        columns.filter(|columns| columns.get(1).copied() != speaker && columns.get(2) != Some(&"-")).count()
    }

    fn pactl(&self, arguments: &[&str]) -> Option<String> {
        output(self.tool("pactl").args(arguments), "pulseaudio-utils")
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Words on their way into the microphone; dropped, they break off.
#[derive(Debug)]
pub struct Speech(Daemon);

impl Speech {
    /// Waits for the last word.
    pub async fn finish(mut self) {
        until("the end of the speech", async || (!self.0.is_running()).then_some(())).await;
    }
}

/// What the speaker plays.
#[derive(Debug)]
pub struct Recording {
    samples: Arc<Mutex<Vec<i16>>>,
    _daemon: Daemon,
}

impl Recording {
    fn new(mut child: Child) -> Self {
        let mut output = child.stdout.take().expect("standard output of parec");
        let samples = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&samples);
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                rest.extend_from_slice(&piece[..count]);
                let whole = rest.len() / 2 * 2;
                let heard = rest[..whole].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                sink.lock().expect("the recording").extend(heard);
                rest.drain(..whole);
            }
        });
        Self { samples, _daemon: Daemon { child } }
    }

    /// What was heard so far.
    pub fn so_far(&self) -> Sound {
        Sound { samples: self.samples.lock().expect("the recording").clone(), rate: 48_000 }
    }

    /// Waits until `sound` was heard; gives where it began, in seconds.
    ///
    /// # Panics
    /// It was not heard; the recording is kept for a person to listen to.
    pub async fn until_heard(&self, sound: &Sound) -> f64 {
        let start = Instant::now();
        loop {
            let heard = self.so_far();
            let (at, share) = heard.find(sound).unwrap_or_default();
            if share >= 0.6 {
                return at;
            }
            if start.elapsed() > LIMIT {
                let file = std::env::temp_dir().join(format!("sidetone-not-heard-{}.wav", std::process::id()));
                heard.write(&file);
                panic!("not heard (only {share:.2} of it, at {at:.2} s); the recording is {}", file.display());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What was heard in the last `ms` milliseconds.
    pub fn latest(&self, ms: usize) -> Sound {
        let samples = self.samples.lock().expect("the recording");
        let from = samples.len().saturating_sub(48 * ms);
        Sound { samples: samples[from..].to_vec(), rate: 48_000 }
    }
}
