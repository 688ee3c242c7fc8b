//! What a sink logged of each message. It logs an outcome before it acks, so the outcome of every acked message is in the
//! log of the process that acked it, however that process ended.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// Of a delivery, not of a message: another one follows.
pub(crate) const RETRIED: &str = "retried";

/// Outcomes of each message by its sequence, in the order of the log.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) outcomes: BTreeMap<u64, Vec<String>>,
    /// How often there was each outcome, and of [`RETRIED`]: what the process's metrics count.
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Log {
    pub(crate) fn read(file: &Path) -> Self {
        let mut log = Self::default();
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("example"), "an address is in the log");
        // A kill can cut the last line; the ack would have come after it.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            let outcome = match line["message"].as_str() {
                Some("written" | "moved to the dead letters") => line["outcome"].as_str().unwrap(),
                Some("not written: it will be delivered again") => RETRIED,
                _ => continue,
            };
            *log.counts.entry(outcome.to_owned()).or_default() += 1;
            if outcome != RETRIED {
                let sequence = line["span"]["stream.sequence"].as_u64().unwrap();
                log.outcomes.entry(sequence).or_default().push(outcome.to_owned());
            }
        }
        log
    }
}

/// The outcomes by message, as Prometheus's text has them.
pub(crate) fn counted(metrics: &str) -> BTreeMap<String, u64> {
    let series = |line: &str| {
        let labels = line.strip_prefix("postcall_sink_messages_total{outcome=\"")?;
        let (outcome, rest) = labels.split_once('"')?;
        let count = rest.split_once(' ')?.1.parse::<f64>().unwrap();
        Some((outcome.to_owned(), count as u64))
    };
    metrics.lines().filter_map(series).filter(|(_, count)| *count > 0).collect()
}
