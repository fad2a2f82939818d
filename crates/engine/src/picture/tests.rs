//! Pictures over real sockets from a fake fal, with a store in a temporary folder.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use emulator::fal::{Fal, Plan, Trouble, Way as Seen};
use protocol::chat::{Failure, FailureKind};
use serde_json::{Value, json};
use store::Group;
use tokio::sync::watch;

use super::{Picture, Studio, Wish};
use crate::api::{Receipt, Shape};
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{Net, NetOptions};
use crate::text::{self, Keyring, Shelf, Text};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "fal-id:fal-secret-never-shown";
const TOKEN: &str = "cf-token-never-shown";

struct Rig {
    studio: Studio,
    settings: Settings,
    text: Text,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new(fal: &Fal, patch: &Value) -> Self {
        let credentials = Credentials::without_keychain(|name| match name {
            "FAL_KEY" => Some(KEY.to_owned()),
            "CF_AIG_TOKEN" => Some(TOKEN.to_owned()),
            _ => None,
        });
        Self::with(credentials, fal, patch)
    }

    fn with(credentials: Credentials, fal: &Fal, patch: &Value) -> Self {
        let addresses = json!({
            "providers": { "fal": { "base_url": fal.base_url() } },
            "gateway": { "base_url": fal.gateway_url(), "account_id": "account", "gateway_id": "gate" },
        });
        let settings = config::merge(&Settings::default(), &addresses).unwrap();
        let settings = config::merge(&settings, patch).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let net = Net::new(NetOptions::default()).unwrap();
        let shelf = Shelf::new(folder.path().join("sidetone.db"));
        let (text, ..) = text::start(&net, &credentials, shelf, watch::channel(String::new()).1, &settings);
        Self { studio: Studio::new(net, Keyring::new(credentials)), settings, text, _folder: folder }
    }

    async fn make(&self, prompt: &str) -> Result<(Picture, Receipt), Failure> {
        let wish = Wish { prompt: prompt.into(), shape: Shape::Landscape };
        let making = self.studio.make(&wish, &self.settings, &self.text, None);
        tokio::time::timeout(LIMIT, making).await.unwrap()
    }

    async fn refused(&self) -> Failure {
        self.make("a red fox").await.unwrap_err()
    }

    /// Requests in the ledger, and what they cost.
    async fn spent(&self) -> (u64, i64) {
        let usage = self.text.shelf().store().await.unwrap().usage(0, Group::All).await.unwrap();
        usage.first().map(|all| (all.requests, all.cost_nano)).unwrap_or_default()
    }
}

async fn fal(troubles: &[Trouble]) -> Fal {
    let plan = Plan { key: KEY.into(), token: TOKEN.into(), troubles: troubles.to_vec(), ..Plan::default() };
    Fal::start(plan).await.unwrap()
}

fn realtime() -> Value {
    json!({ "providers": { "fal": { "app": "fal-ai/flux-2/klein/realtime" } } })
}

#[tokio::test]
async fn a_picture_comes_over_http_with_a_row_in_the_ledger() {
    let fal = fal(&[]).await;
    let rig = Rig::new(&fal, &json!({}));
    let (picture, receipt) = rig.make("a red fox").await.unwrap();
    assert_eq!((picture.mime, picture.bytes), ("image/png", emulator::fal::png("a red fox")));
    assert_eq!(receipt.cost_nano, Some(3_000_000));
    let seen = &fal.seen()[0];
    assert_eq!(
        (seen.way, seen.path.as_str(), seen.size.as_str()),
        (Seen::Http, "fal-ai/flux/schnell", "landscape_4_3")
    );
    assert_eq!(rig.spent().await, (1, 3_000_000));
    assert!(fal.violations().is_empty(), "{:?}", fal.violations());
}

#[tokio::test]
async fn a_picture_comes_through_the_gateway_with_a_key_of_ones_own_or_the_stored_one() {
    let fal = fal(&[]).await;
    for (way, has_key) in [("gateway", true), ("stored_key", false)] {
        let rig =
            Rig::new(&fal, &json!({ "providers": { "fal": { "way": way, "app": "fal-ai/flux-2/klein/realtime" } } }));
        rig.make("a red fox").await.unwrap();
        let seen = fal.seen().pop().unwrap();
        assert_eq!((seen.way, seen.path.as_str(), seen.has_key), (Seen::Gateway, "fal-ai/flux-2/klein", has_key));
    }
    let rig = Rig::new(&fal, &json!({ "providers": { "fal": { "way": "gateway" } }, "gateway": { "account_id": "" } }));
    assert_eq!(rig.refused().await.kind, FailureKind::Gateway);
    assert!(fal.violations().is_empty(), "{:?}", fal.violations());
}

#[tokio::test]
async fn a_picture_given_by_its_address_is_fetched_without_the_key() {
    let fal = fal(&[Trouble::Address]).await;
    let rig = Rig::new(&fal, &json!({}));
    rig.make("a red fox").await.unwrap();
    let seen = fal.seen();
    assert_eq!((seen[1].way, seen[1].has_key), (Seen::File, false));
}

#[tokio::test]
async fn every_failure_says_what_can_be_done() {
    let cases = [
        (Trouble::Status(401), FailureKind::Credential),
        (Trouble::Status(403), FailureKind::Quota),
        (Trouble::Status(404), FailureKind::Model),
        (Trouble::Status(422), FailureKind::Refused),
        (Trouble::Status(429), FailureKind::RateLimited),
        (Trouble::Status(500), FailureKind::Unavailable),
        (Trouble::Redirect, FailureKind::Broken),
        (Trouble::PlainAddress, FailureKind::Broken),
        (Trouble::Svg, FailureKind::Broken),
        (Trouble::Huge, FailureKind::Broken),
        (Trouble::Blocked, FailureKind::Refused),
    ];
    let fal = fal(&cases.clone().map(|(trouble, _)| trouble)).await;
    let rig = Rig::new(&fal, &json!({}));
    for (at, (trouble, kind)) in cases.into_iter().enumerate() {
        let failure = rig.refused().await;
        assert_eq!(failure.kind, kind, "{trouble:?} {failure:?}");
        assert_eq!(fal.seen().len(), at + 1, "one request, and no redirect is followed");
    }
    assert_eq!(rig.spent().await, (11, 0), "what did not come costs nothing");
}

#[tokio::test]
async fn no_key_shows_in_a_failure() {
    let fal = fal(&[Trouble::Echo]).await;
    let failure = Rig::new(&fal, &json!({})).refused().await;
    assert!(failure.message.contains("[key]") && !failure.message.contains("fal-secret"), "{failure:?}");
}

#[tokio::test]
async fn without_a_key_a_place_or_money_nothing_is_sent() {
    let fal = fal(&[]).await;
    let without = Rig::with(Credentials::without_keychain(|_| None), &fal, &json!({}));
    assert_eq!(without.refused().await.kind, FailureKind::Credential);
    for (patch, kind) in [
        (json!({ "providers": { "fal": { "base_url": "http://fal.example" } } }), FailureKind::Invalid),
        (json!({ "providers": { "fal": { "base_url": "fal.run" } } }), FailureKind::Invalid),
        (json!({ "providers": { "fal": { "app": "flux" } } }), FailureKind::Model),
        (json!({ "providers": { "fal": { "app": "fal-ai/../x" } } }), FailureKind::Model),
        (json!({ "budget": { "day": 0.002 } }), FailureKind::Budget),
        (json!({ "budget": { "month": 0.2 }, "providers": { "fal": { "price": 0.3 } } }), FailureKind::Budget),
    ] {
        let failure = Rig::new(&fal, &patch).refused().await;
        assert_eq!(failure.kind, kind, "{patch} {failure:?}");
    }
    assert!(Rig::new(&fal, &json!({})).make("  ").await.is_err());
    assert!(fal.seen().is_empty());
}

#[tokio::test]
async fn a_budget_holds_over_several_pictures_at_the_users_own_price() {
    let fal = fal(&[]).await;
    let patch = json!({ "budget": { "day": 0.25 }, "providers": { "fal": { "price": 0.1 } } });
    let rig = Rig::new(&fal, &patch);
    for _ in 0..2 {
        assert_eq!(rig.make("a red fox").await.unwrap().1.cost_nano, Some(100_000_000));
    }
    assert_eq!(rig.refused().await.kind, FailureKind::Budget);
    assert_eq!(fal.seen().len(), 2);
}

#[tokio::test]
async fn pictures_at_the_same_time_cannot_pass_a_budget_together() {
    let fal = fal(&[]).await;
    let rig = Rig::new(&fal, &json!({ "budget": { "day": 0.15 }, "providers": { "fal": { "price": 0.1 } } }));
    let (one, other) = tokio::join!(rig.make("a red fox"), rig.make("a blue fox"));
    let refused = one.err().into_iter().chain(other.err()).collect::<Vec<_>>();
    assert!(matches!(&*refused, [failure] if failure.kind == FailureKind::Budget), "{refused:?}");
    assert_eq!((fal.seen().len(), rig.spent().await), (1, (1, 100_000_000)));
}

#[tokio::test]
async fn the_realtime_socket_stays_open_between_pictures() {
    let fal = fal(&[Trouble::None, Trouble::Chatter, Trouble::None]).await;
    let rig = Rig::new(&fal, &realtime());
    for prompt in ["a red fox", "a blue fox", "a fox"] {
        rig.make(prompt).await.unwrap();
    }
    assert_eq!(fal.sockets(), 1);
    let ways: Vec<_> = fal.seen().iter().map(|seen| seen.way).collect();
    assert_eq!(ways, [Seen::Socket, Seen::Socket, Seen::File, Seen::Socket]);
    assert!(fal.violations().is_empty(), "{:?}", fal.violations());
}

#[tokio::test]
async fn a_socket_that_went_to_sleep_is_opened_again() {
    for trouble in [Trouble::Timeout, Trouble::Unauthorized, Trouble::Cut] {
        let fal = fal(&[Trouble::None, trouble.clone(), Trouble::None]).await;
        let rig = Rig::new(&fal, &realtime());
        rig.make("a red fox").await.unwrap();
        rig.make("a blue fox").await.unwrap();
        assert_eq!(fal.sockets(), 2, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_fresh_socket_that_fails_is_told() {
    let cases = [
        (Trouble::Timeout, FailureKind::TimedOut),
        (Trouble::Unauthorized, FailureKind::Credential),
        (Trouble::Cut, FailureKind::Unavailable),
        (Trouble::Status(500), FailureKind::Unavailable),
        (Trouble::Svg, FailureKind::Broken),
        (Trouble::Blocked, FailureKind::Refused),
    ];
    let fal = fal(&cases.clone().map(|(trouble, _)| trouble)).await;
    let rig = Rig::new(&fal, &realtime());
    for (trouble, kind) in cases {
        assert_eq!(rig.refused().await.kind, kind, "{trouble:?}");
    }
    let stranger = Fal::start(Plan { key: "another".into(), ..Plan::default() }).await.unwrap();
    assert_eq!(Rig::new(&stranger, &realtime()).refused().await.kind, FailureKind::Credential);
}

#[tokio::test]
async fn the_newest_wish_wins_and_the_picture_of_an_older_one_is_passed_over() {
    let plan = Plan { key: KEY.into(), pace: Duration::from_millis(300), ..Plan::default() };
    let fal = Fal::start(plan).await.unwrap();
    let rig = Rig::new(&fal, &realtime());
    // The app has shown that it says which wish a picture is of.
    rig.make("a fox").await.unwrap();
    let given_up = tokio::time::timeout(LIMIT, async {
        tokio::select! {
            _ = rig.make("a red fox") => false,
            _ = fal.wait_for(2, LIMIT) => true,
        }
    });
    assert!(given_up.await.unwrap());
    let (picture, _) = rig.make("a blue fox").await.unwrap();
    assert_eq!(picture.bytes, emulator::fal::png("a blue fox"));
    assert_eq!(fal.sockets(), 1);
    assert_eq!(rig.spent().await.0, 3, "what was given up has its row");
}
