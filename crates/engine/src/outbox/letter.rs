//! One file of the outbox: a line that says what it is, a nonce, and the sealed rest.
//!
//! ```text
//! "sidetone outbox 1\n" ─ nonce (12) ─ sealed { length of the header (u32) ─ header (JSON) ─ words or speech } ─ tag (16)
//! ```

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::credential::Seal;

const MAGIC: &[u8] = b"sidetone outbox 1\n";
const VERSION: u32 = 1;
/// What the name of every file ends in.
const ENDING: &str = ".turn";

/// What a letter is called, on disk and to the engine: when it was said, unix ms, and a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) at: i64,
    id: u64,
}

/// What was said.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// As [`audio::speech`] packs it.
    Speech(Vec<u8>),
    Words(String),
}

/// Why a letter cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Made by a newer version of the program.
    #[error("it is of a newer version")]
    Newer,
    /// Another key sealed it, or it is damaged.
    #[error("it does not open with the key of the keychain")]
    Sealed,
    /// It is no letter.
    #[error("it is damaged")]
    Damaged,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    id: String,
    /// Unix ms.
    at: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Spoken,
    Typed,
}

impl Name {
    /// `count` tells apart, and in order, what was said in one millisecond; another run's are told by chance.
    pub(super) fn new(at: i64, count: u32) -> Self {
        Self { at: at.max(0), id: (u64::from(count) << 32) | u64::from(fastrand::u32(..)) }
    }

    pub(super) fn file(self) -> String {
        format!("{:013}-{:016x}{ENDING}", self.at, self.id)
    }

    pub(super) fn read(file: &str) -> Option<Self> {
        let (at, id) = file.strip_suffix(ENDING)?.split_once('-')?;
        let name = Self { at: at.parse().ok()?, id: u64::from_str_radix(id, 16).ok()? };
        (name.file() == file).then_some(name)
    }
}

/// What was said is nobody's business, the log's neither.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Speech(_) => "Speech",
            Self::Words(_) => "Words",
        })
    }
}

/// Seals a letter. `None`: the system gives no random numbers.
pub(super) fn seal(name: Name, body: &Body, seal: &Seal) -> Option<Vec<u8>> {
    let (kind, content) = match body {
        Body::Speech(packed) => (Kind::Spoken, packed.as_slice()),
        Body::Words(words) => (Kind::Typed, words.as_bytes()),
    };
    let header = Header { version: VERSION, id: name.file(), at: name.at, kind };
    let header = serde_json::to_vec(&header).ok()?;
    let mut sealed = Vec::with_capacity(4 + header.len() + content.len() + CHACHA20_POLY1305.tag_len());
    sealed.extend(u32::try_from(header.len()).ok()?.to_le_bytes());
    sealed.extend(header);
    sealed.extend(content);
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let with = Nonce::assume_unique_for_key(nonce);
    key(seal)?.seal_in_place_append_tag(with, Aad::from(MAGIC), &mut sealed).ok()?;
    Some([MAGIC, &nonce, &sealed].concat())
}

/// Opens a letter.
pub(super) fn open(name: Name, bytes: &[u8], seal: &Seal) -> Result<Body, Unreadable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::Damaged)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable::Damaged)?;
    let mut sealed = sealed.to_vec();
    let key = key(seal).ok_or(Unreadable::Sealed)?;
    let with = Nonce::assume_unique_for_key(*nonce);
    let plain = key.open_in_place(with, Aad::from(MAGIC), &mut sealed).map_err(|_| Unreadable::Sealed)?;
    let (length, rest) = plain.split_first_chunk::<4>().ok_or(Unreadable::Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (header, content) = rest.split_at_checked(length).ok_or(Unreadable::Damaged)?;
    let version =
        serde_json::from_slice::<serde_json::Value>(header).ok().and_then(|header| header["version"].as_u64());
    if version.is_some_and(|version| version > u64::from(VERSION)) {
        return Err(Unreadable::Newer);
    }
    let header: Header = serde_json::from_slice(header).map_err(|_| Unreadable::Damaged)?;
    if header.id != name.file() || header.at != name.at {
        return Err(Unreadable::Damaged);
    }
    match header.kind {
        Kind::Spoken => Ok(Body::Speech(content.to_vec())),
        Kind::Typed => String::from_utf8(content.to_vec()).map(Body::Words).map_err(|_| Unreadable::Damaged),
    }
}

fn key(seal: &Seal) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, seal.expose_secret()).ok().map(LessSafeKey::new)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn seal_of(byte: u8) -> Seal {
        Seal::init_with_mut(|bytes: &mut [u8; 32]| bytes.fill(byte))
    }

    #[test]
    fn a_letter_opens_with_its_key_under_its_name_and_not_otherwise() {
        let (name, body) = (Name::new(1_700_000_000_123, 0), Body::Words("meet me at nine".into()));
        let bytes = seal(name, &body, &seal_of(1)).unwrap();
        assert_eq!(open(name, &bytes, &seal_of(1)), Ok(body.clone()));
        assert_eq!(open(name, &bytes, &seal_of(2)), Err(Unreadable::Sealed));
        assert_eq!(open(Name::new(name.at, 0), &bytes, &seal_of(1)), Err(Unreadable::Damaged));
        assert!(!bytes.windows(4).any(|part| part == b"nine" || part == b"kind"));
        assert_ne!(seal(name, &body, &seal_of(1)).unwrap(), bytes, "no nonce comes twice");
    }

    #[test]
    fn a_single_wrong_bit_or_a_missing_byte_is_noticed() {
        let (name, body) = (Name::new(7, 0), Body::Speech(vec![3; 20]));
        let bytes = seal(name, &body, &seal_of(1)).unwrap();
        for at in 0..bytes.len() {
            let mut odd = bytes.clone();
            odd[at] ^= 4;
            assert!(open(name, &odd, &seal_of(1)).is_err(), "byte {at}");
            assert!(open(name, &bytes[..at], &seal_of(1)).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn names_are_read_as_they_were_written_and_sort_by_time() {
        let (old, new) = (Name::new(999, 0), Name::new(1_700_000_000_123, 0));
        assert_eq!((Name::read(&old.file()), Name::read(&new.file())), (Some(old), Some(new)));
        assert!(old < new && old.file() < new.file());
        assert!((1..9).all(|count| Name::new(7, count) < Name::new(7, count + 1)));
        for odd in ["lock", "x.turn", "1-2.turn", "0000000000007-0000000000000001.turn.damaged"] {
            assert_eq!(Name::read(odd), None);
        }
    }

    #[test]
    fn debug_tells_no_words() {
        assert_eq!(format!("{:?}", Body::Words("secret".into())), "Words");
    }
}
