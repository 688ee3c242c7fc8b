//! The rules as they are, in a time that runs faster.

use std::time::Duration;

use serde_json::Value;
use test_deploy::{repository, yaml_documents};

/// How much faster: five minutes are as many seconds, in which programs are scraped five times.
const FASTER: u32 = 60;

/// A number of seconds with which an expression compares a metric, made as much faster as the rest.
pub(super) struct Changed {
    pub(super) alert: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) why: &'static str,
}

/// All other numbers are the rules' own.
pub(super) const CHANGED: [Changed; 2] = [
    Changed {
        alert: "PostcallAgentDied",
        from: "< 900",
        to: "< 15",
        why: "it ends by itself, a quarter of an hour after the agent's start",
    },
    Changed {
        alert: "PostcallSinkLags",
        from: "> 300",
        to: "> 5",
        why: "the age is told by the server's clock, and would take five minutes for each sink",
    },
];

/// The content of a file of rules.
pub(super) fn faster() -> Value {
    let file = repository().join("deploy/monitoring/rules.yaml");
    let mut rules = yaml_documents(&std::fs::read_to_string(file).expect("read the rules")).remove(0);
    for group in rules["groups"].as_array_mut().expect("groups of rules") {
        for rule in group["rules"].as_array_mut().expect("rules of a group") {
            let mut expression = with_faster_ranges(rule["expr"].as_str().expect("an expression"));
            for changed in CHANGED.iter().filter(|changed| rule["alert"] == changed.alert) {
                assert_eq!(expression.matches(changed.from).count(), 1, "{}: {expression}", changed.alert);
                expression = expression.replace(changed.from, changed.to);
            }
            rule["expr"] = expression.into();
            if let Some(time) = rule["for"].as_str() {
                rule["for"] = faster_time(time).expect("a time").into();
            }
        }
    }
    rules
}

/// What stands in brackets is a time.
fn with_faster_ranges(expression: &str) -> String {
    let mut parts = expression.split('[');
    let mut faster = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (range, rest) = part.split_once(']').expect("a range ends");
        let range = faster_time(range).unwrap_or_else(|| panic!("{range} is no time: {expression}"));
        faster.extend(["[", &range, "]", rest]);
    }
    faster
}

fn faster_time(time: &str) -> Option<String> {
    let (number, unit) = time.split_at_checked(time.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let time = Duration::from_secs(number.parse::<u64>().ok()? * unit) / FASTER;
    Some(format!("{}ms", time.as_millis()))
}

#[test]
fn times_are_faster_and_all_else_is_as_it_was() {
    let expression = "sum(rate(a_bucket{le=~\"2(\\\\.0)?\"}[5m])) > 14.4 * 0.01 and b_rate3d > 0 [3d]";
    let faster = "sum(rate(a_bucket{le=~\"2(\\\\.0)?\"}[5000ms])) > 14.4 * 0.01 and b_rate3d > 0 [4320000ms]";
    assert_eq!(with_faster_ranges(expression), faster);
}
