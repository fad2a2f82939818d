//! The gateway's keys out of the keychain.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use gateway::{Keys, ProviderId};
use protocol::chat::{Failure, FailureKind};
use secrecy::SecretString;

use crate::api::{Holder, Place};
use crate::credential::Credentials;

/// A key is asked of the keychain again after this time; it may have been changed by another program.
const FRESH: Duration = Duration::from_secs(30);

/// What was found, and when.
type Known = (Instant, Option<SecretString>);

/// Keys for written requests, each kept for a moment: the keychain takes milliseconds. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Keyring {
    credentials: Credentials,
    known: Arc<Mutex<BTreeMap<Holder, Known>>>,
}

impl Keyring {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials, known: Arc::default() }
    }

    /// A key was replaced or deleted.
    pub(crate) fn forget(&self, holder: Holder) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&holder);
    }

    pub(crate) async fn find(&self, holder: Holder) -> Result<Option<SecretString>, Failure> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&holder).cloned();
        if let Some((at, key)) = known
            && at.elapsed() < FRESH
        {
            return Ok(key);
        }
        let found = self.credentials.find(holder).await;
        if found.place == Place::Locked {
            return Err(Failure::new(FailureKind::Credential, "the keychain is locked"));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(holder, (Instant::now(), found.key.clone()));
        Ok(found.key)
    }
}

impl Keys for Keyring {
    fn key(&self, provider: &ProviderId) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        let holder = holder(provider.as_str());
        Box::pin(async move {
            match holder {
                Some(holder) => self.find(holder).await,
                None => Ok(None),
            }
        })
    }

    fn gateway_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        Box::pin(self.find(Holder::Gateway))
    }
}

/// Whose key a provider takes.
pub(crate) fn holder(provider: &str) -> Option<Holder> {
    Some(match provider {
        "openai" => Holder::Openai,
        "anthropic" => Holder::Anthropic,
        "google-ai-studio" => Holder::Google,
        "google-vertex" => Holder::Vertex,
        "huggingface" => Holder::Huggingface,
        "perplexity" => Holder::Perplexity,
        "deepseek" => Holder::Deepseek,
        "groq" => Holder::Groq,
        "openrouter" => Holder::Openrouter,
        "mistral" => Holder::Mistral,
        "xai" => Holder::Xai,
        "cerebras" => Holder::Cerebras,
        "workers-ai" => Holder::WorkersAi,
        "custom" => Holder::Custom,
        _ => return None,
    })
}

/// No keys: for the practice partner.
pub(super) struct Empty;

impl Keys for Empty {
    fn key(&self, _: &ProviderId) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn gateway_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_that_wants_a_key_has_a_place_for_it() {
        for provider in gateway::providers() {
            let needs_none = provider.is_local || provider.id == "cloudflare-route";
            assert!(needs_none || holder(provider.id).is_some(), "{}", provider.id);
        }
        assert_eq!(holder("custom"), Some(Holder::Custom));
    }
}
