//! The program's own secret: it seals what was said and not answered, and never leaves this computer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};

use super::worker::Action;
use super::{Credentials, keychain};
use crate::api::{Code, Problem};

/// Its name in the keychain; no holder's. Never to be changed: what was sealed would be lost.
const USER: &str = "outbox";

/// 32 bytes.
pub(crate) type Seal = SecretBox<[u8; 32]>;

impl Credentials {
    /// The key of the outbox, made when it is first asked for. It is in the keychain or nowhere. Takes at most 70 s,
    /// since the system may ask for a password.
    pub(crate) async fn seal(&self) -> Result<Seal, Problem> {
        if let Some(known) = self.known_seal().await? {
            return Ok(known);
        }
        let fresh = fresh()?;
        self.worker.ask(USER, Action::Write(fresh), self.patience()).await?;
        // Another run may have made one at the same time: what the keychain has counts.
        let kept = self.known_seal().await?;
        kept.ok_or_else(|| Problem {
            code: Code::NoKeychain,
            detail: "the keychain does not keep what it is given".into(),
        })
    }

    /// The key of the outbox if there is one. Takes at most 5 s.
    pub(crate) async fn known_seal(&self) -> Result<Option<Seal>, Problem> {
        let found = self.worker.ask(USER, Action::Read, self.limits.read).await?;
        Ok(found.as_ref().and_then(read))
    }
}

fn read(text: &SecretString) -> Option<Seal> {
    let mut seal = Seal::init_with_mut(|_: &mut [u8; 32]| {});
    let length = STANDARD.decode_slice(text.expose_secret(), seal.expose_secret_mut());
    (length == Ok(32)).then_some(seal)
}

fn fresh() -> Result<SecretString, Problem> {
    let mut bytes = Seal::init_with_mut(|_: &mut [u8; 32]| {});
    let filled = SystemRandom::new().fill(bytes.expose_secret_mut());
    filled.map_err(|_| keychain::locked("the system gives no random numbers"))?;
    Ok(SecretString::from(STANDARD.encode(bytes.expose_secret())))
}
