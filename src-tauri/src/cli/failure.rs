//! How a command failed: words for people, an exit code for programs.

use engine::api::{Code, Problem};

/// Why a command ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) status: u8,
    /// What happened and what to do; empty: nothing to say.
    pub(crate) words: String,
}

/// Anything that has no code of its own.
pub(crate) const OTHER: u8 = 1;
/// The arguments make no sense.
pub(crate) const USAGE: u8 = 2;
/// No key, or it was refused.
pub(crate) const KEY: u8 = 3;
/// The network.
pub(crate) const NETWORK: u8 = 4;
/// A microphone or speaker.
pub(crate) const DEVICE: u8 = 5;
/// The provider.
pub(crate) const PROVIDER: u8 = 6;

impl Failure {
    pub(crate) fn new(status: u8, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    pub(crate) fn usage(words: impl Into<String>) -> Self {
        Self::new(USAGE, words)
    }

    pub(crate) fn other(words: impl Into<String>) -> Self {
        Self::new(OTHER, words)
    }

    /// Nobody listens any more: no error.
    pub(crate) fn silent() -> Self {
        Self::new(0, "")
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { status: status(problem.code), words: words(&problem) }
    }
}

impl From<engine::Closed> for Failure {
    fn from(closed: engine::Closed) -> Self {
        Self::other(closed.to_string())
    }
}

/// The exit code of a problem.
pub(crate) fn status(code: Code) -> u8 {
    match code {
        Code::NoCredential
        | Code::CredentialRefused
        | Code::NotPermitted
        | Code::GatewayRefused
        | Code::InsecureRoute
        | Code::NoKeychain
        | Code::KeychainLocked => KEY,
        Code::Offline | Code::Proxy | Code::Tls => NETWORK,
        Code::NoMicrophone | Code::MicrophoneRefused | Code::MicrophoneSilent | Code::NoSpeaker | Code::DeviceLost => {
            DEVICE
        }
        Code::Quota
        | Code::RateLimited
        | Code::Refused
        | Code::ProviderTrouble
        | Code::AnswerFailed
        | Code::GatewayMissing => PROVIDER,
        Code::EndpointMissing => USAGE,
        Code::Budget
        | Code::SettingsDamaged
        | Code::RecordingFailed
        | Code::HistoryFailed
        | Code::Unsent
        | Code::Internal => OTHER,
    }
}

/// What happened and what to do.
pub(crate) fn words(problem: &Problem) -> String {
    let text = match problem.code {
        // The detail names the command for this key, where it is known.
        Code::NoCredential if problem.detail.contains("sidetone keys set") => "A key is missing.",
        Code::NoCredential => "A key is missing. Keep it with: sidetone keys set PROVIDER",
        Code::CredentialRefused => "The provider did not accept the key. It may be revoked or mistyped.",
        Code::NotPermitted => "This key or account may not use this model.",
        Code::Quota => "This account has no credit left.",
        Code::Budget => "A budget of yours is spent. Raise it in the settings, or wait until it begins anew.",
        Code::RateLimited => "The provider is limiting requests. Wait a moment and try again.",
        Code::Refused => "The provider refused the model or a setting.",
        Code::Offline => "The server cannot be reached. Is this machine online?",
        Code::Proxy => "The proxy refused the connection.",
        Code::Tls => "A secure connection could not be made.",
        Code::ProviderTrouble => "The provider has trouble. Try again later.",
        Code::AnswerFailed => "The provider could not finish this answer.",
        Code::GatewayMissing => "This Cloudflare gateway does not exist. Check its account id and its name.",
        Code::GatewayRefused => "Cloudflare refused the gateway token. Replace it with: sidetone keys set gateway",
        Code::EndpointMissing => "There is no usable server address. Give one with --endpoint ws://host:port/v1",
        Code::InsecureRoute => "A key goes over a plain connection to this machine only. Use wss:// or https://",
        Code::NoMicrophone => "No microphone was found. Connect one, or use --input or --text.",
        Code::MicrophoneRefused => "The system refuses access to the microphone. Allow it in the privacy settings.",
        Code::MicrophoneSilent => "The microphone is on but silent. Is it muted?",
        Code::NoSpeaker => "No speaker was found.",
        Code::DeviceLost => "The sound device failed and no other could be opened.",
        Code::NoKeychain => "This system has no keychain. Put the key into an environment variable instead.",
        Code::KeychainLocked => "The keychain is locked. Unlock it and try again.",
        Code::SettingsDamaged => "Parts of the settings file could not be read; defaults stand in for them.",
        Code::RecordingFailed => "The recording could not be written.",
        Code::HistoryFailed => {
            "The history cannot be used. Its folder needs room, and you must be allowed to write there."
        }
        Code::Unsent => "This was said in an earlier run and not answered.",
        Code::Internal => "Something went wrong inside Sidetone.",
    };
    if problem.detail.is_empty() { text.into() } else { format!("{text}\n  {}", problem.detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_problem_has_the_exit_code_of_the_manual() {
        let table = [
            (KEY, vec![Code::NoCredential, Code::CredentialRefused, Code::NotPermitted, Code::GatewayRefused]),
            (KEY, vec![Code::InsecureRoute, Code::NoKeychain, Code::KeychainLocked]),
            (NETWORK, vec![Code::Offline, Code::Proxy, Code::Tls]),
            (DEVICE, vec![Code::NoMicrophone, Code::MicrophoneRefused, Code::MicrophoneSilent]),
            (DEVICE, vec![Code::NoSpeaker, Code::DeviceLost]),
            (PROVIDER, vec![Code::Quota, Code::RateLimited, Code::Refused, Code::ProviderTrouble]),
            (PROVIDER, vec![Code::AnswerFailed, Code::GatewayMissing]),
            (USAGE, vec![Code::EndpointMissing]),
            (OTHER, vec![Code::Budget, Code::SettingsDamaged, Code::RecordingFailed, Code::Unsent, Code::Internal]),
            (OTHER, vec![Code::HistoryFailed]),
        ];
        for (expected, codes) in table {
            for code in codes {
                assert_eq!(status(code), expected, "{code:?}");
            }
        }
    }

    #[test]
    fn the_particulars_follow_the_plain_words() {
        let failure = Failure::from(Problem { code: Code::Offline, detail: "api.openai.com: no such host".into() });
        assert_eq!(failure.status, NETWORK);
        assert!(failure.words.ends_with("\n  api.openai.com: no such host"), "{}", failure.words);
    }
}
