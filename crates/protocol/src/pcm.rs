//! Sound as wires carry it: 16-bit PCM, little endian, as bytes or in base64, whole or in pieces.

mod rate;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use serde::Serializer;

pub(crate) use rate::Resampler;

/// Padding is not insisted on.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Little-endian bytes of samples.
pub(crate) fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Samples as a JSON frame carries them, for `serialize_with`.
pub(crate) fn serialize<S: Serializer>(pcm: &[i16], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64(&bytes(pcm)))
}

/// What is whole of the samples that wait in `rest` and of `pcm`, in frames of this many; what is over waits.
pub(crate) fn whole_frames(rest: &mut Vec<i16>, pcm: &[i16], frame: usize) -> Vec<i16> {
    rest.extend_from_slice(pcm);
    let over = rest.split_off(rest.len() / frame * frame);
    std::mem::replace(rest, over)
}

/// Bytes for a JSON frame.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes of a JSON frame; `None`: it was not base64.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let bytes = LENIENT.decode(text).ok();
    if bytes.is_none() {
        tracing::warn!("sound that is not base64 ignored");
    }
    bytes
}

/// Pieces of one sound, which may be cut in the middle of a sample.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    low: Option<u8>,
}

impl Pieces {
    /// The whole samples of the next piece, and what the one before left over.
    pub(crate) fn samples(&mut self, bytes: &[u8]) -> Vec<i16> {
        let whole: Vec<u8> = self.low.take().into_iter().chain(bytes.iter().copied()).collect();
        let pairs = whole.chunks_exact(2);
        self.low = pairs.remainder().first().copied();
        pairs.filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(i16::from_le_bytes).collect()
    }

    /// The sound is over: whether half a sample is left, which is dropped.
    pub(crate) fn end(&mut self) -> bool {
        self.low.take().is_some()
    }

    /// The same of a JSON frame's base64.
    pub(crate) fn decode(&mut self, text: &str) -> Option<Vec<i16>> {
        decoded(text).map(|bytes| self.samples(&bytes))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn samples_may_be_cut_between_pieces() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.samples(&[1, 0, 2]), [1]);
        assert!(pieces.samples(&[]).is_empty());
        assert_eq!(pieces.samples(&[0, 3, 0]), [2, 3]);
        assert!(!pieces.end());
        assert!(pieces.samples(&[4]).is_empty());
        assert!(pieces.end() && !pieces.end(), "half a sample is left over once");
        assert_eq!(pieces.decode(&base64(&bytes(&[-7, 8]))).unwrap(), [-7, 8]);
        assert_eq!(pieces.decode("AQA").unwrap(), [1], "without padding");
        assert!(pieces.decode("no sound").is_none());
    }

    #[test]
    fn frames_are_whole_and_the_rest_waits() {
        let mut rest = vec![1];
        assert_eq!(whole_frames(&mut rest, &[2, 3, 4, 5], 2), [1, 2, 3, 4]);
        assert_eq!(rest, [5]);
        assert!(whole_frames(&mut rest, &[], 2).is_empty());
        assert_eq!(rest, [5]);
    }
}
