//! An X server of one's own, without a monitor.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::Stage;
use crate::daemon::Daemon;

/// A running X server.
#[derive(Debug)]
pub(crate) struct Display {
    /// Value for `DISPLAY`.
    pub(crate) name: String,
    _daemon: Daemon,
}

impl Display {
    /// Starts it on a display number that is free; it tells the number once it is ready.
    pub(crate) fn start(stage: &Stage, size: &str) -> Self {
        let mut command = stage.command("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", &format!("{size}x24"), "-nolisten", "tcp"]);
        let mut daemon = Daemon::start(command.stdout(Stdio::piped()), "xvfb");
        let output = daemon.child.stdout.take().expect("standard output of Xvfb");
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number).expect("Xvfb tells its display");
        assert!(!number.trim().is_empty(), "Xvfb did not start");
        Self { name: format!(":{}", number.trim()), _daemon: daemon }
    }
}
