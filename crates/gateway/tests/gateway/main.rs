//! The gateway as a whole, against scripted servers. Time is virtual: waits take none.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod caching;
mod fallback;
mod limits;
mod money;
mod passage;
mod raw;
mod rig;
mod service_account;
mod socket;
mod spares;
mod streams;
mod together;
mod ways;
