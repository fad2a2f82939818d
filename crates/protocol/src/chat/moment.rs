//! Spans and moments as servers write them. There is no clock here: a moment counts from the server's own `date`.

use std::time::Duration;

/// Nobody waits longer, and sums of times must not overflow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Seconds, also with a fraction.
pub(super) fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok().map(|span| span.min(LONGEST))
}

/// A span as `6m0s`, `20ms`, `1h2m3.5s`, or plain seconds (`12.5`).
pub(super) fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(number) = rest.parse() {
        return seconds(number);
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').filter(|end| *end > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        sum += number
            * match &rest[..letters] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    if text.trim().is_empty() { None } else { seconds(sum) }
}

/// A moment in seconds since 1970: an HTTP date (RFC 9110), RFC 3339, or the seconds or milliseconds themselves.
pub(super) fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number >= 1e12 => Some(number / 1000.0),
        Ok(number) if number >= 1e9 => Some(number),
        Ok(_) => None,
        Err(_) => http_date(text).or_else(|| rfc_3339(text)),
    }
}

/// From one moment to a later one; nothing if it has passed.
pub(super) fn until(moment: f64, now: f64) -> Duration {
    seconds(moment - now).unwrap_or_default()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<f64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year = words.next()?.parse().ok()?;
    Some(days(year, month, day)? + time(words.next()?)?)
}

/// `2026-11-21T16:00:00Z`, also with a fraction or an offset.
fn rfc_3339(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(str::parse);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let end = rest.find(['Z', 'z', '+', '-'])?;
    let offset = match rest[end..].split_at_checked(1)? {
        ("+", offset) => time(offset)?,
        ("-", offset) => -time(offset)?,
        _ => 0.0,
    };
    Some(days(year, month, day)? + time(&rest[..end])? - offset)
}

/// `08:49`, `08:49:37` or `08:49:37.5` in seconds.
fn time(text: &str) -> Option<f64> {
    let mut sum = 0.0;
    for (part, length) in text.split(':').zip([3600.0, 60.0, 1.0]) {
        let number: f64 = part.parse().ok().filter(|number| (0.0..=60.0).contains(number))?;
        sum += number * length;
    }
    Some(sum)
}

/// Seconds from 1970 to the beginning of a day (proleptic Gregorian; days counted from a March, so that leap days come last).
fn days(year: i64, month: i64, day: i64) -> Option<f64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Some(days as f64 * 86_400.0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn spans_of_all_styles_are_read() {
        let cases = [
            ("6m0s", 360.0),
            ("20ms", 0.02),
            ("1h2m3.5s", 3723.5),
            ("7.66s", 7.66),
            ("12", 12.0),
            ("0.25", 0.25),
            ("2m59.56s", 179.56),
            ("34s", 34.0),
            ("1d", 86_400.0),
        ];
        for (text, expected) in cases {
            let read = span(text).unwrap().as_secs_f64();
            assert!((read - expected).abs() < 1e-6, "{text}: {read}");
        }
        for text in ["", "s", "5x", "m5", "-3", "NaN", "1..2s", "soon"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(span("99999999d"), Some(LONGEST));
    }

    #[test]
    fn moments_of_all_styles_are_read() {
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0),
            ("1994-11-06T08:49:37Z", 784_111_777.0),
            ("1994-11-06T09:49:37.5+01:00", 784_111_777.5),
            ("2024-02-29T00:00:00Z", 1_709_164_800.0),
            ("2000-03-01T00:00:00Z", 951_868_800.0),
            ("1709164800", 1_709_164_800.0),
            ("1709164800500", 1_709_164_800.5),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        for text in ["", "12", "soon", "2026-13-01T00:00:00Z", "1994-11-06", "Sun, 06 Foo 1994 08:49:37 GMT", "a, b"] {
            assert_eq!(moment(text), None, "{text}");
        }
        assert_eq!(until(10.0, 20.0), Duration::ZERO);
        assert_eq!(until(20.0, 10.0), Duration::from_secs(10));
    }
}
