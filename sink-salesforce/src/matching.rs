//! Which records belong to the addresses of a batch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schemas::Email;
use sink::WriteError;

use crate::call_error::CallError;
use crate::choose::{Choice, Several, became, choose, has_open};
use crate::client::Client;
use crate::fields::ObjectFields;
use crate::halving::Halving;
use crate::plan::Lookup;
use crate::records::{ContactRow, Found, LeadRow, OrgFields, Record};
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
        let in_unicode = in_unicode(&emails);
        let asked = spellings(&emails, &in_unicode);
        let leads = select::<LeadRow>(client, &fields.lead, &fields.leads_by_email(), &asked).await?;
        let leads_of = by_email(&leads.rows, |lead| lead.email.as_deref());
        let leads_of = |email: &str| rows_of(&leads_of, email);

        let without_open = emails.iter().copied().filter(|email| !has_open(leads_of(email)));
        let became: BTreeMap<_, _> = without_open.map(|email| (email, became(leads_of(email)))).collect();
        let ids_of = |email: &str| became.get(email).map_or(&[][..], Vec::as_slice);
        let ids = became.values().flatten().copied().collect();
        let customers = select::<ContactRow>(client, &fields.contact, &fields.contacts_by_id(), &ids).await?;
        let by_id: HashMap<_, _> = customers.rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let customers_of =
            |email: &str| ids_of(email).iter().filter_map(|id| by_id.get(id).copied()).collect::<Vec<_>>();

        let mut others: BTreeSet<_> = became.keys().copied().collect();
        others.retain(|email| self.contacts && customers_of(email).is_empty());
        let others = spellings(&others, &in_unicode);
        let contacts =
            select::<ContactRow>(client, &fields.contact, &fields.contacts_by_email(), &others).await?;
        let contacts_of = by_email(&contacts.rows, |contact| contact.email.as_deref());

        let mut lookup = Lookup::new();
        for email in emails {
            let unreadable = leads.unreadable.get(email).or_else(|| contacts.unreadable.get(email));
            let unreadable_id = || ids_of(email).iter().find_map(|id| customers.unreadable.get(id));
            let records = match unreadable.or_else(unreadable_id) {
                Some(error) => Err(error.clone()),
                None => {
                    let contacts = rows_of(&contacts_of, email);
                    records(choose(leads_of(email), customers_of(email), contacts, self.several), fields)
                }
            };
            lookup.insert(email, records);
        }
        Ok(lookup)
    }
}

/// The rows whose field is one of some texts.
async fn select<'t, T: Found>(
    client: &Client,
    fields: &ObjectFields,
    select: &str,
    texts: &BTreeSet<&'t str>,
) -> Result<Selected<'t, T>, CallError> {
    let mut selected = Selected { rows: Vec::new(), unreadable: HashMap::new() };
    if texts.is_empty() {
        return Ok(selected);
    }
    let lists = soql::split(select, texts.iter().copied(), client.longest_statement().await?);
    let mut lists = Halving::new(lists.iter().map(Vec::as_slice));
    while let Some(texts) = lists.next_call() {
        lists.answered(texts, client.query(&soql::statement(select, texts)).await);
    }
    let mut seen = HashSet::new();
    for (texts, answer) in lists.answers() {
        match answer {
            Ok(rows) if rows.iter().any(|row: &T| !fields.is_complete(row.fields())) => {
                return Err(CallError::unavailable(
                    "a row of Salesforce's answer lacks fields that were asked for",
                ));
            }
            // A record that is given twice is one.
            Ok(rows) => selected.rows.extend(rows.into_iter().filter(|row| seen.insert(row.id().to_owned()))),
            Err(error @ CallError::Content { .. }) => {
                let error = WriteError::from(error);
                selected.unreadable.extend(texts.iter().map(|text| (*text, error.clone())));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(selected)
}

/// Of the addresses whose domain has a script of its own, how they are written in that: records may have either.
fn in_unicode<'c>(emails: &BTreeSet<&'c str>) -> BTreeMap<&'c str, String> {
    let in_unicode = |email: &str| Email::recorded(email)?.normalized_in_unicode();
    emails.iter().filter_map(|email| Some((*email, in_unicode(email)?))).collect()
}

/// All the texts by which records of these addresses are found.
fn spellings<'t>(emails: &BTreeSet<&'t str>, in_unicode: &'t BTreeMap<&'t str, String>) -> BTreeSet<&'t str> {
    let others = emails.iter().filter_map(|email| in_unicode.get(email)).map(String::as_str);
    emails.iter().copied().chain(others).collect()
}

/// Salesforce compares by rules of its own; only the very same address, whatever its case, counts.
fn by_email<T>(rows: &[T], email: impl Fn(&T) -> Option<&str>) -> HashMap<String, Vec<&T>> {
    let mut by_email: HashMap<String, Vec<&T>> = HashMap::new();
    for row in rows {
        let text = email(row).unwrap_or_default();
        let normalized =
            Email::recorded(text).map_or_else(|| text.to_lowercase(), |email| email.normalized().to_owned());
        by_email.entry(normalized).or_default().push(row);
    }
    by_email
}

fn rows_of<'m, 'r, T>(by_email: &'m HashMap<String, Vec<&'r T>>, email: &str) -> &'m [&'r T] {
    by_email.get(email).map_or(&[], Vec::as_slice)
}

fn records(choice: Choice<'_>, fields: &OrgFields) -> Result<Vec<Record>, WriteError> {
    match choice {
        Choice::Nobody => Ok(Vec::new()),
        Choice::Leads(leads) => Ok(leads.into_iter().map(|lead| fields.lead(lead)).collect()),
        Choice::Contacts(contacts) => {
            Ok(contacts.into_iter().map(|contact| fields.contact(contact)).collect())
        }
        Choice::Ambiguous(count) => Err(WriteError::Reject {
            outcome: "ambiguous",
            reason: format!("{count} records have the address (SALESFORCE_SEVERAL)"),
        }),
    }
}
