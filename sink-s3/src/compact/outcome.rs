//! What is printed of a day after its compaction.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::compact::stored::Contents;

/// What became of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There are no sessions, and nothing was written.
    Empty,
    /// The file was written.
    Written(Counts),
    /// The file there is of the same objects, or all of them are gone.
    Unchanged(Counts),
    /// The file there cannot be read. It may hold sessions whose objects are gone, so it stays.
    Refused { reason: String },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// What the file holds.
    pub(crate) contents: Contents,
    /// Objects that are listed and could not be read. They are not in the file, and are looked for again.
    pub(crate) not_given: u64,
    /// All objects of the day, gzipped.
    pub(crate) bytes_in: u64,
    /// Size of the file.
    pub(crate) bytes_out: u64,
}

impl Outcome {
    pub(crate) fn skipped(&self) -> u64 {
        match self {
            Self::Written(counts) | Self::Unchanged(counts) => counts.contents.skipped,
            Self::Empty | Self::Refused { .. } => 0,
        }
    }

    pub(crate) fn not_given(&self) -> u64 {
        match self {
            Self::Written(counts) => counts.not_given,
            Self::Unchanged(_) | Self::Empty | Self::Refused { .. } => 0,
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The line that a person reads.
    pub(crate) fn sentence(&self, day: NaiveDate) -> String {
        match self {
            Self::Empty => format!("{day}: no sessions, nothing written"),
            Self::Written(counts) => format!("{day}: {}", counts.sentence()),
            // Written anew, it would lose those that are kept.
            Self::Unchanged(counts) if counts.contents.skipped > 0 && counts.contents.kept == 0 => {
                format!("{day}: unchanged; {}; --force names them", counts.sentence())
            }
            Self::Unchanged(counts) => format!("{day}: unchanged; {}", counts.sentence()),
            Self::Refused { reason } => format!(
                "{day}: left as it is: the file there cannot be read, and may hold sessions that are nowhere else: {reason}; \
                 --force writes it anew from the objects there are"
            ),
        }
    }

    /// The object that `--json` prints.
    pub(crate) fn json(&self, day: NaiveDate) -> Value {
        let (outcome, counts) = match self {
            Self::Empty => ("empty", Counts::default()),
            Self::Written(counts) => ("written", *counts),
            Self::Unchanged(counts) => ("unchanged", *counts),
            Self::Refused { .. } => ("refused", Counts::default()),
        };
        json!({
            "day": day.to_string(),
            "outcome": outcome,
            "unchanged": outcome == "unchanged",
            "sessions": counts.contents.sessions,
            "kept": counts.contents.kept,
            "skipped": counts.contents.skipped,
            "not_given": counts.not_given,
            "bytes_in": counts.bytes_in,
            "bytes_out": counts.bytes_out,
        })
    }
}

impl Counts {
    fn sentence(&self) -> String {
        let Self { contents: Contents { sessions, kept, skipped }, not_given, bytes_in, bytes_out } = self;
        let mut sentence =
            format!("{sessions} sessions, {bytes_in} bytes of gzip, {bytes_out} bytes of Parquet");
        if *kept > 0 {
            sentence +=
                &format!("; {kept} of the sessions are kept from the former file, their objects are gone");
        }
        if *skipped > 0 {
            sentence += &format!("; {skipped} objects hold no session");
        }
        if *not_given > 0 {
            sentence += &format!("; {not_given} objects could not be read: compact the day again");
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_to_people_and_to_programs() {
        let day = "2025-10-29".parse().unwrap();
        let counts = |kept, skipped| Counts {
            contents: Contents { sessions: 2, kept, skipped },
            not_given: 0,
            bytes_in: 700,
            bytes_out: 9_000,
        };
        let outcomes = [
            Outcome::Empty,
            Outcome::Written(counts(0, 0)),
            Outcome::Written(counts(0, 1)),
            Outcome::Written(counts(1, 0)),
            Outcome::Unchanged(counts(0, 0)),
            Outcome::Unchanged(counts(0, 1)),
            Outcome::Unchanged(counts(1, 1)),
            Outcome::Refused { reason: "it ends too early".to_owned() },
        ];
        let sentences: Vec<_> = outcomes.iter().map(|outcome| outcome.sentence(day)).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        2025-10-29: no sessions, nothing written
        2025-10-29: 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet
        2025-10-29: 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 objects hold no session
        2025-10-29: 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 of the sessions are kept from the former file, their objects are gone
        2025-10-29: unchanged; 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet
        2025-10-29: unchanged; 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 objects hold no session; --force names them
        2025-10-29: unchanged; 2 sessions, 700 bytes of gzip, 9000 bytes of Parquet; 1 of the sessions are kept from the former file, their objects are gone; 1 objects hold no session
        2025-10-29: left as it is: the file there cannot be read, and may hold sessions that are nowhere else: it ends too early; --force writes it anew from the objects there are
        ");
        assert_eq!(Outcome::Unchanged(counts(0, 1)).json(day)["skipped"], 1);
        insta::assert_snapshot!(Outcome::Written(counts(1, 0)).json(day), @r#"{"bytes_in":700,"bytes_out":9000,"day":"2025-10-29","kept":1,"not_given":0,"outcome":"written","sessions":2,"skipped":0,"unchanged":false}"#);
    }
}
