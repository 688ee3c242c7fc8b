//! What the records must hold in the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulators::salesforce::objects::Object;
use simulators::salesforce::records::SOMEBODY_ELSE;

use super::people::FUTURE;
use super::scenario::{Fate, Scenario};
use crate::org::Org;

const DATE: &str = "Last_Voice_Call_Date__c";
const VOICE: [&str; 3] = ["Last_Voice_Session__c", DATE, "Voice_Qualification_Tier__c"];
/// What else may differ afterwards: an update sets the one, the others are somebody else's.
const OTHERS_WORK: [&str; 3] = ["LastModifiedDate", "IsConverted", "ConvertedContactId"];

/// All records that are not deleted, by their ids.
pub(crate) fn snapshot(org: &Org) -> BTreeMap<String, Value> {
    let org = org.salesforce.org();
    let rows = Object::ALL.into_iter().flat_map(|object| org.records.of(object));
    rows.map(|record| (record.get("Id").as_str().unwrap().to_owned(), record.to_json())).collect()
}

/// Every record has its newest session, or what it had before where no session was for it; and there is none that was not
/// there before.
pub(crate) fn assert_newest(org: &Org, before: &BTreeMap<String, Value>, scenario: &Scenario) {
    let newest = scenario.newest();
    let overtaken: Vec<_> = scenario.messages.iter().filter_map(|message| message.fate.overtaken()).collect();
    let after = snapshot(org);
    assert_eq!(org.counters().created, 0);
    assert!(after.keys().all(|id| before.contains_key(id)), "there is a new record");

    let org = org.salesforce.org();
    let mut wrong = Vec::new();
    for (id, before) in before {
        let record = org.records.get(id).unwrap_or_else(|| panic!("{id} is gone"));
        let after = record.to_json();
        let mut expected = before.clone();
        if let Some(session) = newest.get(id.as_str()) {
            let second = session.second.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
            for (name, value) in VOICE.into_iter().zip([&session.session, &second, session.tier]) {
                expected[name] = json!(value);
            }
        } else {
            if overtaken.contains(&id.as_str()) {
                expected[DATE] = json!(FUTURE);
            }
            let by_us = record.history.iter().filter(|change| change.by != SOMEBODY_ELSE).count();
            assert_eq!((by_us, &after["LastModifiedDate"]), (0, &before["LastModifiedDate"]), "{id}");
        }
        for name in OTHERS_WORK.iter().filter(|name| after.get(name).is_some()) {
            expected[*name] = after[*name].clone();
        }
        if after != expected {
            wrong.push(format!("{id}: {after}, but expected {expected}; history {:?}", record.history));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} records: {:#?}",
        wrong.len(),
        before.len(),
        &wrong[..wrong.len().min(3)]
    );
}

impl Fate {
    fn overtaken(&self) -> Option<&str> {
        match self {
            Self::Stale(record) => Some(record),
            _ => None,
        }
    }
}

/// The history is the org's own: it shows what stood in a record between the updates, too.
pub(crate) fn assert_no_session_was_overwritten_by_an_older_one(org: &Org) {
    let ids = snapshot(org).into_keys();
    let org = org.salesforce.org();
    for id in ids {
        let changes = org.records.get(&id).unwrap().history.iter().filter(|change| change.field == DATE);
        for change in changes {
            // Written alike, so texts are ordered as the moments are; nothing comes before all.
            let (old, new) =
                (change.old.as_str().unwrap_or_default(), change.new.as_str().unwrap_or_default());
            assert!(old < new, "{id}: {change:?}");
        }
    }
}
