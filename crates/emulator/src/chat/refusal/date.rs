//! Points in time, in UTC, as headers tell them.

use std::time::Duration;

/// As in `retry-after`: `Sat, 21 Nov 2026 15:45:01 GMT` (RFC 9110, 5.6.7).
pub(super) fn http(since_1970: Duration) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let weekday = WEEKDAYS.get((seconds / 86_400 % 7) as usize).unwrap_or(&"");
    let month = MONTHS.get(month as usize - 1).unwrap_or(&"");
    format!("{weekday}, {day:02} {month} {year} {} GMT", clock(seconds))
}

/// `2026-11-21T15:45:01Z`
pub(super) fn rfc3339(since_1970: Duration) -> String {
    let (year, month, day) = civil(since_1970.as_secs() / 86_400);
    format!("{year}-{month:02}-{day:02}T{}Z", clock(since_1970.as_secs()))
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Year, month, day; years are taken to begin in March, so that the odd day comes last (Howard Hinnant's algorithm).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendar_s() {
        for (seconds, http_date, rfc_date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00Z"),
            (1_795_275_901, "Sat, 21 Nov 2026 15:45:01 GMT", "2026-11-21T15:45:01Z"),
        ] {
            assert_eq!(http(Duration::from_secs(seconds)), http_date);
            assert_eq!(rfc3339(Duration::from_secs(seconds)), rfc_date);
        }
    }
}
