//! The rig of the whole-app tests: a private sound card, keychain, bus and display, and the real program among them.
//!
//! Everything lives in a folder of its own and ends with the value that started it, so tests run side by side and
//! leave nothing behind. What a test needs and does not find is an error that says what to install; nothing is skipped.

#![cfg(target_os = "linux")]

mod cli;
mod daemon;
mod display;
mod keyring;
mod sound;
mod sound_card;
mod stage;
mod window;

use std::time::{Duration, Instant};

pub use cli::{Outcome, Running};
pub use keyring::Keychain;
pub use sound::{Sound, rms_dbfs};
pub use sound_card::{Recording, SoundCard};
pub use stage::{Stage, program, project};
pub use window::{Role, Window};

/// How long something may take that takes milliseconds on an idle machine.
pub const LIMIT: Duration = Duration::from_secs(15);

/// Waits until `look` finds something, at most [`LIMIT`].
///
/// # Panics
/// It did not happen; `what` says what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited {} s in vain: {what}", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// [`until`] for what happens before there is a runtime.
fn until_blocking<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited {} s in vain: {what}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The rig itself, against bare tools: a test that fails here says nothing about the program.
#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_played_is_recorded() {
        let stage = Stage::new().with_sound_card();
        let recording = stage.card().record().await;
        let words = Sound::fixture("interruption.wav");
        stage.card().play_on_speaker(&words).await;
        recording.until_heard(&words).await;
        assert_eq!(stage.card().listeners(), 0);
    }

    #[tokio::test]
    async fn what_is_said_comes_out_of_the_microphone() {
        let stage = Stage::new().with_sound_card();
        let recording = stage.card().record_microphone().await;
        assert_eq!(stage.card().listeners(), 1);
        let words = Sound::fixture("question.wav");
        stage.card().say(&words).await;
        recording.until_heard(&words).await;
    }

    #[test]
    fn a_killed_sound_server_comes_back() {
        let mut stage = Stage::new().with_sound_card();
        stage.card_mut().kill();
        stage.card_mut().restart();
        let number = stage.card().load(&["module-null-sink", "sink_name=second"]);
        stage.card().unload(&number);
    }

    #[test]
    fn keychains_are_unlocked_locked_or_absent() {
        let unlocked = Stage::new().with_keychain(Keychain::Unlocked);
        assert!(unlocked.keep_secret("word", &[("service", "test")]));
        assert_eq!(unlocked.secret(&[("service", "test")]).as_deref(), Some("word"));
        let absent = Stage::new();
        assert!(!absent.keep_secret("word", &[("service", "test")]));
        let locked = Stage::new().with_keychain(Keychain::Locked);
        assert_eq!(locked.secret(&[("service", "test")]), None);
    }
}
