//! A conversation through a cascade whose ear and mouth are asked over HTTP, from the outside.

#![expect(clippy::unwrap_used, reason = "tests")]

mod chaos;
mod conversation;
mod rig;
mod tools;
