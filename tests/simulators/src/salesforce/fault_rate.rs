//! How often an injected fault strikes: the next few times, or a share of all times, evenly spread and by count alone, so
//! that a test that is run twice meets the same.

use serde::{Deserialize, Serialize};

/// `3` for the next three, `{"share": 0.05}` for every twentieth, or both: `{"next": 3, "share": 0.05}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form")]
pub(crate) struct FaultRate {
    next: u32,
    share: f64,
    #[serde(skip)]
    seen: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Next(u32),
    Parts(Parts),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parts {
    next: u32,
    share: f64,
}

impl TryFrom<Form> for FaultRate {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let (next, share) = match form {
            Form::Next(next) => (next, 0.0),
            Form::Parts(Parts { next, share }) => (next, share),
        };
        match (0.0..=1.0).contains(&share) {
            true => Ok(Self { next, share, seen: 0 }),
            false => Err(format!("a share is between 0 and 1, not {share}")),
        }
    }
}

impl FaultRate {
    /// Whether the fault strikes this time, which counts as one.
    pub(crate) fn strikes(&mut self) -> bool {
        if self.next > 0 {
            self.next -= 1;
            return true;
        }
        let millionths = (self.share * 1e6).round() as u64;
        let whole = |seen: u64| seen * millionths / 1_000_000;
        self.seen += 1;
        whole(self.seen) > whole(self.seen - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn strikes(rate: Value, times: usize) -> Vec<bool> {
        let mut rate: FaultRate = serde_json::from_value(rate).unwrap();
        (0..times).map(|_| rate.strikes()).collect()
    }

    #[test]
    fn the_next_few_come_first_and_then_the_share() {
        assert_eq!(strikes(json!(2), 4), [true, true, false, false]);
        assert_eq!(strikes(json!({ "share": 0.5 }), 4), [false, true, false, true]);
        assert_eq!(strikes(json!({ "next": 1, "share": 0.5 }), 4), [true, false, true, false]);
        assert_eq!(strikes(json!({ "share": 1 }), 2), [true, true]);
    }

    proptest! {
        #[test]
        fn a_share_is_met_to_within_one(percent in 0_u64..=100, times in 0_usize..1_000) {
            let struck = strikes(json!({ "share": percent as f64 / 100.0 }), times).into_iter().filter(|struck| *struck).count();
            prop_assert_eq!(struck, times * percent as usize / 100);
        }
    }
}
