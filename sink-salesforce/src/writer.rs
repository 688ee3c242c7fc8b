//! The sequence: look up, plan, update, settle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::Utc;
use prometheus::IntCounter;
use prometheus::core::Collector;
use schemas::{RecordedEmail, names};
use sink::{CLOCKS_APART, Message, PERMANENT, SinkOptions, WriteError, Writer, Written};
use tokio::time::Instant;
use tracing::warn;

use crate::call_error::CallError;
use crate::client::{Client, MOST_ROWS, SaveResult};
use crate::config::{RequestTimeout, SalesforceArgs};
use crate::field_map::{self, FieldMap};
use crate::halving::Halving;
use crate::matching::Matching;
use crate::org::Org;
use crate::plan::{Call, Lookup, Settled, Update, plan, settle};
use crate::records::OrgFields;
use crate::results::Results;
use crate::row_error::Verdict;

/// Rounds of look-up and update for one batch: records that moved meanwhile are looked up again, and a rejected session
/// gives way to the next older one of its record.
const ROUNDS: usize = 3;

/// Outcome of a session with something in the place of its visitor's address that is not one.
const UNREADABLE_EMAIL: &str = "unreadable_email";

/// Writes sessions into Leads and Contacts.
pub struct SalesforceWriter {
    client: Client,
    org: Org,
    matching: Matching,
    /// Values that no field took.
    unfit: IntCounter,
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
    /// A key, a secret or a field map that cannot be read.
    pub fn new(args: &SalesforceArgs) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(args)?,
            org: Org::new(field_map(args)?),
            matching: Matching { several: args.salesforce_several, contacts: args.salesforce_match_contacts },
            unfit: IntCounter::new(
                "postcall_salesforce_unfit_values_total",
                "Values of payloads that do not fit their fields, which were left as they were",
            )
            .context("make metrics")?,
        })
    }
}

/// The map that is configured.
///
/// # Errors
/// A file that cannot be read, or its faults.
pub fn field_map(args: &SalesforceArgs) -> anyhow::Result<FieldMap> {
    let (text, name) = match &args.salesforce_fields {
        None => (field_map::DEFAULT.to_owned(), "the built-in field map".to_owned()),
        Some(file) => {
            let name = file.display().to_string();
            (std::fs::read_to_string(file).with_context(|| format!("read the field map {name}"))?, name)
        }
    };
    FieldMap::parse(&text).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(|fault| format!("{name}, {fault}")).collect();
        anyhow!(faults.join("\n"))
    })
}

impl Writer for SalesforceWriter {
    async fn write(&self, batch: &[Message]) -> Vec<Result<Written, WriteError>> {
        let mut results = Results::none(batch.len());
        let calls = self.calls(batch, &mut results);
        self.write_calls(&calls, &mut results).await;
        results.finish()
    }

    fn metrics(&self) -> Vec<Box<dyn Collector>> {
        let mut metrics = self.client.usage.metrics();
        metrics.push(Box::new(self.unfit.clone()));
        metrics
    }

    /// A token, and the fields, which are asked for once: a probe must not use up the org's calls.
    async fn probe(&self) -> Result<(), String> {
        self.client.log_in().await.map_err(|error| error.to_string())?;
        self.org.fields(&self.client).await.map(drop).map_err(|error| error.to_string())
    }
}

impl SalesforceWriter {
    /// The sessions that have an address. What has no place in time is settled: it would make every later call a stale one.
    pub(crate) fn calls<'a>(&self, batch: &'a [Message], results: &mut Results) -> Vec<Call<'a>> {
        let latest = Utc::now() + CLOCKS_APART;
        let mut calls = Vec::with_capacity(batch.len());
        for (index, message) in batch.iter().enumerate() {
            match self.call(index, message) {
                Some(Ok(call)) if call.end_time <= latest => calls.push(call),
                Some(Ok(_)) => {
                    let reason = "the session's end_time is in the future; correct the clock of its agent";
                    results.add(index, Err(rejected(reason.to_owned())));
                }
                Some(Err(settled)) => results.add_all([settled]),
                None => {}
            }
        }
        calls
    }

    /// None of a session without an address. One that cannot be read is for a person to read.
    fn call<'a>(&self, index: usize, message: &'a Message) -> Option<Result<Call<'a>, Settled>> {
        let event = &message.event;
        let email = match &event.email {
            RecordedEmail::Absent => return None,
            RecordedEmail::Address(email) => email.normalized(),
            RecordedEmail::Unreadable(why) => {
                let unreadable = WriteError::Reject { outcome: UNREADABLE_EMAIL, reason: why.to_string() };
                return Some(Err((index, Err(unreadable))));
            }
        };
        let call = self.org.values(&message.payload).map(|values| Call {
            index,
            email,
            session_id: event.identity.session_id.as_str(),
            job_id: &event.identity.job_id,
            end_time: event.end_time,
            values,
        });
        Some(call.map_err(|error| (index, Err(rejected(format!("the payload is {error}"))))))
    }

    async fn write_calls<'c>(&self, calls: &'c [Call<'c>], results: &mut Results) {
        let mut open: Vec<&Call> = calls.iter().collect();
        for round in 0..ROUNDS {
            if open.is_empty() {
                return;
            }
            let (fields, lookup) = match self.ask(&open).await {
                Ok(answers) => answers,
                Err(error) => {
                    results.add_all(open.iter().map(|call| (call.index, Err(error.clone().into()))));
                    return;
                }
            };
            let (updates, settled) = plan(&open, &lookup, &fields);
            results.add_all(settled);
            if round == 0 {
                updates.iter().for_each(|update| self.tell_unfit(update, &fields));
            }
            let verdicts = self.update(&updates, &fields).await;
            self.heed(&verdicts).await;
            let mut again = HashMap::new();
            for (update, verdict) in updates.into_iter().zip(verdicts) {
                let (settled, calls) = settle(update, verdict, round == 0);
                results.add_all(settled);
                // Two records of one session may both want another round.
                again.extend(calls.into_iter().map(|call| (call.index, call)));
            }
            open = again.into_values().collect();
        }
        for call in open {
            let reason = "newer sessions of the same record were refused one after the other".to_owned();
            results.add(call.index, Err(WriteError::Retry { reason }));
        }
    }

    /// What a payload has and a field cannot take is not written, and not passed over in silence.
    fn tell_unfit(&self, update: &Update<'_>, fields: &OrgFields) {
        for field in fields.of(update.record.kind).unfit(&update.newest.values) {
            self.unfit.inc();
            warn!(
                session.id = ?update.newest.session_id,
                field,
                "the payload has a value that does not fit the type of this field, which is left as it is"
            );
        }
    }

    /// What the answers say of the org itself.
    async fn heed(&self, verdicts: &[Verdict]) {
        let fault = verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Configuration(reason) => Some(CallError::Configuration { reason: reason.clone() }),
            _ => None,
        });
        if let Some(fault) = fault {
            self.org.mistrust(&fault).await;
        } else if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Doubtful(_))) {
            self.org.doubt().await;
        } else if verdicts.contains(&Verdict::Updated) {
            self.org.trust().await;
        }
    }

    /// What the org has of the fields, and the records of each address.
    pub(crate) async fn ask<'c>(
        &self,
        calls: &[&'c Call<'c>],
    ) -> Result<(Arc<OrgFields>, Lookup<'c>), CallError> {
        self.client.usage.allow(Instant::now())?;
        let fields = self.org.fields(&self.client).await?;
        let emails = calls.iter().map(|call| call.email).collect();
        match self.matching.look_up(&self.client, &fields, emails).await {
            Ok(lookup) => Ok((fields, lookup)),
            Err(error) => {
                if matches!(error, CallError::Configuration { .. }) {
                    self.org.mistrust(&error).await;
                }
                Err(error)
            }
        }
    }

    /// One verdict for each update, in their order.
    async fn update(&self, updates: &[Update<'_>], fields: &OrgFields) -> Vec<Verdict> {
        let mut lists = Halving::new(updates.chunks(MOST_ROWS));
        while let Some(updates) = lists.next_call() {
            let rows: Vec<_> =
                updates.iter().map(|update| fields.row(&update.record, &update.wanted)).collect();
            lists.answered(updates, self.client.update(&rows).await);
        }
        lists.answers().into_iter().flat_map(|(updates, answer)| verdicts(updates, answer)).collect()
    }
}

fn rejected(reason: String) -> WriteError {
    WriteError::Reject { outcome: PERMANENT, reason }
}

fn verdicts(updates: &[Update<'_>], answer: Result<Vec<SaveResult>, CallError>) -> Vec<Verdict> {
    let error = match answer {
        Ok(results) => {
            let rows = updates.iter().zip(results);
            return rows.map(|(update, result)| result.verdict(&update.record)).collect();
        }
        Err(error) => error,
    };
    let reason = error.to_string();
    let verdict = match error {
        CallError::Content { .. } => Verdict::Retry(reason),
        CallError::Configuration { .. } => Verdict::Configuration(reason),
        CallError::Unavailable { after, .. } => Verdict::Unavailable { reason, after },
        CallError::Unauthorized | CallError::Elsewhere { .. } | CallError::Broken { .. } => {
            Verdict::Unavailable { reason, after: None }
        }
    };
    vec![verdict; updates.len()]
}
