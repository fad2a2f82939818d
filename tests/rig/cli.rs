//! The program's command line on a stage.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::{Stage, program, until};

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl Outcome {
    /// Standard output as one JSON object a line.
    ///
    /// # Panics
    /// A line is not JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        self.output.lines().map(parse).collect()
    }
}

impl Stage {
    /// Runs the program to its end, off the runtime's threads.
    pub async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "").await
    }

    /// Runs the program to its end with this on its standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut running = self.start(arguments);
        let mut writer = running.daemon.child.stdin.take().expect("standard input of the program");
        writer.write_all(input.as_bytes()).expect("the program takes its input");
        drop(writer);
        running.finish().await
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(program());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        Running::new(child)
    }
}

/// A command that runs; dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    daemon: Daemon,
    lines: mpsc::Receiver<String>,
    errors: Option<std::thread::JoinHandle<String>>,
    seen: String,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let output = child.stdout.take().expect("standard output of the program");
        let mut stderr = child.stderr.take().expect("standard error of the program");
        let (sender, lines) = mpsc::sync_channel(100_000);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { daemon: Daemon { child }, lines, errors: Some(errors), seen: String::new() }
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.daemon.child.id()
    }

    /// Waits for a line of standard output.
    pub async fn line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        until(what, async || {
            while let Ok(line) = self.lines.try_recv() {
                self.seen.push_str(&line);
                self.seen.push('\n');
                if is_it(&line) {
                    return Some(line);
                }
            }
            None
        })
        .await
    }

    /// Interrupts it, as Ctrl+C does.
    pub fn interrupt(&self) {
        let id = self.id().to_string();
        let done = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(done.is_ok_and(|status| status.success()), "process {id} cannot be interrupted");
    }

    /// Waits for its end, at most a minute.
    pub async fn finish(mut self) -> Outcome {
        drop(self.daemon.child.stdin.take());
        let mut status = None;
        for _ in 0..3000 {
            status = self.daemon.child.try_wait().expect("the state of the program");
            if status.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let is_over = status.is_some();
        if !is_over {
            let _ = self.daemon.child.kill();
        }
        let mut output = std::mem::take(&mut self.seen);
        while let Ok(line) = self.lines.recv() {
            output.push_str(&line);
            output.push('\n');
        }
        let errors = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        assert!(is_over, "the program did not end within a minute\n{output}\n{errors}");
        Outcome { code: status.and_then(|status| status.code()), output, errors }
    }
}
