//! Keys with keychains that work, fail and hang.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use keyring::v1::{Entry, Error};
use keyring_core::api::CredentialStoreApi;
use keyring_core::mock;

use super::keychain::SERVICE;
use super::*;

/// Far longer than the keychains of these tests take; the hanging ones have limits of their own.
const LIMITS: Limits =
    Limits { read: Duration::from_secs(20), write: Duration::from_secs(20), abandon: Duration::from_secs(60) };

fn no_variables(_: &str) -> Option<String> {
    None
}

/// A keychain in memory, that counts how often it is opened.
struct Memory {
    store: Arc<mock::Store>,
    opened: Arc<AtomicU32>,
    is_locked: bool,
}

impl Memory {
    fn new() -> Self {
        Self { store: mock::Store::new().unwrap(), opened: Arc::default(), is_locked: false }
    }
}

impl Opener for Memory {
    fn open(&self, user: &str) -> Result<Entry, Error> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Entry { inner: self.store.build(SERVICE, user, None)? })
    }

    fn is_locked(&self) -> bool {
        self.is_locked
    }
}

/// A keychain that fails in one way.
struct Failing(fn() -> Error);

impl Opener for Failing {
    fn open(&self, _: &str) -> Result<Entry, Error> {
        Err((self.0)())
    }
}

/// A keychain that hangs until the test lets go.
struct Hanging(Mutex<mpsc::Receiver<()>>, Memory);

impl Opener for Hanging {
    fn open(&self, user: &str) -> Result<Entry, Error> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = held.recv();
        drop(held);
        self.1.open(user)
    }
}

fn exposed(found: &Found) -> Option<&str> {
    found.key.as_ref().map(ExposeSecret::expose_secret)
}

#[tokio::test]
async fn a_key_is_stored_read_replaced_and_deleted() {
    let keys = Credentials::with(Arc::new(Memory::new()), no_variables, LIMITS);
    assert_eq!(keys.find(Holder::Openai).await.place, Place::Missing);
    for key in ["sk-one", "sk-two"] {
        assert_eq!(keys.store(Holder::Openai, key.into()).await, Ok(Place::Stored));
        let found = keys.clone().find(Holder::Openai).await;
        assert_eq!((found.place, exposed(&found)), (Place::Stored, Some(key)));
    }
    assert_eq!(keys.find(Holder::Gateway).await.place, Place::Missing);
    assert_eq!(keys.delete(Holder::Openai).await, Ok(()));
    assert_eq!(keys.delete(Holder::Openai).await, Ok(()));
    assert_eq!(keys.find(Holder::Openai).await.place, Place::Missing);
}

#[tokio::test]
async fn the_keychain_is_not_touched_before_it_is_asked() {
    let memory = Memory::new();
    let opened = Arc::clone(&memory.opened);
    let keys = Credentials::with(Arc::new(memory), no_variables, LIMITS);
    assert_eq!(opened.load(Ordering::SeqCst), 0);
    keys.find(Holder::Openai).await;
    assert_eq!(opened.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_keychain_comes_before_the_environment_and_aliases_in_their_order() {
    let variable = |name: &str| match name {
        "CLOUDFLARE_API_TOKEN" => Some("  ".to_owned()),
        "CLOUDFLARE_API_KEY" => Some(" cf-key\n".to_owned()),
        "CF_AIG_TOKEN" => Some("cf-alias".to_owned()),
        _ => None,
    };
    let keys = Credentials::with(Arc::new(Memory::new()), variable, LIMITS);
    let found = keys.find(Holder::Gateway).await;
    assert_eq!((found.place, found.variable.as_deref()), (Place::Environment, Some("CLOUDFLARE_API_KEY")));
    assert_eq!(exposed(&found), Some("cf-key"));
    keys.store(Holder::Gateway, "stored".into()).await.unwrap();
    let found = keys.find(Holder::Gateway).await;
    assert_eq!((found.place, found.variable.as_deref(), exposed(&found)), (Place::Stored, None, Some("stored")));
}

#[tokio::test]
async fn without_a_usable_keychain_a_key_is_kept_for_the_session_and_the_reason_told() {
    let locked = || Error::NoStorageAccess("locked".into());
    let refused = || Error::PlatformFailure("org.freedesktop.DBus.Error.ServiceUnknown".into());
    for (failing, place, code) in [
        (Failing(locked), Place::Locked, Code::KeychainLocked),
        (Failing(refused), Place::NoKeychain, Code::NoKeychain),
        (Failing(|| Error::NoDefaultStore), Place::NoKeychain, Code::NoKeychain),
    ] {
        let keys = Credentials::with(Arc::new(failing), no_variables, LIMITS);
        let found = keys.find(Holder::Openai).await;
        assert_eq!((found.place, found.hindrance.map(|problem| problem.code)), (place, Some(code)));
        assert_eq!(keys.store(Holder::Openai, "sk-1".into()).await, Ok(Place::SessionOnly));
        let found = keys.find(Holder::Openai).await;
        assert_eq!((found.place, exposed(&found)), (Place::SessionOnly, Some("sk-1")));
        assert_eq!(found.hindrance.map(|problem| problem.code), Some(code));
        assert_eq!(keys.delete(Holder::Openai).await.is_ok(), code == Code::NoKeychain);
        assert_eq!(keys.find(Holder::Openai).await.place, place);
    }
}

#[tokio::test]
async fn a_locked_keychain_that_hides_its_entries_is_not_taken_for_an_empty_one() {
    let memory = Memory { is_locked: true, ..Memory::new() };
    let keys = Credentials::with(Arc::new(memory), |_| Some("from-env".into()), LIMITS);
    let found = keys.find(Holder::Openai).await;
    assert_eq!((found.place, exposed(&found)), (Place::Environment, Some("from-env")));
    assert_eq!(found.hindrance.unwrap().code, Code::KeychainLocked);
    let keys = Credentials::with(Arc::new(Memory { is_locked: true, ..Memory::new() }), no_variables, LIMITS);
    assert_eq!(keys.find(Holder::Openai).await.place, Place::Locked);
}

#[tokio::test]
async fn a_keychain_that_hangs_blocks_nobody_and_is_used_again_once_it_answers() {
    let (release, held) = mpsc::sync_channel(100);
    let limits = Limits { read: Duration::from_millis(20), write: Duration::from_millis(20), ..LIMITS };
    let memory = Memory::new();
    let opened = Arc::clone(&memory.opened);
    let keys = Credentials::with(Arc::new(Hanging(Mutex::new(held), memory)), no_variables, limits);
    assert_eq!(keys.find(Holder::Openai).await.place, Place::Locked);
    assert_eq!(keys.store(Holder::Openai, "sk-1".into()).await, Ok(Place::SessionOnly));
    let found = keys.find(Holder::Openai).await;
    assert_eq!((exposed(&found), found.hindrance.clone().unwrap().code), (Some("sk-1"), Code::KeychainLocked));
    // More requests than the queue holds.
    for _ in 0..20 {
        assert_eq!(keys.find(Holder::Gateway).await.place, Place::Locked);
    }
    drop(release);
    let patient = Credentials { limits: LIMITS, ..keys.clone() };
    while patient.store(Holder::Openai, "sk-2".into()).await == Ok(Place::SessionOnly) {}
    assert_eq!(exposed(&patient.find(Holder::Openai).await), Some("sk-2"));
    // The one read that hung, and the write: nobody waited any more for what stood between them.
    assert!(opened.load(Ordering::SeqCst) >= 3);
}

#[tokio::test]
async fn a_thread_that_hangs_for_good_is_replaced() {
    let (_never, held) = mpsc::sync_channel(1);
    let hanging = Hanging(Mutex::new(held), Memory::new());
    struct FirstHangs(Hanging, AtomicU32);
    impl Opener for FirstHangs {
        fn open(&self, user: &str) -> Result<Entry, Error> {
            if self.1.fetch_add(1, Ordering::SeqCst) == 0 { self.0.open(user) } else { self.0.1.open(user) }
        }
    }
    let limits = Limits { read: Duration::from_millis(20), write: LIMITS.write, abandon: Duration::ZERO };
    let keys = Credentials::with(Arc::new(FirstHangs(hanging, AtomicU32::new(0))), no_variables, limits);
    assert_eq!(keys.find(Holder::Openai).await.place, Place::Locked);
    let keys = Credentials { limits: LIMITS, ..keys };
    assert_eq!(keys.store(Holder::Openai, "sk-1".into()).await, Ok(Place::Stored));
}

#[tokio::test]
async fn pasted_text_is_trimmed_and_what_is_no_key_is_refused() {
    let keys = Credentials::with(Arc::new(Memory::new()), no_variables, LIMITS);
    for pasted in ["sk-1", " sk-1\r\n", "\u{feff}sk-1\t", "\u{200b}sk-1\u{a0}"] {
        assert_eq!(keys.store(Holder::Openai, pasted.into()).await, Ok(Place::Stored));
        assert_eq!(exposed(&keys.find(Holder::Openai).await), Some("sk-1"));
    }
    for pasted in ["", " \n", "sk 1", "sk-\n1", "sk-ü", "sk-\u{7}1"] {
        let problem = keys.store(Holder::Endpoint, pasted.into()).await.unwrap_err();
        assert_eq!(problem.code, Code::CredentialRefused, "{pasted:?}");
        assert!(pasted.trim().is_empty() || !problem.detail.contains(pasted.trim()));
    }
    assert_eq!(keys.find(Holder::Endpoint).await.place, Place::Missing);
}

#[tokio::test]
async fn nothing_shows_a_key() {
    let keys = Credentials::with(Arc::new(Failing(|| Error::NoDefaultStore)), no_variables, LIMITS);
    keys.store(Holder::Openai, "sk-secret".into()).await.unwrap();
    let shown = format!("{keys:?} {:?}", keys.find(Holder::Openai).await);
    assert!(!shown.contains("sk-secret"), "{shown}");
}
