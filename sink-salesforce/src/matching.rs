//! Which records belong to the addresses of a batch.

use std::collections::{BTreeSet, HashMap};

use serde::de::DeserializeOwned;
use sink::WriteError;

use crate::call_error::CallError;
use crate::choose::{Choice, Several, choose};
use crate::client::Client;
use crate::plan::Lookup;
use crate::records::{ContactRow, LeadRow, OrgFields, Record};
use crate::soql;

/// How records are found.
pub(crate) struct Matching {
    pub(crate) several: Several,
    /// Whether Contacts are looked up where no Lead has the address.
    pub(crate) contacts: bool,
}

/// What a look-up brings.
struct Selected<'t, T> {
    rows: Vec<T>,
    /// The texts that Salesforce cannot read.
    unreadable: HashMap<&'t str, WriteError>,
}

impl Matching {
    /// The records of each address. A converted Lead stands for the Contact that it became.
    pub(crate) async fn look_up<'c>(
        &self,
        client: &Client,
        fields: &OrgFields,
        emails: BTreeSet<&'c str>,
    ) -> Result<Lookup<'c>, CallError> {
        let leads = select::<LeadRow>(client, &fields.leads_by_email(), &emails).await?;
        let leads_of = by_email(&leads.rows, |lead| lead.email.as_deref());
        let mut without_lead = emails.clone();
        without_lead.retain(|email| self.contacts && !leads_of.contains_key(*email));
        let contacts = select::<ContactRow>(client, &fields.contacts_by_email(), &without_lead).await?;
        let contacts_of = by_email(&contacts.rows, |contact| contact.email.as_deref());

        let choose = |email| choose(rows_of(&leads_of, email), rows_of(&contacts_of, email), self.several);
        let choices: Vec<_> = emails.into_iter().map(|email| (email, choose(email))).collect();
        let ids: BTreeSet<_> = choices.iter().flat_map(|(_, choice)| choice.converted()).copied().collect();
        let converted = select::<ContactRow>(client, &fields.contacts_by_id(), &ids).await?;

        let records = |(email, choice)| {
            let unreadable = leads.unreadable.get(email).or_else(|| contacts.unreadable.get(email));
            let records = match unreadable {
                Some(error) => Err(error.clone()),
                None => records(choice, &converted, fields),
            };
            (email, records)
        };
        Ok(choices.into_iter().map(records).collect())
    }
}

/// The rows whose field is one of some texts. A list that Salesforce cannot read is halved until the text at fault is alone.
async fn select<'t, T: DeserializeOwned>(
    client: &Client,
    select: &str,
    texts: &BTreeSet<&'t str>,
) -> Result<Selected<'t, T>, CallError> {
    let mut selected = Selected { rows: Vec::new(), unreadable: HashMap::new() };
    if texts.is_empty() {
        return Ok(selected);
    }
    let mut pending = soql::split(select, texts.iter().copied(), client.longest_statement().await?);
    while let Some(mut texts) = pending.pop() {
        match client.query(&soql::statement(select, &texts)).await {
            Ok(mut rows) => selected.rows.append(&mut rows),
            Err(CallError::Content { .. }) if texts.len() > 1 => {
                pending.push(texts.split_off(texts.len() / 2));
                pending.push(texts);
            }
            Err(error @ CallError::Content { .. }) => {
                let error = WriteError::from(error);
                selected.unreadable.extend(texts.into_iter().map(|text| (text, error.clone())));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(selected)
}

/// Salesforce compares by rules of its own; only the very same address, whatever its case, counts.
fn by_email<T>(rows: &[T], email: impl Fn(&T) -> Option<&str>) -> HashMap<String, Vec<&T>> {
    let mut by_email: HashMap<String, Vec<&T>> = HashMap::new();
    for row in rows {
        by_email.entry(email(row).unwrap_or_default().to_lowercase()).or_default().push(row);
    }
    by_email
}

fn rows_of<'m, 'r, T>(by_email: &'m HashMap<String, Vec<&'r T>>, email: &str) -> &'m [&'r T] {
    by_email.get(email).map_or(&[], Vec::as_slice)
}

fn records(
    choice: Choice<'_>,
    converted: &Selected<'_, ContactRow>,
    fields: &OrgFields,
) -> Result<Vec<Record>, WriteError> {
    match choice {
        Choice::Nobody => Ok(Vec::new()),
        Choice::Leads(leads) => Ok(leads.into_iter().map(|lead| fields.lead(lead)).collect()),
        Choice::Contacts(contacts) => {
            Ok(contacts.into_iter().map(|contact| fields.contact(contact)).collect())
        }
        Choice::Converted(ids) => match ids.iter().find_map(|id| converted.unreadable.get(id)) {
            Some(error) => Err(error.clone()),
            None => {
                let became = converted.rows.iter().filter(|contact| ids.contains(&contact.id.as_str()));
                Ok(became.map(|contact| fields.contact(contact)).collect())
            }
        },
        Choice::Ambiguous(count) => Err(WriteError::Reject {
            outcome: "ambiguous",
            reason: format!("{count} records have the address (SALESFORCE_SEVERAL=reject)"),
        }),
    }
}
