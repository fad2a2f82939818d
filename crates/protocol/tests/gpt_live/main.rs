//! GPT-Live by scripts: (input, time) → outputs. Every command that the session sends in any test is held against the
//! strict JSON schema, and its sound against the clock.
#![expect(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "tests")]

mod chaos;
mod rig;
mod session;
mod turns;
mod work;
