//! The Lead of each payload, before and after.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::scenario::PAYLOADS;

/// What a payload leaves in its Lead, written down here once more.
pub(super) struct Call {
    email: String,
    session: String,
    date: String,
    tier: String,
}

impl Call {
    pub(super) fn of(number: usize) -> Result<Self> {
        let payload: Value = serde_json::from_str(&PAYLOADS.payload(number)).context("parse a payload")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("find a field of a payload");
        Ok(Self {
            email: text(&payload["user_email"])?,
            session: text(&payload["session_id"])?,
            date: whole_second(&text(&payload["end_time"])?).context("read an end_time")?,
            tier: text(&payload["discovered_signals"]["qualification_tier"])?,
        })
    }

    pub(super) fn is_shown_by(&self, lead: &Value) -> bool {
        lead["Last_Voice_Session__c"] == *self.session
            && lead["Last_Voice_Call_Date__c"] == *self.date
            && lead["Voice_Qualification_Tier__c"] == *self.tier
    }
}

/// `2026-01-05T09:10:11.123Z` as Salesforce keeps it.
fn whole_second(time: &str) -> Option<String> {
    Some(format!("{}.000+0000", time.get(..19)?))
}

/// The id of a Lead, of 15 characters as Salesforce's.
pub(super) fn id(number: usize) -> String {
    format!("00Q5f0000{number:06}")
}

/// Leads that nobody has called yet.
pub(super) fn seed(payloads: Range<usize>) -> Result<Value> {
    let lead = |number| {
        let email = Call::of(number)?.email;
        anyhow::Ok(json!({ "Id": id(number), "LastName": "Lead", "Company": "Company", "Email": email }))
    };
    Ok(json!({ "Lead": payloads.map(lead).collect::<Result<Vec<_>>>()? }))
}

/// How many of the payloads their Leads do not show.
pub(super) fn not_written(leads: &[Value], payloads: Range<usize>) -> Result<u64> {
    let by_email: HashMap<&str, &Value> =
        leads.iter().filter_map(|lead| Some((lead["Email"].as_str()?, lead))).collect();
    ensure!(by_email.len() == payloads.len(), "Leads are missing, created, or have the same address");
    let mut count = 0;
    for number in payloads {
        let call = Call::of(number)?;
        let lead = by_email.get(call.email.as_str()).copied();
        count += u64::from(!lead.is_some_and(|lead| call.is_shown_by(lead)));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::scenario::SCENARIOS;
    use super::*;

    #[test]
    fn every_payload_is_from_a_visitor_of_its_own() {
        for scenario in SCENARIOS {
            let emails =
                scenario.payloads.clone().map(|number| Call::of(number).unwrap().email.to_lowercase());
            assert_eq!(emails.collect::<HashSet<_>>().len(), scenario.payloads.len(), "{}", scenario.name);
        }
    }

    #[test]
    fn a_lead_that_shows_another_call_is_not_written() {
        let leads = seed(0..3).unwrap();
        let mut leads = leads["Lead"].as_array().unwrap().clone();
        let call = Call::of(1).unwrap();
        leads[1]["Last_Voice_Session__c"] = json!(call.session);
        leads[1]["Voice_Qualification_Tier__c"] = json!(call.tier);
        leads[1]["Last_Voice_Call_Date__c"] = json!("2026-01-01T00:00:00.000+0000");
        assert_eq!(not_written(&leads, 0..3).unwrap(), 3);
        leads[1]["Last_Voice_Call_Date__c"] = json!(call.date);
        assert_eq!(not_written(&leads, 0..3).unwrap(), 2);
        assert!(not_written(&leads[..2], 0..3).is_err());
    }
}
