//! Reading a picture out of an app's answer: bytes, a data URL, or the address of a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::chat::{Failure, FailureKind};
use serde_json::Value;

use super::{LARGEST, Picture};

/// Where an answer has its picture.
#[derive(Debug)]
pub(super) enum Found {
    Here(Picture),
    /// To be fetched, without a key.
    At(String),
}

/// `{"images": [{"url": …}], "has_nsfw_concepts": [false], …}`, or `{"image": {"url": …}}`.
pub(super) fn read(answer: &Value) -> Result<Found, Failure> {
    let marks = answer.get("has_nsfw_concepts").and_then(Value::as_array);
    if marks.and_then(|marks| marks.first()?.as_bool()) == Some(true) {
        return Err(blocked());
    }
    let image =
        answer.pointer("/images/0").or_else(|| answer.get("image")).ok_or_else(|| broken("without a picture"))?;
    let url = image.as_str().or_else(|| image.get("url")?.as_str());
    match url.ok_or_else(|| broken("without a picture"))? {
        data if data.starts_with("data:") => Ok(Found::Here(of_data_url(data)?)),
        url => Ok(Found::At(url.to_owned())),
    }
}

pub(super) fn blocked() -> Failure {
    Failure::new(FailureKind::Refused, "the picture was held back by the safety checker")
}

fn of_data_url(url: &str) -> Result<Picture, Failure> {
    let data = url.split_once(";base64,").map(|(_, data)| data).ok_or_else(|| broken("with a picture of odd form"))?;
    if data.len() / 4 * 3 > LARGEST + 3 {
        return Err(too_large());
    }
    let bytes = STANDARD.decode(data).map_err(|_| broken("with a picture of odd form"))?;
    picture(bytes)
}

/// Only what the page can show, by what the bytes say themselves.
pub(super) fn picture(bytes: Vec<u8>) -> Result<Picture, Failure> {
    if bytes.len() > LARGEST {
        return Err(too_large());
    }
    let mime = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return Err(broken("with a file that is neither PNG, JPEG nor WebP")),
    };
    Ok(Picture { bytes, mime })
}

pub(super) fn broken(how: &str) -> Failure {
    Failure::new(FailureKind::Broken, format!("fal answered {how}"))
}

pub(super) fn too_large() -> Failure {
    broken("with more than 20 MB")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_an_answer_is_read() {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(b"\x89PNG\r\n\x1a\n rest"));
        for answer in [
            json!({ "images": [{ "url": url, "content_type": "text/html" }] }),
            json!({ "image": { "url": url } }),
            json!({ "images": [url], "has_nsfw_concepts": [false] }),
        ] {
            let Found::Here(picture) = read(&answer).unwrap() else { panic!("{answer}") };
            assert_eq!(picture.mime, "image/png");
        }
        let Found::At(url) = read(&json!({ "images": [{ "url": "https://files.test/a.png" }] })).unwrap() else {
            panic!("an address")
        };
        assert_eq!(url, "https://files.test/a.png");
    }

    #[test]
    fn what_is_no_picture_is_not_taken() {
        let held = json!({ "images": [{ "url": "data:image/png;base64,AA==" }], "has_nsfw_concepts": [true] });
        assert_eq!(read(&held).unwrap_err().kind, FailureKind::Refused);
        for odd in [
            json!({}),
            json!(null),
            json!({ "images": [] }),
            json!({ "images": [{ "url": 7 }] }),
            json!({ "images": [{ "url": "data:image/png,plain" }] }),
            json!({ "images": [{ "url": "data:image/png;base64,!" }] }),
            json!({ "images": [{ "url": "data:image/png;base64,PHN2Zz4=" }] }),
        ] {
            assert_eq!(read(&odd).unwrap_err().kind, FailureKind::Broken, "{odd}");
        }
        assert_eq!(picture(b"<svg onload='x'/>".to_vec()).unwrap_err().kind, FailureKind::Broken);
        assert_eq!(picture(vec![0xFF; LARGEST + 1]).unwrap_err().kind, FailureKind::Broken);
        assert_eq!(picture(b"RIFF\0\0\0\0WEBPVP8 ".to_vec()).unwrap().mime, "image/webp");
        assert_eq!(picture(vec![0xFF, 0xD8, 0xFF, 0xE0]).unwrap().mime, "image/jpeg");
    }
}
