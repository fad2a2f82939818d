//! The folder, environment and session bus that one test has for itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::daemon::{Daemon, output};
use crate::keyring::Keychain;
use crate::{SoundCard, keyring, until_blocking};

/// A place of its own for the program under test. Without more words it has no sound card and no keychain, and the
/// first-run steps count as done.
#[derive(Debug)]
pub struct Stage {
    env: BTreeMap<String, String>,
    card: Option<SoundCard>,
    daemons: Vec<Daemon>,
    settings: toml::Table,
    root: TempDir,
}

impl Stage {
    /// Makes the folders and starts a session bus on which nothing answers.
    pub fn new() -> Self {
        let root = TempDir::with_prefix("sidetone-test-").expect("a temporary folder");
        let path = |name: &str| root.path().join(name).to_string_lossy().into_owned();
        let mut env = BTreeMap::from(
            [
                ("HOME", path("home")),
                ("XDG_CONFIG_HOME", path("config")),
                ("XDG_DATA_HOME", path("data")),
                ("XDG_CACHE_HOME", path("cache")),
                ("XDG_STATE_HOME", path("state")),
                ("XDG_RUNTIME_DIR", path("run")),
                ("TMPDIR", path("tmp")),
                ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", path("run/bus"))),
                // No sound: the server's socket is missing and ALSA knows no device, whatever this machine has.
                ("PULSE_SERVER", format!("unix:{}", path("run/pulse/native"))),
                ("ALSA_CONFIG_PATH", "/dev/null".into()),
                ("LANG", "C.UTF-8".into()),
                ("RUST_BACKTRACE", "1".into()),
                // Accessibility and sandbox daemons of the desktop stay out of the test.
                ("NO_AT_BRIDGE", "1".into()),
                ("GTK_A11Y", "none".into()),
                ("GDK_BACKEND", "x11".into()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        env.insert("PATH".into(), std::env::var("PATH").unwrap_or_default());
        for name in ["home", "config", "data", "cache", "state", "run", "run/pulse", "tmp"] {
            private_folder(&root.path().join(name));
        }
        let settings = "[first_run]\nis_done = true".parse().expect("TOML");
        let mut stage = Self { env, card: None, daemons: Vec::new(), settings, root };
        stage.start_bus();
        stage.write_settings();
        stage
    }

    /// With a microphone and a speaker.
    #[must_use]
    pub fn with_sound_card(mut self) -> Self {
        self.card = Some(SoundCard::start(&self));
        self
    }

    /// With a keychain in this condition.
    #[must_use]
    pub fn with_keychain(mut self, keychain: Keychain) -> Self {
        let daemons = keyring::start(&self, keychain);
        self.daemons.extend(daemons);
        self
    }

    /// With these settings beside the defaults; TOML, later ones win.
    #[must_use]
    pub fn with_settings(mut self, settings: &str) -> Self {
        merge(&mut self.settings, settings.parse().expect("settings are TOML"));
        self.write_settings();
        self
    }

    /// With one more environment variable for every program started here.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The sound card.
    ///
    /// # Panics
    /// The stage was made without one.
    pub fn card(&self) -> &SoundCard {
        self.card.as_ref().expect("Stage::with_sound_card was not called")
    }

    /// The sound card, to break it.
    pub fn card_mut(&mut self) -> &mut SoundCard {
        self.card.as_mut().expect("Stage::with_sound_card was not called")
    }

    /// A file or folder of this stage.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Where the program keeps its settings.
    pub fn settings_file(&self) -> PathBuf {
        self.path("config/sidetone/settings.toml")
    }

    /// A command that sees this stage and nothing of the machine's own session.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.env).current_dir(self.root.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Every file the program has written, with its content as text.
    pub fn files(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for folder in ["home", "config/sidetone", "data/sidetone", "cache", "state"] {
            collect(&self.path(folder), &mut found);
        }
        found
    }

    /// Everything in the log files.
    pub fn log(&self) -> String {
        let mut found = Vec::new();
        collect(&self.path("state/sidetone"), &mut found);
        found.into_iter().map(|(_, text)| text).collect()
    }

    /// Processes that run in this stage: (id, command line).
    pub fn processes(&self) -> Vec<(u32, String)> {
        let mark = format!("HOME={}", self.env["HOME"]);
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter_map(|id| {
            let environ = fs::read(format!("/proc/{id}/environ")).ok()?;
            let is_ours = environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes());
            let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
            is_ours.then(|| (id, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
    }

    fn start_bus(&mut self) {
        // No service folders: nothing is started by being asked for, so a keychain exists only where a test wants one.
        let config = self.path("run/bus.conf");
        let text = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>\
             <listen>{}</listen><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n",
            self.env["DBUS_SESSION_BUS_ADDRESS"]
        );
        fs::write(&config, text).expect("the bus configuration is written");
        let mut command = self.command("dbus-daemon");
        command.arg("--config-file").arg(&config).args(["--nofork", "--nopidfile"]);
        self.daemons.push(Daemon::start(&mut command, "dbus"));
        until_blocking("the session bus", || self.has_bus_name("org.freedesktop.DBus").then_some(()));
    }

    /// Whether somebody owns this name on the session bus.
    pub(crate) fn has_bus_name(&self, name: &str) -> bool {
        let mut command = self.command("dbus-send");
        command.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]);
        command.arg("org.freedesktop.DBus.NameHasOwner").arg(format!("string:{name}"));
        output(&mut command, "dbus").is_some_and(|reply| reply.contains("boolean true"))
    }

    fn write_settings(&self) {
        let file = self.settings_file();
        private_folder(file.parent().expect("a folder"));
        fs::write(file, self.settings.to_string()).expect("settings are written");
    }

    fn check_log(&self) {
        let log = self.log();
        for line in log.lines() {
            assert!(!line.contains(" ERROR "), "the program logged an error: {line}");
            assert!(!line.contains("sk-"), "something like a key is in the log: {line}");
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.card = None;
        // The newest first, so that nobody loses the bus under its feet; then whatever they had started themselves.
        while self.daemons.pop().is_some() {}
        for (id, _) in self.processes() {
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
        }
        if !std::thread::panicking() {
            self.check_log();
        }
    }
}

/// The program under test: built by `cargo build` beside this test, or named by `SIDETONE_PROGRAM`.
///
/// # Panics
/// It was not built.
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("SIDETONE_PROGRAM") {
        return named.into();
    }
    let this = std::env::current_exe().expect("the path of this test");
    let built = this.ancestors().skip(1).take(2).map(|folder| folder.join("sidetone")).find(|path| path.is_file());
    built.unwrap_or_else(|| panic!("no sidetone beside {}: run `cargo build -p sidetone` first", this.display()))
}

/// The root of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is in the project")
}

fn private_folder(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path).expect("a folder of the stage");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("permissions of a folder of the stage");
}

fn collect(path: &Path, found: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), found);
        }
    } else if path.is_file()
        && let Ok(content) = fs::read(path)
    {
        found.push((path.to_owned(), String::from_utf8_lossy(&content).into_owned()));
    }
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}
