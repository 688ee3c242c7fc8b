use std::fmt;

use chrono::{Datelike as _, NaiveDate};

/// A UTC day of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) NaiveDate);

impl Day {
    /// What the keys of the day's sessions begin with.
    pub(crate) fn sessions(self, prefix: &str) -> String {
        format!("{prefix}sessions/{}/", self.partition())
    }

    /// Key of the day's Parquet file.
    pub(crate) fn parquet_file(self, prefix: &str) -> String {
        format!("{prefix}sessions-parquet/{}/sessions.parquet", self.partition())
    }

    /// As [`schemas::SessionIdentity::object_key`] has it.
    fn partition(self) -> String {
        let Self(date) = self;
        format!("year={:04}/month={:02}/day={:02}", date.year(), date.month(), date.day())
    }

    /// The days from this one to another; none where that one is earlier.
    pub(crate) fn until(self, last: Self) -> impl Iterator<Item = Self> {
        self.0.iter_days().take_while(move |date| *date <= last.0).map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use schemas::{SessionId, SessionIdentity, timestamp};

    use super::*;

    fn day(text: &str) -> Day {
        Day(text.parse().unwrap())
    }

    #[test]
    fn a_days_folder_is_where_the_sink_puts_its_sessions() {
        let identity = SessionIdentity {
            session_id: SessionId::try_from("room".to_owned()).unwrap(),
            job_id: "AJ_1".to_owned(),
        };
        let key = identity.object_key(&timestamp::parse("2025-01-09T23:59:59.999Z").unwrap());
        assert!(format!("voice/{key}").starts_with(&day("2025-01-09").sessions("voice/")), "{key}");
        assert_eq!(
            day("2025-01-09").parquet_file("voice/"),
            "voice/sessions-parquet/year=2025/month=01/day=09/sessions.parquet"
        );
    }

    #[test]
    fn days_are_counted_with_both_ends() {
        let days: Vec<_> = day("2024-02-28").until(day("2024-03-01")).map(|day| day.to_string()).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(day("2024-02-28").until(day("2024-02-27")).count(), 0);
    }
}
