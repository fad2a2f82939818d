//! Stage 6: which keys go along, and how. A provider's key goes to the provider, to the address that the user put in
//! its place, or through the user's own gateway; nowhere else.

mod service_account;

use protocol::chat::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Auth, GatewayOptions, Header, Http, Keys, Price, Provider, ProviderId, Settings, Target, Vertex, Way, address,
};

pub(crate) use service_account::Tokens;

/// The version of Anthropic's API that this program speaks.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Where a request goes, and what it carries.
pub(crate) struct Passport {
    /// Before the path.
    pub(crate) base: String,
    /// Keys and the gateway's options.
    pub(crate) headers: Vec<(&'static str, Header)>,
}

/// What a passport is made of.
pub(crate) struct Office<'a> {
    pub(crate) http: &'a dyn Http,
    pub(crate) keys: &'a dyn Keys,
    pub(crate) tokens: &'a Tokens,
    pub(crate) settings: &'a Settings,
}

impl Office<'_> {
    /// Makes the passport for one target. Fails with [`FailureKind::Credential`] when a key is missing.
    pub(crate) async fn issue(
        &self,
        provider: &Provider,
        target: &Target,
        way: Way,
        options: &GatewayOptions,
        price: Option<&Price>,
    ) -> Result<Passport, Failure> {
        let mut place = self.settings.vertex.clone();
        let mut headers = Vec::with_capacity(8);
        if provider.auth == Auth::Anthropic {
            headers.push(("anthropic-version", Header::Plain(ANTHROPIC_VERSION.to_owned())));
        }
        // The gateway takes a stored key only when none comes with the request.
        if way != Way::StoredKey {
            self.provider_key(provider, &mut place, &mut headers).await?;
        }
        let base = address::base(provider, target, way, self.settings, &place)?;
        if way != Way::Direct {
            self.gateway_token(way, &mut headers).await?;
            let set = self.settings.gateway.as_ref().map(|gateway| options.over(&gateway.options(&target.provider)));
            let options = set.as_ref().unwrap_or(options);
            if let Some(fault) = options.fault() {
                return Err(Failure::new(FailureKind::Gateway, fault));
            }
            options.write(&target.model, price, &mut headers);
        }
        Ok(Passport { base, headers })
    }

    async fn provider_key(
        &self,
        provider: &Provider,
        place: &mut Vertex,
        headers: &mut Vec<(&'static str, Header)>,
    ) -> Result<(), Failure> {
        let key = self.keys.key(&ProviderId::from(provider.id)).await?;
        let missing = || Failure::new(FailureKind::Credential, format!("There is no key for {}.", provider.name));
        let header = match (provider.auth, key) {
            (Auth::BearerIfAny, None) => return Ok(()),
            (_, None) => return Err(missing()),
            (Auth::Bearer | Auth::BearerIfAny, Some(key)) => ("authorization", bearer(&key)),
            (Auth::Anthropic, Some(key)) => ("x-api-key", Header::Secret(key)),
            (Auth::Google, Some(key)) => ("x-goog-api-key", Header::Secret(key)),
            (Auth::ServiceAccount, Some(key)) => {
                let token = self.tokens.token(self.http, &key, place).await?;
                ("authorization", bearer(&token))
            }
        };
        headers.push(header);
        Ok(())
    }

    async fn gateway_token(&self, way: Way, headers: &mut Vec<(&'static str, Header)>) -> Result<(), Failure> {
        match self.keys.gateway_token().await? {
            Some(token) => headers.push(("cf-aig-authorization", bearer(&token))),
            None if way == Way::StoredKey => {
                return Err(Failure::new(FailureKind::Credential, "There is no token for Cloudflare AI Gateway."));
            }
            // A gateway need not ask for one.
            None => {}
        }
        Ok(())
    }
}

fn bearer(key: &SecretString) -> Header {
    Header::Secret(format!("Bearer {}", key.expose_secret().trim()).into())
}
