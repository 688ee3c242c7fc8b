//! What is shown of a program's metrics, which are text in Prometheus's format.

use std::collections::BTreeMap;

use serde::Serialize;

use super::text::shown;

/// Outcomes that are shown of a sink.
const MOST_OUTCOMES: usize = 24;
const LONGEST_OUTCOME: usize = 40;

/// What a program counts, as far as people ask for it. What it does not count is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in crate::status) struct Counts {
    /// Calls that go on.
    pub(in crate::status) live_calls: Option<u64>,
    /// Ended calls that the agent has not published yet.
    pub(in crate::status) outbox_waiting: Option<u64>,
    /// What became of messages since the program's start, by the sink's own word for it.
    pub(in crate::status) outcomes: BTreeMap<String, u64>,
    /// Whether the sink pulls nothing because its store is away.
    pub(in crate::status) is_paused: bool,
}

impl Counts {
    pub(in crate::status) fn read(text: &str) -> Self {
        let mut counts = Self::default();
        for Sample { name, labels, value } in text.lines().filter_map(sample) {
            match name {
                "postcall_agent_sessions_active" => counts.live_calls = Some(value),
                "postcall_agent_outbox_waiting" => counts.outbox_waiting = Some(value),
                "postcall_sink_paused" => counts.is_paused = value > 0,
                "postcall_sink_messages_total" if value > 0 => counts.add(&labels, value),
                _ => {}
            }
        }
        counts
    }

    fn add(&mut self, labels: &[(&str, String)], value: u64) {
        let Some((_, outcome)) = labels.iter().find(|(name, _)| *name == "outcome") else { return };
        let outcome = shown(outcome, LONGEST_OUTCOME);
        if self.outcomes.len() < MOST_OUTCOMES || self.outcomes.contains_key(&outcome) {
            let count = self.outcomes.entry(outcome).or_default();
            *count = count.saturating_add(value);
        }
    }
}

struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: u64,
}

/// A line such as `name{label="value"} 1`; none where it is a comment, or no count.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    let is_count = !name.starts_with('#') && value >= 0.0 && value.is_finite();
    is_count.then_some(Sample { name, labels, value: value as u64 })
}

/// Labels up to the closing bracket, and what stands behind it.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = unquote(quoted)?;
        labels.push((name, value));
        rest = behind;
    }
}

/// A text up to its closing quotation mark, and what stands behind that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                char => char,
            }),
            (_, char) => value.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_and_a_sink_are_read() {
        let agent = "# HELP postcall_agent_sessions_active Sessions\n# TYPE postcall_agent_sessions_active gauge\n\
            postcall_agent_sessions_active 3\npostcall_agent_outbox_waiting 0\nother_total 9\n";
        let counts = Counts::read(agent);
        assert_eq!((counts.live_calls, counts.outbox_waiting, counts.is_paused), (Some(3), Some(0), false));
        let sink = "postcall_sink_messages_total{outcome=\"updated\",sink=\"sink-salesforce\"} 12\n\
            postcall_sink_messages_total{outcome=\"no_match\",sink=\"sink-salesforce\"} 2 1700000000000\n\
            postcall_sink_messages_total{outcome=\"retried\",sink=\"sink-salesforce\"} 0\npostcall_sink_paused{sink=\"x\"} 1\n";
        let counts = Counts::read(sink);
        assert_eq!(counts.outcomes, [("no_match".to_owned(), 2), ("updated".to_owned(), 12)].into());
        assert!(counts.is_paused && counts.live_calls.is_none());
    }

    #[test]
    fn labels_may_hold_what_separates_them() {
        let text = r#"postcall_sink_messages_total{sink="a,b}\"c\\",outcome="x\"} 7"} 1"#;
        assert_eq!(Counts::read(text).outcomes, [("x\"} 7".to_owned(), 1)].into());
    }

    #[test]
    fn any_text_is_read_and_what_is_shown_is_bounded() {
        for odd in [
            "",
            "{",
            "{}",
            " ",
            "postcall_sink_paused",
            "postcall_sink_paused{",
            "postcall_sink_paused NaN",
            "#{ 1",
        ] {
            assert_eq!(Counts::read(odd), Counts::default(), "{odd}");
        }
        assert_eq!(Counts::read("postcall_agent_sessions_active -1").live_calls, None);
        let many: String = (0..5_000)
            .map(|number| {
                format!("postcall_sink_messages_total{{outcome=\"{number}{}\"}} 1\n", "o".repeat(99))
            })
            .collect();
        let outcomes = Counts::read(&many).outcomes;
        assert_eq!(outcomes.len(), MOST_OUTCOMES);
        assert!(outcomes.keys().all(|outcome| outcome.chars().count() <= LONGEST_OUTCOME));
    }
}
