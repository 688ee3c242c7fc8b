//! The numbers of a storm.

use std::collections::BTreeMap;
use std::time::Duration;

use simulators::salesforce::faults::Fault;

use super::log::{Log, RETRIED};
use super::scenario::Scenario;
use super::stage::Stage;

pub(crate) async fn of(
    stage: &Stage,
    scenario: &Scenario,
    outcomes: &BTreeMap<u64, &str>,
    logs: &[Log],
    took: Duration,
) -> String {
    let mut by_outcome: BTreeMap<&str, usize> = BTreeMap::new();
    outcomes.values().for_each(|outcome| *by_outcome.entry(outcome).or_default() += 1);
    let messages = scenario.messages.len() as u64;
    let progress = stage.progress().await;
    let counters = stage.org.counters();
    let faults = |fault| counters.faults.get(&fault).copied().unwrap_or_default();
    let settlings: usize = logs.iter().flat_map(|log| log.outcomes.values()).map(Vec::len).sum();
    let retries: u64 = logs.iter().filter_map(|log| log.counts.get(RETRIED)).sum();

    let mut rows = vec![("messages", messages), ("people", scenario.people.count() as u64)];
    rows.extend(by_outcome.iter().map(|(outcome, count)| (*outcome, *count as u64)));
    rows.extend([
        ("sum of the outcomes", outcomes.len() as u64),
        ("dead letters", stage.dead_letters().await),
        ("records with a session", scenario.newest().len() as u64),
        ("records created", counters.created),
        ("rows updated", counters.updated),
        ("API calls", counters.api_calls),
        ("tokens", counters.tokens),
        ("503", faults(Fault::Unavailable)),
        ("expired tokens", faults(Fault::ExpiredTokens)),
        ("lost answers", faults(Fault::LostAnswers) + faults(Fault::CutAnswers)),
        ("locks", faults(Fault::LockedRows) + faults(Fault::LocksWithinTriggers)),
        ("kills", logs.len() as u64 - 1),
        ("deliveries again", progress.deliveries - messages),
        ("because of a lock", retries),
        ("settled again", settlings as u64 - messages),
        ("seconds", took.as_secs()),
    ]);
    rows.iter().map(|(what, number)| format!("{what:<22}{number:>8}\n")).collect()
}
