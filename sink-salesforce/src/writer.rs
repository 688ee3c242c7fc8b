//! The sequence: look up, plan, update, settle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use schemas::names;
use serde::de::DeserializeOwned;
use sink::{Message, SinkOptions, WriteError, Writer, Written};

use crate::call_error::CallError;
use crate::choose::{Choice, choose};
use crate::client::{Client, MOST_ROWS};
use crate::config::{RequestTimeout, SalesforceArgs};
use crate::plan::{Call, Lookup, Update, plan, settle};
use crate::records::{CONTACTS_BY_ID, ContactRow, Kind, LEADS_BY_EMAIL, LeadRow, Record};
use crate::row_error::{Verdict, verdict};
use crate::soql;
use crate::voice::Voice;

/// Rounds of look-up and update for one batch: records that moved meanwhile are looked up again, and a rejected session
/// gives way to the next older one of its record.
const ROUNDS: usize = 3;

/// Writes sessions into Leads and Contacts.
pub struct SalesforceWriter {
    client: Client,
}

/// How the runtime drives this writer: one batch at a time, because calls of the API are what is scarce, and because two
/// batches could write one record at a time.
pub fn options(timeout: RequestTimeout) -> SinkOptions {
    SinkOptions {
        name: names::SINK_SALESFORCE,
        max_batch: MOST_ROWS,
        linger: Duration::from_millis(250),
        max_in_flight: 1,
        // A usual batch is three requests: token, look-up, update.
        write_timeout: timeout.salesforce_request_timeout * 4,
    }
}

impl SalesforceWriter {
    /// A writer that has not called yet.
    ///
    /// # Errors
    /// A private key or a trust store that cannot be read.
    pub fn new(args: &SalesforceArgs) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(args)? })
    }
}

impl Writer for SalesforceWriter {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        let mut results: Vec<_> = batch.iter().map(|_| Ok(Written { outcome: "no_email" })).collect();
        let mut calls: Vec<_> = batch.iter().enumerate().filter_map(call).collect();
        for round in 0..ROUNDS {
            if calls.is_empty() {
                break;
            }
            let lookup = self.look_up(&calls).await;
            let (updates, settled) = plan(calls, &lookup);
            for (index, result) in settled {
                results[index] = result;
            }
            calls = Vec::new();
            let verdicts = self.update(&updates).await;
            for (update, verdict) in updates.into_iter().zip(verdicts) {
                let (settled, again) = settle(update, verdict, round == 0);
                for (index, result) in settled {
                    results[index] = result;
                }
                calls.extend(again);
            }
        }
        for call in calls {
            let reason = "newer sessions of the same record were refused one after the other".to_owned();
            results[call.index] = Err(WriteError::Retry { reason });
        }
        results
    }

    async fn probe(&self) -> Result<(), String> {
        self.client.log_in().await.map_err(|error| error.to_string())
    }
}

fn call((index, message): (usize, &Message)) -> Option<Call<'_>> {
    let event = &message.event;
    Some(Call {
        index,
        email: event.email.as_ref()?.normalized(),
        voice: Voice::of(event),
        end_time: event.end_time,
        job_id: &event.identity.job_id,
    })
}

impl SalesforceWriter {
    /// The record of each address.
    async fn look_up<'a>(&self, calls: &[Call<'a>]) -> Lookup<'a> {
        let emails: BTreeSet<&str> = calls.iter().map(|call| call.email).collect();
        let (leads, mut failed) = self.select::<LeadRow>(LEADS_BY_EMAIL, emails.iter().copied()).await;
        let mut by_email: HashMap<String, Vec<&LeadRow>> = HashMap::new();
        for lead in &leads {
            // Salesforce compares by rules of its own; only the very same address, whatever its case, counts.
            let email = lead.email.as_deref().unwrap_or_default().to_lowercase();
            by_email.entry(email).or_default().push(lead);
        }
        let choices: BTreeMap<&str, Choice> = emails
            .into_iter()
            .map(|email| (email, choose(by_email.get(email).map_or(&[], Vec::as_slice))))
            .collect();
        let ids: BTreeSet<&str> = choices
            .values()
            .filter_map(|choice| if let Choice::Contact(id) = choice { Some(*id) } else { None })
            .collect();
        let (contacts, failed_contacts) = self.select::<ContactRow>(CONTACTS_BY_ID, ids).await;

        let record = |choice| match choice {
            Choice::Nobody => Ok(None),
            Choice::Lead(lead) => {
                Ok(Some(Record { kind: Kind::Lead, id: lead.id.clone(), voice: lead.voice.clone() }))
            }
            Choice::Contact(id) => match failed_contacts.get(id) {
                Some(error) => Err(error.clone()),
                None => Ok(contacts.iter().find(|contact| contact.id == id).map(|contact| Record {
                    kind: Kind::Contact,
                    id: contact.id.clone(),
                    voice: contact.voice.clone(),
                })),
            },
        };
        choices
            .into_iter()
            .map(|(email, choice)| (email, failed.remove(email).map_or_else(|| record(choice), Err)))
            .collect()
    }

    /// The rows whose field is one of some texts, and the texts that could not be asked for. A list that Salesforce
    /// cannot read is halved until the text at fault is alone.
    async fn select<'t, T: DeserializeOwned>(
        &self,
        select: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> (Vec<T>, HashMap<&'t str, WriteError>) {
        let (mut rows, mut failed) = (Vec::new(), HashMap::new());
        let mut pending = soql::split(select, texts, soql::LONGEST_ENCODED);
        while let Some(mut texts) = pending.pop() {
            match self.client.query(&soql::statement(select, &texts)).await {
                Ok(mut found) => rows.append(&mut found),
                Err(CallError::Content { .. }) if texts.len() > 1 => {
                    pending.push(texts.split_off(texts.len() / 2));
                    pending.push(texts);
                }
                Err(error) => {
                    let all_fail = !matches!(error, CallError::Content { .. });
                    let others = if all_fail { std::mem::take(&mut pending).concat() } else { Vec::new() };
                    let error = WriteError::from(error);
                    failed.extend(texts.into_iter().chain(others).map(|text| (text, error.clone())));
                }
            }
        }
        (rows, failed)
    }

    /// One verdict for each update, in their order. A call that Salesforce cannot read is halved until the row at fault
    /// is alone.
    async fn update(&self, updates: &[Update<'_>]) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(updates.len());
        let mut pending: Vec<_> = updates.chunks(MOST_ROWS).rev().collect();
        while let Some(updates) = pending.pop() {
            match self.client.update(updates).await {
                Ok(results) => verdicts.extend(updates.iter().zip(results).map(|(update, result)| {
                    if result.success { Verdict::Updated } else { verdict(&result.errors, &update.record) }
                })),
                Err(CallError::Content { .. }) if updates.len() > 1 => {
                    let (first, second) = updates.split_at(updates.len() / 2);
                    pending.extend([second, first]);
                }
                Err(error) => {
                    let reason = error.to_string();
                    let verdict = match error {
                        CallError::Content { .. } => Verdict::Reject(reason),
                        CallError::Unauthorized => Verdict::Unavailable { reason, after: None },
                        CallError::Unavailable { after, .. } => Verdict::Unavailable { reason, after },
                    };
                    verdicts.extend(updates.iter().map(|_| verdict.clone()));
                }
            }
        }
        verdicts
    }
}
