//! The OpenAI Realtime session by scripts: (input, time) → outputs. Every frame that the session sends in any test is
//! held against the strict JSON schema and read by async-openai's types.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod barge_in;
mod captions;
mod chaos;
mod errors;
mod floor;
mod honest;
mod limits;
mod long;
mod messages;
mod open_microphone;
mod opening;
mod own_ear;
mod push_to_talk;
mod reconnecting;
mod restored;
mod rig;
mod server;
mod taking_over;
mod tools;
