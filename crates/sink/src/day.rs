//! Days as a person or a clock's command names them. An image has no shell that could work out yesterday's date.

use chrono::{Days, NaiveDate, Utc};

const WANTED: &str = "wanted: a day such as 2026-11-01, today, yesterday, or 8-days-ago";

/// A day of UTC: a date such as 2026-11-01, `today`, `yesterday`, or `8-days-ago`.
///
/// # Errors
/// It is none of these.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    seen_from(text, Utc::now().date_naive())
}

fn seen_from(text: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    let days_ago = match text {
        "today" => 0,
        "yesterday" => 1,
        _ => match text.strip_suffix("-days-ago").map(str::parse::<u64>) {
            Some(Ok(days)) => days,
            _ => return text.parse().map_err(|_| WANTED.to_owned()),
        },
    };
    today.checked_sub_days(Days::new(days_ago)).ok_or_else(|| "there is no such day".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_or_so_many_days_ago() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
        let seen = |text| seen_from(text, today).map(|day| day.to_string());
        assert_eq!(seen("2025-10-29").unwrap(), "2025-10-29");
        assert_eq!(seen("today").unwrap(), "2026-11-01");
        assert_eq!(seen("yesterday").unwrap(), "2026-10-31");
        assert_eq!(seen("8-days-ago").unwrap(), "2026-10-24");
        for text in ["", "tomorrow", "-1-days-ago", "8 days ago", "2026-02-30"] {
            assert!(seen(text).unwrap_err().contains("8-days-ago"), "{text}");
        }
        assert!(seen("99999999999-days-ago").is_err());
    }
}
