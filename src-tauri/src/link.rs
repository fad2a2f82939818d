//! Places outside the app that the page may ask to open: fixed ones by name, and addresses that an answer names.

use std::io;

use serde::Deserialize;

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Link {
    OpenaiKeys,
    OpenaiBilling,
    OpenaiStatus,
    CloudflareGateway,
    MicrophoneSettings,
}

impl Link {
    /// Opens it in the user's browser or the system's settings.
    pub(crate) fn open(self) -> io::Result<()> {
        match self.address() {
            Some(address) => tauri_plugin_opener::open_url(address, None::<&str>).map_err(io::Error::other),
            None => open_sound_settings(),
        }
    }

    /// `None`: Linux has no address for its sound settings.
    fn address(self) -> Option<&'static str> {
        match self {
            Self::OpenaiKeys => Some("https://platform.openai.com/api-keys"),
            Self::OpenaiBilling => Some("https://platform.openai.com/settings/organization/billing"),
            Self::OpenaiStatus => Some("https://status.openai.com"),
            Self::CloudflareGateway => Some("https://dash.cloudflare.com/?to=/:account/ai/ai-gateway"),
            Self::MicrophoneSettings if cfg!(target_os = "windows") => Some("ms-settings:privacy-microphone"),
            Self::MicrophoneSettings if cfg!(target_os = "macos") => {
                Some("x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone")
            }
            Self::MicrophoneSettings => None,
        }
    }
}

/// Opens an address from an answer, which may be anything: only web pages and letters, and no second meaning.
pub(crate) fn open_address(address: &str) -> io::Result<()> {
    let url = openable(address)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this address cannot be opened from here"))?;
    tauri_plugin_opener::open_url(url.as_str(), None::<&str>).map_err(io::Error::other)
}

/// The address as a browser reads it.
fn openable(address: &str) -> Option<tauri::Url> {
    let url: tauri::Url = address.trim().parse().ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    (is_page || url.scheme() == "mailto").then_some(url)
}

/// The first of the usual desktops' programs that is there.
fn open_sound_settings() -> io::Result<()> {
    const PROGRAMS: [(&str, &[&str]); 3] =
        [("gnome-control-center", &["sound"]), ("systemsettings", &["kcm_pulseaudio"]), ("pavucontrol", &[])];
    for (program, arguments) in PROGRAMS {
        if let Ok(mut child) = std::process::Command::new(program).args(arguments).spawn() {
            // Waited for, or it would stay in the process table when it ends.
            std::thread::spawn(move || child.wait());
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "no sound settings program was found on this desktop"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_the_page_has_its_place() {
        for name in ["openai_keys", "openai_billing", "openai_status", "cloudflare_gateway"] {
            let link: Link = serde_json::from_value(name.into()).unwrap();
            assert!(link.address().unwrap().starts_with("https://"), "{name}");
        }
        serde_json::from_value::<Link>("microphone_settings".into()).unwrap();
    }

    #[test]
    fn of_addresses_only_pages_and_letters_can_be_opened() {
        for address in ["https://example.com/a?b#c", "http://127.0.0.1:8080", "mailto:ada@example.com", "HTTPS://X.org"]
        {
            assert!(openable(address).is_some(), "{address}");
        }
        let bad = [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "ms-settings:privacy",
            "/bin/sh",
            "-x",
            "",
            "https://",
        ];
        assert!(bad.into_iter().all(|address| openable(address).is_none()));
    }

    #[test]
    fn a_name_is_no_address() {
        assert!(serde_json::from_value::<Link>("https://example.com".into()).is_err());
    }
}
