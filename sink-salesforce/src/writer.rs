//! The writer of this sink, which is a sequence: look up, plan, update, settle.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::Utc;
use prometheus::IntCounter;
use prometheus::core::Collector;
use schemas::RecordedEmail;
use sink::{CLOCKS_APART, Message, PERMANENT, Sink as _, WriteError, Writer, Written};
use tokio::time::Instant;
use tracing::warn;

use crate::call_error::CallError;
use crate::client::{Client, MOST_ROWS, SaveResult, Tries};
use crate::config::SalesforceArgs;
use crate::field_map::{self, FieldMap};
use crate::fields::FieldValue;
use crate::halving::{Halving, Step};
use crate::matching::{Matching, lock};
use crate::org::Org;
use crate::pace::{Deadlines, End, Portion, until};
use crate::plan::{Lookup, Session, Settled, Update, plan, settle};
use crate::records::{Kind, OrgFields};
use crate::refusals::{Refusals, size_of_suspicious_calls};
use crate::results::{OUTCOMES, Results};
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
    limit: Duration,
    portion: Mutex<Portion>,
    refused_updates: Mutex<Refusals>,
    refused_rows: Mutex<HashMap<Kind, Refusals>>,
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
            matching: Matching::new(args.salesforce_several, args.salesforce_match_contacts),
            unfit: IntCounter::new(
                "postcall_salesforce_unfit_values_total",
                "Values of payloads that do not fit their fields, which were left as they were",
            )
            .context("make metrics")?,
            limit: Self::write_timeout(&args.request_timeout),
            portion: Mutex::new(Portion::whole()),
            refused_updates: Mutex::default(),
            refused_rows: Mutex::default(),
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
        let deadlines = Deadlines::within(self.limit);
        let sessions = self.sessions(batch, &mut results);
        let (now, later) = lock(&self.portion).split(&sessions);
        let taken: Vec<_> = now.iter().map(|session| session.index).collect();
        self.write_sessions(now, deadlines, &mut results).await;
        let left = taken.iter().filter(|index| results.is_left(**index)).count();
        lock(&self.portion).ended(
            taken.len(),
            match left {
                0 => End::InTime,
                left if left < taken.len() => End::SomeLeft,
                _ => End::AllLeft,
            },
        );
        for session in later {
            let reason =
                "not yet written: Salesforce answers slowly, and fewer sessions are written at a time";
            results.add(session.index, Err(CallError::NotYet { reason: reason.to_owned() }.into()));
        }
        results.finish()
    }

    fn shows_that_the_store_works(&self, outcome: &'static str) -> bool {
        outcome == "updated"
    }

    fn outcomes(&self) -> &'static [&'static str] {
        &OUTCOMES
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
    /// What the stream took has ended by then, whatever this clock says: one that is a day behind would put everything aside.
    pub(crate) fn sessions<'a>(&'a self, batch: &'a [Message], results: &mut Results) -> Vec<Session<'a>> {
        let now = Utc::now();
        let latest = |message: &Message| message.published.map_or(now, |taken| now.max(taken)) + CLOCKS_APART;
        let mut sessions = Vec::with_capacity(batch.len());
        for (index, message) in batch.iter().enumerate() {
            match self.session(index, message) {
                Some(Ok(session)) if session.end_time <= latest(message) => sessions.push(session),
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

    /// The session of a message; `None` for one without an address. An address that cannot be read makes a dead letter, for a
    /// person to read.
    fn session<'a>(&'a self, index: usize, message: &'a Message) -> Option<Result<Session<'a>, Settled>> {
        let event = &message.event;
        let email = match &event.email {
            RecordedEmail::Absent => return None,
            RecordedEmail::Address(email) => email.normalized(),
            RecordedEmail::Unreadable(why) => {
                let unreadable = WriteError::Reject { outcome: UNREADABLE_EMAIL, reason: why.to_string() };
                return Some(Err((index, Err(unreadable))));
            }
        };
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

    async fn write_sessions<'s>(
        &self,
        mut open: Vec<&'s Session<'s>>,
        deadlines: Deadlines,
        results: &mut Results,
    ) {
        for round in 0..ROUNDS {
            if open.is_empty() {
                return;
            }
            let (fields, lookup) = match self.ask(&open, deadlines.look_ups).await {
                Ok(answers) => answers,
                Err(error) => {
                    results.add_all(open.iter().map(|session| (session.index, Err(error.clone().into()))));
                    return;
                }
            };
            let (mut updates, settled) = plan(&open, &lookup, &fields);
            results.add_all(settled);
            if round == 0 {
                updates.iter().for_each(|update| self.tell_unfit(update));
            }
            let verdicts = self.update(&mut updates, &fields, deadlines.updates).await;
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
        let updated = verdicts.contains(&Verdict::Updated);
        let doubtful = |verdict: &Verdict| matches!(verdict, Verdict::Doubtful(_) | Verdict::Own(_));
        if let Some(fault) = fault.as_ref().filter(|_| !updated) {
            self.org.back_off(fault).await;
        } else if fault.is_some() || verdicts.iter().any(doubtful) {
            self.org.invalidate().await;
        } else if updated {
            self.org.reset_back_off().await;
        }
    }

    /// What the org has of the fields, and the records of each address.
    pub(crate) async fn ask<'s>(
        &self,
        sessions: &[&'s Session<'s>],
        deadline: Instant,
    ) -> Result<(Arc<OrgFields>, Lookup<'s>), CallError> {
        self.client.usage.allow(Instant::now())?;
        let fields = until(deadline, self.org.fields(&self.client)).await?;
        let emails = sessions.iter().map(|session| session.email).collect();
        match self.matching.look_up(&self.client, &fields, emails, deadline).await {
            Ok(lookup) => Ok((fields, lookup)),
            Err(error) => {
                if matches!(error, CallError::Configuration { .. }) {
                    self.org.back_off(&error).await;
                }
                Err(error)
            }
        }
    }

    /// One verdict for each update, in their order, which is made here: records that were found at fault before have calls
    /// apart, after the others.
    async fn update(
        &self,
        updates: &mut [Update<'_>],
        fields: &OrgFields,
        deadline: Instant,
    ) -> Vec<Verdict> {
        let mut calls = {
            let (refusals, now) = (lock(&self.refused_updates), Instant::now());
            updates.sort_by_key(|update| refusals.is_at_fault(id(update)));
            let others = updates.partition_point(|update| !refusals.is_at_fault(id(update)));
            let (others, suspicious) = updates.split_at(others);
            let others = others.chunks(MOST_ROWS);
            let others = others.map(|list| (list, refusals.come_again(list.iter().map(id), now), false));
            let size = size_of_suspicious_calls(suspicious.len()).min(MOST_ROWS);
            let suspicious = suspicious.chunks(size).map(|list| (list, true, true));
            Halving::new(others.chain(suspicious), refusals.rests(now))
        };
        while let Some(step) = calls.next_step() {
            match step {
                Step::Call { items, once } => {
                    let rows: Vec<_> =
                        items.iter().map(|update| fields.row(&update.record, &update.wanted)).collect();
                    let tries = if once { Tries::One } else { Tries::Several };
                    calls.answered(until(deadline, self.client.update(&rows, tries)).await);
                }
                Step::Probe => {
                    let probe = self.client.ask_whether_it_is_there();
                    calls.probed(until(deadline, probe).await.is_ok());
                }
            }
        }
        let answers = lock(&self.refused_updates).judge(calls.answers(), id, Instant::now());
        answers.into_iter().flat_map(|(updates, answer)| self.verdicts(updates, answer)).collect()
    }

    fn verdicts(&self, updates: &[Update<'_>], answer: Result<Vec<SaveResult>, CallError>) -> Vec<Verdict> {
        match answer {
            Ok(results) => {
                let rows = updates.iter().zip(results);
                let verdicts = rows.map(|(update, result)| result.verdict(&update.record)).collect();
                own(updates, verdicts, &mut lock(&self.refused_rows), Instant::now())
            }
            Err(error) => vec![verdict_of_call(error); updates.len()],
        }
    }
}

fn id<'u>(update: &'u Update<'_>) -> &'u str {
    &update.record.id
}

fn rejected(reason: String) -> WriteError {
    WriteError::Reject { outcome: PERMANENT, reason }
}

/// What is said of the org at one row, and contradicted by others that are written, is the row's own.
fn own(
    updates: &[Update<'_>],
    mut verdicts: Vec<Verdict>,
    refused: &mut HashMap<Kind, Refusals>,
    now: Instant,
) -> Vec<Verdict> {
    let mut passed = HashSet::new();
    for (update, _) in updates.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Updated) {
        passed.insert(update.record.kind);
        refused.entry(update.record.kind).or_default().pass(id(update), now);
    }
    for (update, verdict) in updates.iter().zip(&mut verdicts) {
        let (reason, is_configuration) = match &*verdict {
            Verdict::Configuration(reason) => (reason.clone(), true),
            Verdict::Unavailable { reason, .. } => (reason.clone(), false),
            _ => continue,
        };
        let refusals = refused.entry(update.record.kind).or_default();
        let (known, at_fault) = (refusals.knows(id(update)), refusals.is_at_fault(id(update)));
        if refusals.refuse(id(update), at_fault || passed.contains(&update.record.kind), now) {
            *verdict = Verdict::Own(format!("{reason}; other records are written"));
        } else if known && is_configuration {
            // The fields are asked for where a record is refused first; the same one again holds no other back.
            *verdict = Verdict::Unavailable { reason, after: Some(refusals.longer_pause()) };
        }
    }
    verdicts
}

fn verdict_of_call(error: CallError) -> Verdict {
    let reason = error.to_string();
    match error {
        CallError::Content { .. } | CallError::Own { .. } => Verdict::Retry(reason),
        CallError::NotYet { .. } => Verdict::NotYet(reason),
        CallError::Configuration { .. } => Verdict::Configuration(reason),
        CallError::Unavailable { after, .. } => Verdict::Unavailable { reason, after },
        CallError::Unauthorized
        | CallError::Elsewhere { .. }
        | CallError::Doubtful { .. }
        | CallError::Broken { .. } => Verdict::Unavailable { reason, after: None },
    }
}
