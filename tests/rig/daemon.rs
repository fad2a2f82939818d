//! Child processes that end with the value that holds them.

use std::process::{Child, Command, Stdio};

/// A background process; killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) child: Child,
}

impl Daemon {
    /// Starts it without input; its standard output and error are thrown away unless `command` says otherwise.
    pub(crate) fn start(command: &mut Command, package: &str) -> Self {
        Self { child: spawn(command, package) }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Spawns, or says which Debian package is missing.
pub(crate) fn spawn(command: &mut Command, package: &str) -> Child {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("cannot start {program}: {error}; install {package} (`make test` does it)"),
    }
}

/// Runs to the end; gives standard output if it ended well.
pub(crate) fn output(command: &mut Command, package: &str) -> Option<String> {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()), package);
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
