//! The built-in practice partner: a server inside the app that speaks the provider's protocol.

use emulator::{Emulator, Script};
use tokio::sync::watch;

/// Starts it in the background; its base URL appears in the receiver. It runs until the last receiver is dropped.
/// Called inside the runtime.
pub(crate) fn start() -> watch::Receiver<String> {
    let (url, receiver) = watch::channel(String::new());
    tokio::spawn(async move {
        match Emulator::start(Script::practice()).await {
            Ok(partner) => {
                url.send_replace(partner.base_url());
                url.closed().await;
            }
            Err(error) => tracing::error!(%error, "the practice partner did not start"),
        }
    });
    receiver
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::TcpStream;

    #[tokio::test]
    async fn its_address_appears_and_answers() {
        let mut url = super::start();
        let url = url.wait_for(|url| !url.is_empty()).await.unwrap().clone();
        let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/v1")).unwrap();
        assert!(TcpStream::connect(address).is_ok(), "{address}");
    }
}
