use chrono::NaiveDate;
use serde_json::{Value, json};

/// What became of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There are no sessions, and nothing was written.
    Empty,
    /// The file was written.
    Written(Counts),
    /// The file there is of the same objects.
    Unchanged(Counts),
    /// The file there is of more objects than are left, so it stays.
    Refused { objects: u64, left: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows of the file.
    pub(crate) sessions: u64,
    /// Objects that hold no session.
    pub(crate) skipped: u64,
    /// All objects of the day, gzipped.
    pub(crate) bytes_in: u64,
    /// The file.
    pub(crate) bytes_out: u64,
}

impl Outcome {
    pub(crate) fn skipped(self) -> u64 {
        match self {
            Self::Written(counts) | Self::Unchanged(counts) => counts.skipped,
            Self::Empty | Self::Refused { .. } => 0,
        }
    }

    pub(crate) fn is_refused(self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// For people.
    pub(crate) fn sentence(self, day: NaiveDate) -> String {
        match self {
            Self::Empty => format!("{day}: no sessions, nothing written"),
            Self::Written(counts) => format!("{day}: {}", counts.sentence()),
            Self::Unchanged(counts) if counts.skipped > 0 => {
                format!("{day}: unchanged; {}; --force names them", counts.sentence())
            }
            Self::Unchanged(counts) => format!("{day}: unchanged; {}", counts.sentence()),
            Self::Refused { objects, left } => format!(
                "{day}: left as it is: the file is of {objects} objects, and {left} are left; --force writes it anew"
            ),
        }
    }

    /// For programs.
    pub(crate) fn json(self, day: NaiveDate) -> Value {
        let none = Counts { sessions: 0, skipped: 0, bytes_in: 0, bytes_out: 0 };
        let (outcome, counts) = match self {
            Self::Empty => ("empty", none),
            Self::Written(counts) => ("written", counts),
            Self::Unchanged(counts) => ("unchanged", counts),
            Self::Refused { .. } => ("refused", none),
        };
        json!({
            "day": day.to_string(),
            "outcome": outcome,
            "unchanged": outcome == "unchanged",
            "sessions": counts.sessions,
            "skipped": counts.skipped,
            "bytes_in": counts.bytes_in,
            "bytes_out": counts.bytes_out,
        })
    }
}

impl Counts {
    fn sentence(self) -> String {
        let Self { sessions, skipped, bytes_in, bytes_out } = self;
        let written = format!("{sessions} sessions, {bytes_in} bytes of gzip, {bytes_out} bytes of Parquet");
        if skipped > 0 { format!("{written}; {skipped} objects hold no session") } else { written }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_to_people_and_to_programs() {
        let day = "2025-10-29".parse().unwrap();
        let counts = Counts { sessions: 2, skipped: 0, bytes_in: 700, bytes_out: 9_000 };
        let odd = Counts { skipped: 1, ..counts };
        let outcomes = [
            Outcome::Empty,
            Outcome::Written(counts),
            Outcome::Written(odd),
            Outcome::Unchanged(counts),
            Outcome::Unchanged(odd),
            Outcome::Refused { objects: 7, left: 5 },
        ];
        let sentences: Vec<_> = outcomes.iter().map(|outcome| outcome.sentence(day)).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        2025-10-29: no sessions, nothing written
        2025-10-29: 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet
        2025-10-29: 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 objects hold no session
        2025-10-29: unchanged; 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet
        2025-10-29: unchanged; 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 objects hold no session; --force names them
        2025-10-29: left as it is: the file is of 7 objects, and 5 are left; --force writes it anew
        ");
        assert_eq!(Outcome::Unchanged(odd).json(day)["skipped"], 1);
        insta::assert_snapshot!(Outcome::Written(counts).json(day), @r#"{"bytes_in":700,"bytes_out":9000,"day":"2025-10-29","outcome":"written","sessions":2,"skipped":0,"unchanged":false}"#);
    }
}
