//! Looks at everything that a call needs and says what is wrong, in plain words with advice.

mod audio;
mod gateway;
mod keys;
mod network;
mod room;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::api::{Code, Problem};
use crate::calibration::Calibrations;
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::handle::Paths;
use crate::net::{Net, NetOptions};
use crate::route::Keys;

/// For one network check or one rung.
const LIMIT: Duration = Duration::from_secs(8);

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Microphone and speaker.
    Audio,
    /// Where the keys are.
    Keys,
    /// The way to the provider.
    Network,
    /// Cloudflare AI Gateway.
    Gateway,
    /// All of it.
    All,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Good.
    Ok,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Failed,
    /// Not looked at: something it needs is missing, or it is not in use.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its section; [`Section::All`] for what concerns every section.
    pub section: Section,
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub status: Status,
    /// What was found; never a key.
    pub detail: String,
    /// What to do; empty when there is nothing to do.
    pub advice: String,
    /// What kind of problem was met, where it is known.
    pub code: Option<Code>,
}

impl Check {
    fn new(section: Section, name: &str, status: Status, detail: impl Into<String>) -> Self {
        Self { section, name: name.into(), status, detail: detail.into(), advice: String::new(), code: None }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// What was met on the way to a provider.
    fn because(self, problem: &Problem) -> Self {
        Self { code: Some(problem.code), ..self.advise(advice(problem)) }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// In the order of the sections.
    pub checks: Vec<Check>,
}

/// What the checks look at.
struct Patient {
    settings: Settings,
    credentials: Credentials,
    net: Net,
    practice_url: String,
    calibrations: Calibrations,
    /// The outbox's folder.
    outbox: PathBuf,
    is_audible: bool,
}

impl Patient {
    async fn keys(&self) -> Keys {
        use crate::api::Holder::{Endpoint, Gateway, Openai};
        Keys {
            openai: self.credentials.find(Openai).await.key,
            gateway: self.credentials.find(Gateway).await.key,
            endpoint: self.credentials.find(Endpoint).await.key,
        }
    }
}

/// Looks at a section. `practice_url` is the practice partner's base URL, empty when it does not run. Each check stands
/// alone and has a time limit; the whole takes at most some tens of seconds. No call is charged: sockets are closed as
/// soon as the session is there. Nothing is heard unless it `is_audible`: then a chirp of 3 s measures the room.
pub async fn examine(section: Section, paths: &Paths, practice_url: &str, is_audible: bool) -> Report {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = config::load(&paths.config.join("settings.toml"));
    let mut checks = Vec::new();
    if !loaded.damage.is_empty() {
        let check = Check::new(Section::All, "Settings file", Status::Warning, loaded.damage.join("; "));
        checks.push(check.advise("Look at settings.toml.bak for what was lost."));
    }
    if !loaded.unknown.is_empty() {
        let unknown = format!("without effect: {}", loaded.unknown.join(", "));
        let check = Check::new(Section::All, "Settings file", Status::Warning, unknown);
        checks.push(check.advise("Check the spelling; the README and the settings of the window tell the names."));
    }
    let net = match Net::new(NetOptions::from_environment(environment)) {
        Ok(net) => net,
        Err(problem) => {
            checks.push(Check::new(Section::All, "Secure connections", Status::Failed, problem.detail));
            return Report { checks };
        }
    };
    let patient = Patient {
        settings: config::with_environment(loaded.settings, environment),
        credentials: Credentials::start(environment),
        net,
        practice_url: practice_url.to_owned(),
        calibrations: Calibrations::load(&paths.data),
        outbox: paths.outbox(),
        is_audible,
    };
    checks.extend(look(section, &patient).await);
    Report { checks }
}

async fn look(section: Section, patient: &Patient) -> Vec<Check> {
    let mut checks = Vec::new();
    let wants = |one: Section| section == one || section == Section::All;
    if wants(Section::Audio) {
        checks.extend(audio::look(patient).await);
    }
    if wants(Section::Keys) {
        checks.extend(keys::look(patient).await);
    }
    if wants(Section::Network) {
        checks.extend(network::look(patient).await);
    }
    if wants(Section::Gateway) {
        checks.extend(gateway::look(patient).await);
    }
    checks
}

/// What to do about a problem on the way to a provider.
fn advice(problem: &Problem) -> &'static str {
    match problem.code {
        Code::NoCredential => "Add the key in the settings, or with `sidetone keys set`.",
        Code::CredentialRefused => "The key may be revoked or mistyped: add it again.",
        Code::NotPermitted => "Allow this model for the key at the provider, or choose another model.",
        Code::Quota => "Add credit at the provider.",
        Code::Budget => "Raise the budget in the settings, or wait until it begins anew.",
        Code::RateLimited => "Wait a moment and try again.",
        Code::Refused => "Check the model's name and the base URL in the settings.",
        Code::Offline => "Check the network connection and, if you use one, the proxy or firewall.",
        Code::Proxy => "Check HTTPS_PROXY or the system's proxy settings; voice needs the CONNECT method.",
        Code::Tls => "If a company network inspects connections, point SSL_CERT_FILE to its root certificate.",
        Code::ProviderTrouble => "Try again later; the provider's status page may tell more.",
        Code::GatewayMissing => "Check the account id (32 hex digits) and the gateway's name in the settings.",
        Code::GatewayRefused => {
            "Make a token with the permission \"AI Gateway Run\"; tokens that only read, and global API keys, do not do."
        }
        Code::EndpointMissing => "Set the endpoint's URL, ws://localhost:8765/v1 for example.",
        Code::InsecureRoute => "Use an https or wss URL.",
        Code::KeychainLocked => "Unlock the keychain (log in again, or open the system's password app).",
        Code::NoKeychain => {
            "Install and start a keychain service (GNOME Keyring, KWallet, KeePassXC), or use an environment variable."
        }
        Code::NoMicrophone
        | Code::MicrophoneRefused
        | Code::MicrophoneSilent
        | Code::NoSpeaker
        | Code::DeviceLost
        | Code::AnswerFailed
        | Code::SettingsDamaged
        | Code::RecordingFailed
        | Code::HistoryFailed
        | Code::Unsent
        | Code::Internal => "",
    }
}
