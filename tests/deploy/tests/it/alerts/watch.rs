//! Which alerts fire, and when each began and stopped.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::prometheus::rules_of;

/// How often Prometheus is asked. It evaluates the rules every second.
const LOOK: Duration = Duration::from_millis(250);

/// Looks for as long as it lives.
pub(super) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// All that there are.
    rules: BTreeSet<Rule>,
    /// In the order of their beginnings.
    firings: Vec<Firing>,
    /// A rule that Prometheus cannot evaluate.
    broken: Option<String>,
}

/// A rule of an alert, of which some have several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    alert: String,
    labels: String,
}

struct Firing {
    rule: Rule,
    began: Instant,
    stopped: Option<Instant>,
}

impl Watch {
    /// Looks at the Prometheus at this port.
    pub(super) fn begin(port: u16) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let looked_at = Arc::downgrade(&seen);
        thread::spawn(move || look(port, &looked_at));
        Self(seen)
    }

    /// Whether all rules were evaluated.
    pub(super) fn is_there(&self) -> bool {
        !self.seen().rules.is_empty()
    }

    /// Whether one of its rules fires.
    pub(super) fn fires(&self, alert: &str) -> bool {
        self.seen().firings.iter().any(|firing| firing.rule.alert == alert && firing.stopped.is_none())
    }

    /// When the last of its rules began to fire; none where one of them has not done so since.
    pub(super) fn fired_since(&self, alert: &str, since: Instant) -> Option<Instant> {
        let seen = self.seen();
        let mut rules = seen.rules.iter().filter(|rule| rule.alert == alert).peekable();
        rules.peek()?;
        let began = rules.map(|rule| {
            let mut firings = seen.firings.iter().filter(|firing| firing.rule == *rule);
            Some(firings.find(|firing| firing.began >= since)?.began)
        });
        began.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// When the last of its rules stopped; none while one fires, or where none has fired.
    pub(super) fn stopped(&self, alert: &str) -> Option<Instant> {
        let seen = self.seen();
        let firings = seen.firings.iter().filter(|firing| firing.rule.alert == alert);
        firings.map(|firing| firing.stopped).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Those that fire, or have fired since.
    pub(super) fn seen_since(&self, since: Instant) -> BTreeSet<String> {
        let seen = self.seen();
        let firings = seen.firings.iter().filter(|firing| firing.stopped.is_none_or(|at| at >= since));
        firings.map(|firing| firing.rule.alert.clone()).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.broken.is_none(), "{:?}", seen.broken);
        seen
    }
}

fn look(port: u16, seen: &Weak<Mutex<Seen>>) {
    while let Some(seen) = seen.upgrade() {
        if let Some(rules) = rules_of(port) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if rules.iter().all(|rule| rule["health"] != "unknown") {
                rules.iter().for_each(|rule| seen.note(rule, Instant::now()));
            }
        }
        drop(seen);
        thread::sleep(LOOK);
    }
}

impl Seen {
    fn note(&mut self, rule: &Value, now: Instant) {
        if rule["health"] != "ok" {
            self.broken = Some(rule.to_string());
        }
        if rule["type"] != "alerting" {
            return;
        }
        let alert = rule["name"].as_str().unwrap_or_default().to_owned();
        let fires = rule["state"] == "firing";
        let rule = Rule { alert, labels: rule["labels"].to_string() };
        let open = self.firings.iter_mut().find(|firing| firing.rule == rule && firing.stopped.is_none());
        match (open, fires) {
            (Some(open), false) => open.stopped = Some(now),
            (None, true) => self.firings.push(Firing { rule: rule.clone(), began: now, stopped: None }),
            _ => {}
        }
        self.rules.insert(rule);
    }
}
