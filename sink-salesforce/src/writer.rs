//! The writer of this sink, which is a sequence: look up, plan, update, settle.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use chrono::Utc;
use prometheus::IntCounter;
use prometheus::core::Collector;
use sink::{CLOCKS_APART, Message, PERMANENT, WriteError, Writer, Written};
use tokio::time::Instant;
use tracing::warn;

use crate::call_error::CallError;
use crate::client::{Client, MOST_ROWS, SaveResult};
use crate::config::SalesforceArgs;
use crate::field_map::{self, FieldMap};
use crate::fields::FieldValue;
use crate::halving::Halving;
use crate::matching::Matching;
use crate::org::Org;
use crate::plan::{Lookup, Session, Settled, Update, plan, settle};
use crate::records::OrgFields;
use crate::results::Results;
use crate::row_error::Verdict;

/// Rounds of look-up and update for one batch: records that moved meanwhile are looked up again, and a rejected session
/// gives way to the next older one of its record.
const ROUNDS: usize = 3;

/// Writes sessions into Leads and Contacts.
pub struct SalesforceWriter {
    client: Client,
    org: Org,
    matching: Matching,
    /// Values that no field took.
    unfit: IntCounter,
}

impl SalesforceWriter {
    /// A writer that has not called Salesforce yet.
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
        let sessions = self.sessions(batch, &mut results);
        self.write_sessions(&sessions, &mut results).await;
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
    /// The sessions that have an address. What has no place in time is settled: it would make every later session a stale one.
    pub(crate) fn sessions<'a>(&'a self, batch: &'a [Message], results: &mut Results) -> Vec<Session<'a>> {
        let latest = Utc::now() + CLOCKS_APART;
        let mut sessions = Vec::with_capacity(batch.len());
        for (index, message) in batch.iter().enumerate() {
            match self.session(index, message) {
                Some(Ok(session)) if session.end_time <= latest => sessions.push(session),
                Some(Ok(_)) => {
                    let reason = "the session's end_time is in the future; correct the clock of its agent";
                    results.add(index, Err(rejected(reason.to_owned())));
                }
                Some(Err(settled)) => results.add_all([settled]),
                None => {}
            }
        }
        sessions
    }

    /// The session of a message; `None` for one without an address.
    fn session<'a>(&'a self, index: usize, message: &'a Message) -> Option<Result<Session<'a>, Settled>> {
        let event = &message.event;
        let email = event.email.as_ref()?.normalized();
        let session = self.org.values(&message.payload).map(|values| Session {
            index,
            email,
            session_id: event.identity.session_id.as_str(),
            job_id: &event.identity.job_id,
            end_time: event.end_time,
            values,
        });
        Some(session.map_err(|error| (index, Err(rejected(format!("the payload is {error}"))))))
    }

    async fn write_sessions<'s>(&self, sessions: &'s [Session<'s>], results: &mut Results) {
        let mut open: Vec<&Session> = sessions.iter().collect();
        for round in 0..ROUNDS {
            if open.is_empty() {
                return;
            }
            let (fields, lookup) = match self.ask(&open).await {
                Ok(answers) => answers,
                Err(error) => {
                    results.add_all(open.iter().map(|session| (session.index, Err(error.clone().into()))));
                    return;
                }
            };
            let (updates, settled) = plan(&open, &lookup, &fields);
            results.add_all(settled);
            if round == 0 {
                updates.iter().for_each(|update| self.tell_unfit(update));
            }
            let verdicts = self.update(&updates, &fields).await;
            self.note_verdicts(&verdicts).await;
            let mut again = HashMap::new();
            for (update, verdict) in updates.into_iter().zip(verdicts) {
                let (settled, sessions) = settle(update, verdict, round == 0);
                results.add_all(settled);
                // Two records of one session may both want another round.
                again.extend(sessions.into_iter().map(|session| (session.index, session)));
            }
            open = again.into_values().collect();
        }
        for session in open {
            let reason = "newer sessions of the same record were refused one after the other".to_owned();
            results.add(session.index, Err(WriteError::Retry { reason }));
        }
    }

    /// What a payload has and a field cannot take is not written, and not passed over in silence.
    fn tell_unfit(&self, update: &Update<'_>) {
        for field in update.record.values.iter().filter_map(FieldValue::unfit) {
            self.unfit.inc();
            warn!(
                session.id = ?update.newest.session_id,
                field,
                "the payload has a value that does not fit the type of this field, which is left as it is"
            );
        }
    }

    /// Takes note of what the answers say of the org itself.
    async fn note_verdicts(&self, verdicts: &[Verdict]) {
        let fault = verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Configuration(reason) => Some(CallError::Configuration { reason: reason.clone() }),
            _ => None,
        });
        if let Some(fault) = fault {
            self.org.back_off(&fault).await;
        } else if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Doubtful(_))) {
            self.org.invalidate().await;
        } else if verdicts.contains(&Verdict::Updated) {
            self.org.reset_back_off().await;
        }
    }

    /// What the org has of the fields, and the records of each address.
    pub(crate) async fn ask<'s>(
        &self,
        sessions: &[&'s Session<'s>],
    ) -> Result<(Arc<OrgFields>, Lookup<'s>), CallError> {
        self.client.usage.allow(Instant::now())?;
        let fields = self.org.fields(&self.client).await?;
        let emails = sessions.iter().map(|session| session.email).collect();
        match self.matching.look_up(&self.client, &fields, emails).await {
            Ok(lookup) => Ok((fields, lookup)),
            Err(error) => {
                if matches!(error, CallError::Configuration { .. }) {
                    self.org.back_off(&error).await;
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
