//! Which records belong to the addresses of a batch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use schemas::Email;
use sink::WriteError;
use tokio::time::Instant;

use crate::call_error::CallError;
use crate::choose::{Choice, Several, became, choose, has_open};
use crate::client::{Client, Tries};
use crate::fields::ObjectFields;
use crate::halving::{Halving, Step};
use crate::pace::until;
use crate::plan::Lookup;
use crate::records::{ContactRow, Found, LeadRow, OrgFields, Record};
use crate::refusals::{Refusals, size_of_suspicious_calls};
use crate::soql;

/// How records are found.
pub(crate) struct Matching {
    pub(crate) several: Several,
    /// Whether Contacts are looked up where no Lead has the address.
    pub(crate) contacts: bool,
    refused_leads: Mutex<Refusals>,
    refused_customers: Mutex<Refusals>,
    refused_contacts: Mutex<Refusals>,
}

/// What a look-up brings.
struct Selected<'t, T> {
    rows: Vec<T>,
    /// The texts that Salesforce cannot read, or for which there was no time.
    unreadable: HashMap<&'t str, WriteError>,
}

impl Matching {
    pub(crate) fn new(several: Several, contacts: bool) -> Self {
        Self {
            several,
            contacts,
            refused_leads: Mutex::default(),
            refused_customers: Mutex::default(),
            refused_contacts: Mutex::default(),
        }
    }

    /// The records of each address, as far as there is time. A converted Lead stands for the Contact that it became.
    pub(crate) async fn look_up<'c>(
        &self,
        client: &Client,
        fields: &OrgFields,
        emails: BTreeSet<&'c str>,
        deadline: Instant,
    ) -> Result<Lookup<'c>, CallError> {
        let ask = Ask { client, deadline };
        let in_unicode = in_unicode(&emails);
        let asked = spellings(&emails, &in_unicode);
        let select = fields.leads_by_email();
        let leads = ask.select::<LeadRow>(&fields.lead, &select, &asked, &self.refused_leads).await?;
        let leads_of = by_email(&leads.rows, |lead| lead.email.as_deref());
        let leads_of = |email: &str| rows_of(&leads_of, email);

        let without_open = emails.iter().copied().filter(|email| !has_open(leads_of(email)));
        let became: BTreeMap<_, _> = without_open.map(|email| (email, became(leads_of(email)))).collect();
        let ids_of = |email: &str| became.get(email).map_or(&[][..], Vec::as_slice);
        let ids = became.values().flatten().copied().collect();
        let select = fields.contacts_by_id();
        let customers =
            ask.select::<ContactRow>(&fields.contact, &select, &ids, &self.refused_customers).await?;
        let by_id: HashMap<_, _> = customers.rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let customers_of =
            |email: &str| ids_of(email).iter().filter_map(|id| by_id.get(id).copied()).collect::<Vec<_>>();

        let mut others: BTreeSet<_> = became.keys().copied().collect();
        others.retain(|email| self.contacts && customers_of(email).is_empty());
        let others = spellings(&others, &in_unicode);
        let select = fields.contacts_by_email();
        let contacts =
            ask.select::<ContactRow>(&fields.contact, &select, &others, &self.refused_contacts).await?;
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

/// Look-ups that are made until a time.
struct Ask<'a> {
    client: &'a Client,
    deadline: Instant,
}

impl Ask<'_> {
    /// The rows whose field is one of some texts. Texts that were found at fault before are asked for apart, after the others.
    async fn select<'t, T: Found>(
        &self,
        fields: &ObjectFields,
        select: &str,
        texts: &BTreeSet<&'t str>,
        refusals: &Mutex<Refusals>,
    ) -> Result<Selected<'t, T>, CallError> {
        let mut selected = Selected { rows: Vec::new(), unreadable: HashMap::new() };
        if texts.is_empty() {
            return Ok(selected);
        }
        let limit = until(self.deadline, self.client.longest_statement()).await;
        let limit = match limit {
            // Nothing was asked.
            Err(error @ CallError::NotYet { .. }) => {
                let error = WriteError::from(error);
                selected.unreadable.extend(texts.iter().map(|text| (*text, error.clone())));
                return Ok(selected);
            }
            limit => limit?,
        };
        let lists = lists(select, texts, limit, &lock(refusals));
        let mut calls = {
            let (refusals, now) = (lock(refusals), Instant::now());
            let list = |(texts, at_fault): &'_ (Vec<&'t str>, bool)| {
                (*at_fault || refusals.come_again(texts.iter().copied(), now), *at_fault)
            };
            let lists = lists.iter().map(|each| (each.0.as_slice(), list(each).0, list(each).1));
            Halving::new(lists, refusals.rests(now))
        };
        while let Some(step) = calls.next_step() {
            match step {
                Step::Call { items, once } => {
                    let statement = soql::statement(select, items);
                    let tries = if once { Tries::One } else { Tries::Several };
                    let rows = until(self.deadline, self.client.query(&statement, tries)).await;
                    calls.answered(rows.and_then(|rows| complete(rows, fields)));
                }
                Step::Probe => {
                    let probe = self.client.ask_whether_it_is_there();
                    calls.probed(until(self.deadline, probe).await.is_ok());
                }
            }
        }
        let answers = lock(refusals).judge(calls.answers(), |text| *text, Instant::now());
        let mut seen = HashSet::new();
        for (texts, answer) in answers {
            match answer {
                // A record that is given twice is one.
                Ok(rows) => {
                    selected.rows.extend(rows.into_iter().filter(|row: &T| seen.insert(row.id().to_owned())));
                }
                Err(
                    error @ (CallError::Content { .. } | CallError::Own { .. } | CallError::NotYet { .. }),
                ) => {
                    let error = WriteError::from(error);
                    selected.unreadable.extend(texts.iter().map(|text| (*text, error.clone())));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(selected)
    }
}

/// What is asked for in one call each, and whether it was found at fault before.
fn lists<'t>(
    select: &str,
    texts: &BTreeSet<&'t str>,
    limit: usize,
    refusals: &Refusals,
) -> Vec<(Vec<&'t str>, bool)> {
    let (suspicious, others): (Vec<&str>, Vec<&str>) =
        texts.iter().copied().partition(|text| refusals.is_at_fault(text));
    let others = soql::split(select, others, limit).into_iter().map(|list| (list, false));
    let suspicious = suspicious.chunks(size_of_suspicious_calls(suspicious.len()));
    let suspicious = suspicious.flat_map(|texts| soql::split(select, texts.iter().copied(), limit));
    others.chain(suspicious.map(|list| (list, true))).collect()
}

fn complete<T: Found>(rows: Vec<T>, fields: &ObjectFields) -> Result<Vec<T>, CallError> {
    match rows.iter().all(|row| fields.is_complete(row.fields())) {
        true => Ok(rows),
        false => Err(CallError::doubtful("a row of Salesforce's answer lacks fields that were asked for")),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
