//! A real Secret Service in three conditions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::daemon::{Daemon, output};
use crate::{Stage, until_blocking};

/// Condition of the keychain. (None at all: a stage without [`Stage::with_keychain`].)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keychain {
    /// Open for use.
    Unlocked,
    /// It holds a keyring that nobody can unlock here.
    Locked,
}

const NAME: &str = "org.freedesktop.secrets";

pub(crate) fn start(stage: &Stage, keychain: Keychain) -> Vec<Daemon> {
    let unlocked = unlocked(stage);
    match keychain {
        Keychain::Unlocked => vec![unlocked],
        Keychain::Locked => {
            // The first run has made the keyring and its password; the second one is never told it.
            drop(unlocked);
            until_blocking("the end of the first keyring", || (!stage.has_bus_name(NAME)).then_some(()));
            let again = Daemon::start(daemon(stage).arg("--start").arg("--foreground"), "gnome-keyring");
            until_blocking("the locked keyring", || stage.has_bus_name(NAME).then_some(()));
            vec![again]
        }
    }
}

fn unlocked(stage: &Stage) -> Daemon {
    let mut running =
        Daemon::start(daemon(stage).args(["--unlock", "--foreground"]).stdin(Stdio::piped()), "gnome-keyring");
    let mut input = running.child.stdin.take().expect("standard input of the keyring");
    input.write_all(b"a password of this test").expect("the keyring takes its password");
    drop(input);
    until_blocking("the keyring", || stage.has_bus_name(NAME).then_some(()));
    running
}

fn daemon(stage: &Stage) -> Command {
    let mut command = stage.command("gnome-keyring-daemon");
    command.arg("--components=secrets").arg("--control-directory").arg(stage.path("run/keyring"));
    command
}

impl Stage {
    /// What another program of the user finds in the keychain under these attributes.
    pub fn secret(&self, attributes: &[(&str, &str)]) -> Option<String> {
        let mut command = self.command("secret-tool");
        command.arg("lookup");
        for (name, value) in attributes {
            command.args([name, value]);
        }
        output(&mut command, "libsecret-tools")
    }

    /// Puts a secret into the keychain as another program would; whether it was taken.
    pub fn keep_secret(&self, secret: &str, attributes: &[(&str, &str)]) -> bool {
        let mut command = self.command("secret-tool");
        command.args(["store", "--label=test"]).stdin(Stdio::piped());
        for (name, value) in attributes {
            command.args([name, value]);
        }
        let mut running = Daemon::start(&mut command, "libsecret-tools");
        let mut input = running.child.stdin.take().expect("standard input of secret-tool");
        let _ = input.write_all(secret.as_bytes());
        drop(input);
        running.child.wait().is_ok_and(|status| status.success())
    }
}
