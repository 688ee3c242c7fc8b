//! The header `Retry-After`, as it comes from a server that nobody vouches for.

use std::time::{Duration, SystemTime};

/// How long a server asks to be left alone by its `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3), but never
/// longer than `longest`: a server, or what is before it, may say anything. None where it says nothing that can be read.
pub fn retry_after(header: &str, now: SystemTime, longest: Duration) -> Option<Duration> {
    let header = header.trim();
    let asked = if header.chars().all(|character| character.is_ascii_digit()) && !header.is_empty() {
        // More seconds than a number can hold are many.
        header.parse().map_or(Duration::MAX, Duration::from_secs)
    } else if let Ok(seconds) = header.parse::<f64>() {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let date = httpdate::parse_http_date(header).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(asked.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn asked(header: &str) -> Option<u64> {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(header, now, MINUTE).map(|pause| pause.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        for (header, seconds) in [
            ("0", 0),
            ("7", 7),
            (" 7 ", 7),
            ("1.5", 1),
            ("86400", 60),
            ("18446744073709551615", 60),
            ("99999999999999999999999999", 60),
            ("Sun, 06 Nov 1994 08:49:40 GMT", 3),
            ("Sunday, 06-Nov-94 08:49:40 GMT", 3),
            ("Sun Nov  6 08:49:40 1994", 3),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
            ("Tue, 31 Dec 2999 23:59:59 GMT", 60),
        ] {
            assert_eq!(asked(header), Some(seconds), "{header}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for header in
            ["", "-1", "-0.5", "soon", "NaN", "inf", "1e999", "5 seconds", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(asked(header), None, "{header}");
        }
    }
}
