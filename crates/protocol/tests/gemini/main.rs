//! Gemini Live: the conversation through its interpreter, against a fake that is played by hand.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod chaos;
mod ends;
mod messages;
mod open_microphone;
mod push_to_talk;
mod resuming;
mod rig;
mod usage;
