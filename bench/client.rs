//! The programs that are measured. Each has a stage, a sound card and a server of its own, so that none hears another.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use tests::{Running, Stage, Window, project};

use crate::screen::Screen;
use crate::server::Server;
use crate::usage;

/// A program in an interpreter may take half a minute to start.
const START: Duration = Duration::from_secs(60);
/// ALSA for programs that know nothing else: its default device is the sound card of the stage. The stage itself has an
/// empty configuration, on which PortAudio aborts.
const ALSA: &str = "pcm.!default { type pulse }\nctl.!default { type pulse }\n";

/// A program in a call: its microphone streams to the server.
pub(crate) struct Client {
    program: Program,
    pub(crate) server: Server,
    /// The last field: what runs on it ends before it.
    pub(crate) stage: Stage,
}

enum Program {
    CommandLine(Running),
    Window(Window),
    Peer { child: Child, _screen: Screen },
}

impl Client {
    pub(crate) async fn command_line() -> Result<Self, String> {
        let (server, stage) = (Server::start().await, Stage::new().with_sound_card());
        let url = server.url();
        let program = Program::CommandLine(stage.start(&["call", "--endpoint", &url, "--mode", "open", "--json"]));
        Self { program, server, stage }.connected().await
    }

    pub(crate) async fn window() -> Result<Self, String> {
        let server = Server::start().await;
        let settings = format!(
            "[call]\nprovider = 'openai'\nroute = 'endpoint'\nmode = 'open'\n[endpoint]\nbase_url = '{}'",
            server.url()
        );
        let stage = Stage::new().with_sound_card().with_settings(&settings);
        let window = Window::open(&stage).await;
        window.click("button", "Start call").await;
        Self { program: Program::Window(window), server, stage }.connected().await
    }

    /// Any other program, started by the shell in the root of the project.
    pub(crate) async fn peer(command: &str) -> Result<Self, String> {
        let (server, stage) = (Server::start().await, Stage::new().with_sound_card());
        let screen = Screen::open(&stage);
        fs::write(stage.path("asound.conf"), ALSA).expect("the configuration of ALSA is written");
        let mut shell = stage.command("sh");
        shell.envs(std::env::vars().filter(|(variable, _)| variable.starts_with("BENCH_")));
        shell.env("BENCH_SERVER", server.address()).env("DISPLAY", screen.name());
        shell.env("ALSA_CONFIG_PATH", stage.path("asound.conf")).current_dir(project());
        let errors = fs::File::create(stage.path("errors")).expect("a file for errors");
        let child = shell.args(["-c", &format!("exec {command}")]).stderr(errors).spawn().expect("a shell");
        Self { program: Program::Peer { child, _screen: screen }, server, stage }.connected().await
    }

    /// All processes of the program, and none that only serve to watch it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match &self.program {
            Program::CommandLine(running) => vec![running.id()],
            Program::Peer { child, .. } => usage::family(child.id()),
            Program::Window(_) => {
                // By the program's name alone: paths of the stage are in the arguments of its servers too.
                let names = ["sidetone", "WebKitWebProcess", "WebKitNetworkProcess"];
                let is_ours = |line: &str| {
                    let program = line.split(' ').next().unwrap_or_default();
                    names.iter().any(|name| Path::new(program).ends_with(name))
                };
                let all = self.stage.processes().into_iter();
                all.filter(|(_, line)| is_ours(line)).map(|(id, _)| id).collect()
            }
        }
    }

    pub(crate) async fn end(self) {
        match self.program {
            Program::CommandLine(running) => {
                running.interrupt();
                let outcome = running.finish().await;
                assert_eq!(outcome.code, Some(0), "the call did not end well: {outcome:?}");
            }
            Program::Window(window) => window.close().await,
            Program::Peer { mut child, .. } => end(&mut child),
        }
    }

    /// Waits for the session to be configured; without it, says why not.
    async fn connected(mut self) -> Result<Self, String> {
        let limit = Instant::now() + START;
        while !self.server.is_connected() {
            if let Program::Peer { child, .. } = &mut self.program {
                let status = child.try_wait().expect("the state of the program");
                if status.is_some() || Instant::now() > limit {
                    end(child);
                    let errors = fs::read_to_string(self.stage.path("errors")).unwrap_or_default();
                    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
                    let how = match status {
                        Some(status) => {
                            status.signal().map_or("it ended".into(), |it| format!("it died of signal {it}"))
                        }
                        None => format!("it did not connect within {} s", START.as_secs()),
                    };
                    return Err(last.map_or(how, |line| line.trim().to_owned()));
                }
            }
            assert!(Instant::now() < limit, "the client did not configure its session within a minute");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(self)
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
