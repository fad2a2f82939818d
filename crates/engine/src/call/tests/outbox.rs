//! What has no answer survives the program, and nobody else can read it.

use std::fs;
use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::*;

/// One user with a keychain, and everything that is kept between two runs.
struct Home {
    folder: Arc<tempfile::TempDir>,
    credentials: Credentials,
}

impl Home {
    async fn new() -> Self {
        let home = Self { folder: Arc::new(tempfile::tempdir().unwrap()), credentials: Credentials::with_keychain() };
        home.credentials.store(Holder::Openai, SecretString::from("sk-test")).await.unwrap();
        home
    }

    fn run(&self, partner: &Emulator, settings: Value, speech_ms: u32) -> Rig {
        Rig::at(Arc::clone(&self.folder), self.credentials.clone(), partner.base_url(), settings, speech_ms)
    }

    /// What lies in the outbox, but for its lock.
    fn letters(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("outbox")).into_iter().flatten().flatten();
        let files =
            entries.map(|entry| entry.path()).filter(|path| path.file_name().is_some_and(|name| name != "lock"));
        files.filter(|path| path.extension().is_none_or(|ending| ending != "new")).collect()
    }

    async fn seal(&self) -> Vec<u8> {
        self.credentials.known_seal().await.unwrap().unwrap().expose_secret().to_vec()
    }
}

impl Rig {
    /// Waits until the outbox has done what it was asked to.
    async fn journalled(&mut self) {
        if let Some(done) = self.call.journalled() {
            tokio::time::timeout(LIMIT, done).await.unwrap().unwrap();
        }
    }

    /// Lets the call go on until so many letters are there; in the call itself nothing need happen meanwhile.
    async fn until_letters(&mut self, home: &Home, count: usize) -> Snapshot {
        let start = tokio::time::Instant::now();
        while home.letters().len() != count {
            assert!(start.elapsed() < LIMIT, "{} letters instead of {count}", home.letters().len());
            tokio::select! {
                happening = self.call.next() => self.call.happen(happening, &mut self.board),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
        self.now()
    }

    /// The program is gone, without a word.
    fn crash(self) {
        drop(self);
    }
}

/// Nobody listens there.
fn nowhere() -> Value {
    let mut settings = json!({ "call": { "provider": "openai", "route": "direct" } });
    settings["providers"]["openai"]["base_url"] = json!("http://127.0.0.1:9/v1");
    settings
}

fn is_unsent(now: &Snapshot, index: usize) -> bool {
    let item = now.items.get(index);
    item.is_some_and(|item| {
        item.delivery == Delivery::Kept && item.problem.as_ref().is_some_and(|problem| problem.code == Code::Unsent)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_without_answer_is_on_disk_for_nobody_else_to_read_until_it_is_answered() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, nowhere(), 600);
    rig.call.press(&mut rig.board);
    rig.until("it is kept", |now| delivery(now, 0) == Some(Delivery::Kept)).await;
    rig.call.say("the cherries are ripe", &mut rig.board);
    rig.until_letters(&home, 2).await;
    rig.journalled().await;
    let seal = home.seal().await;
    for letter in home.letters() {
        let bytes = fs::read(&letter).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!has(b"cherries") && !has(b"spoken") && !has(b"typed") && !has(&seal), "{letter:?}");
        // 600 ms are packed small, and look like noise.
        let kinds = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(bytes.len() < 4_000 && kinds > 60, "{} bytes, {kinds} kinds", bytes.len());
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&letter).unwrap().permissions()) & 0o777,
            0o600
        );
    }
    for file in fs::read_dir(home.folder.path()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        assert!(!bytes.windows(seal.len()).any(|window| window == seal), "the key is in {:?}", file.path());
    }
    rig.configure(openai(&partner));
    rig.call.resend(&mut rig.board);
    rig.until("both are answered", |now| now.call.waiting == 0).await;
    rig.until_letters(&home, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_over_which_the_program_died_is_listed_and_answered_in_the_next_run() {
    for mode in [json!({}), open()] {
        let (home, partner) = (Home::new().await, practice().await);
        let settings = config::merge(&Settings::default(), &openai(&partner)).unwrap();
        let settings = serde_json::to_value(config::merge(&settings, &mode).unwrap()).unwrap();
        let mut rig = home.run(&partner, settings.clone(), 20_000);
        rig.call.press(&mut rig.board);
        let now = rig.until_letters(&home, 1).await;
        assert_eq!(delivery(&now, 0), Some(Delivery::Recording), "in the middle of it");
        rig.crash();

        let server = practice().await;
        let mut again = home.run(&server, openai(&server), 600);
        let now = again.until("it is listed", |now| now.call.waiting == 1).await;
        assert!(is_unsent(&now, 0) && now.items[0].duration_ms > 1_000, "{:#?}", now.items);
        assert!(now.items[0].at <= crate::call::unix_ms() - 1_000, "it was said then, not now");
        assert_eq!((now.call.link, now.call.is_armed), (Link::Idle, false), "nothing happens by itself");
        again.call.resend(&mut again.board);
        again.until_answered(0).await;
        again.until_letters(&home, 0).await;
        assert!(server.record().violations.is_empty(), "{:?}", server.record().violations);
        again.crash();
        let mut third = home.run(&server, openai(&server), 600);
        third.call.say("Hello", &mut third.board);
        let now = third.until_answered(0).await;
        assert_eq!(now.items.len(), 2, "what was answered does not come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_left_can_be_forgotten_for_good() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, nowhere(), 600);
    rig.call.say("first", &mut rig.board);
    rig.call.say("second", &mut rig.board);
    rig.until_letters(&home, 2).await;
    rig.crash();
    let mut again = home.run(&partner, nowhere(), 600);
    let now = again.until("they are listed", |now| now.call.waiting == 2).await;
    assert_eq!((now.items[0].text.as_str(), now.items[1].text.as_str()), ("first", "second"));
    again.call.forget(now.items[0].id, &mut again.board);
    again.until_letters(&home, 1).await;
    again.call.clear(&mut again.board);
    assert_eq!(again.now().call.waiting, 0);
    again.until_letters(&home, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_keeps_what_waits() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, nowhere(), 600);
    rig.call.say("first", &mut rig.board);
    rig.until_letters(&home, 1).await;
    rig.call.hang_up(&mut rig.board);
    rig.journalled().await;
    assert_eq!((rig.now().call.waiting, home.letters().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_key_a_letter_is_set_aside_and_not_lost() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, nowhere(), 600);
    rig.call.say("first", &mut rig.board);
    rig.until_letters(&home, 1).await;
    rig.crash();
    let before = fs::read(&home.letters()[0]).unwrap();
    let stranger = Home { folder: Arc::clone(&home.folder), credentials: Credentials::with_keychain() };
    let mut again = stranger.run(&partner, nowhere(), 600);
    let is_aside = |home: &Home| home.letters()[0].to_string_lossy().ends_with(".turn.damaged");
    // Nothing happens in the call that it could wait for.
    let looking = async {
        while !is_aside(&home) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, looking).await.unwrap();
    again.journalled().await;
    assert_eq!((again.now().items.len(), fs::read(&home.letters()[0]).unwrap()), (0, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_nothing_is_written_and_nothing_is_lost() {
    let (home, partner) = (Home::new().await, practice().await);
    let keyless = Credentials::without_keychain(|name| (name == "OPENAI_API_KEY").then(|| "sk-test".into()));
    let mut rig = Rig::at(Arc::clone(&home.folder), keyless, partner.base_url(), nowhere(), 600);
    rig.call.press(&mut rig.board);
    rig.until("it is kept", |now| delivery(now, 0) == Some(Delivery::Kept)).await;
    rig.call.say("first", &mut rig.board);
    rig.journalled().await;
    assert!(home.letters().is_empty());
    rig.configure(openai(&partner));
    rig.call.resend(&mut rig.board);
    rig.until("both are answered", |now| now.call.waiting == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_of_the_practice_partner_touch_neither_keychain_nor_disk() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, json!({}), 600);
    rig.call.press(&mut rig.board);
    rig.until_answered(0).await;
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(2).await;
    rig.journalled().await;
    assert!(home.credentials.known_seal().await.unwrap().is_none() && !home.folder.path().join("outbox").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_dropped_leaves_nothing() {
    let (home, partner) = (Home::new().await, practice().await);
    let mut rig = home.run(&partner, nowhere(), 20_000);
    rig.call.press(&mut rig.board);
    rig.until_letters(&home, 1).await;
    rig.call.discard(&mut rig.board);
    rig.until_letters(&home, 0).await;
}
