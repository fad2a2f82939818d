//! A turn as a `multipart/form-data` body with a WAV file (RFC 7578), and the words of the answer.

use serde_json::Value;

use crate::pcm::Resampler;
use crate::{SAMPLE_RATE, pcm};

/// Samples per second of the file: what speech recognition works with. A third less to send, and twenty minutes fit in.
const RATE: u32 = 16_000;
/// Whisper takes nothing shorter than 100 ms: silence fills it up.
const SHORTEST: usize = RATE as usize / 5;

/// A body with its type.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// The request for the words of `pcm` (24 kHz).
pub(super) fn transcription(model: &str, language: Option<&str>, pcm: &[i16]) -> Form {
    let mut resampler = Resampler::new(SAMPLE_RATE, RATE);
    let mut narrow = resampler.convert(pcm);
    resampler.finish(&mut narrow);
    let file = wav(&narrow);
    let boundary = boundary(&file);
    let mut body = Vec::with_capacity(file.len() + 1_024);
    let mut fields = vec![("model", model), ("response_format", "json")];
    fields.extend(language.map(|language| ("language", language)));
    for (name, value) in fields {
        let value = value.replace(['\r', '\n'], " ");
        let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let part = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(&file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Form { content_type: format!("multipart/form-data; boundary={boundary}"), body }
}

/// A line that is not in the file.
fn boundary(file: &[u8]) -> String {
    let mut boundary = "sidetone-7b1f0c92d5e84a36".to_owned();
    while file.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
        boundary.push('x');
    }
    boundary
}

fn wav(pcm: &[i16]) -> Vec<u8> {
    let count = pcm.len().max(SHORTEST);
    let size = u32::try_from(count * 2).unwrap_or(u32::MAX - 36);
    let mut wav = Vec::with_capacity(44 + count * 2);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * 2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&pcm::bytes(pcm));
    wav.resize(44 + count * 2, 0);
    wav
}

/// The words of an answer; what only describes a noise is none. `None`: this is no answer.
pub(super) fn words(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = answer.get("text").or(Some(&answer))?.as_str()?.trim();
    let is_noise = |open, close| text.starts_with(open) && text.find(close) == text.len().checked_sub(1);
    Some(if is_noise('[', ']') || is_noise('(', ')') { String::new() } else { text.to_owned() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_noises_are_none() {
        assert_eq!(words(br#"{"text":" Hello (again). ","usage":{}}"#).unwrap(), "Hello (again).");
        assert_eq!(words(br#"{"text":"[BLANK_AUDIO]"}"#).unwrap(), "");
        assert_eq!(words(br#"{"text":" (wind blowing)\n"}"#).unwrap(), "");
        assert_eq!(words(br#"{"text":"[a] and [b]"}"#).unwrap(), "[a] and [b]");
        assert_eq!(words(br#""bare""#).unwrap(), "bare");
        for body in [&b""[..], b"{}", b"<html>", b"{\"text\":1}"] {
            assert!(words(body).is_none());
        }
    }

    #[test]
    fn a_boundary_is_never_in_the_file() {
        let file = b"..sidetone-7b1f0c92d5e84a36..sidetone-7b1f0c92d5e84a36x..";
        assert_eq!(boundary(file), "sidetone-7b1f0c92d5e84a36xx");
    }
}
