//! What the server does not let this user do. It says so apart from the request, which then gets no answer: without this, a
//! right that is missing would look like a server that is slow.

use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Instant;

use async_nats::ServerError;
use async_nats::jetstream::Context;
use tokio::sync::watch;

/// Refusals that are known at a time; a subject may hold a number that is new each time.
const MOST: usize = 64;

/// A right that is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.found(), self.todo())]
pub struct Refusal {
    action: Action,
    subject: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Publish,
    Subscribe,
}

impl Refusal {
    /// What the server says; none where it says something else.
    fn read(error: &ServerError) -> Option<Self> {
        let ServerError::Other(said) = error else { return None };
        let actions = [("Publish to \"", Action::Publish), ("Subscription to \"", Action::Subscribe)];
        let (_, what) = said.split_once("Permissions Violation for ")?;
        let (rest, action) =
            actions.into_iter().find_map(|(start, action)| Some((what.strip_prefix(start)?, action)))?;
        Some(Self { action, subject: rest.split('"').next()?.to_owned() })
    }

    /// What may not be done.
    pub fn found(&self) -> String {
        let (verb, subject) = (self.verb(), &self.subject);
        format!("permissions violation: the user of NATS may not {verb} to {subject}")
    }

    /// What to do about it.
    pub fn todo(&self) -> String {
        match self.action {
            Action::Publish => "give it that right".to_owned(),
            Action::Subscribe => {
                "give it that right, or set NATS_INBOX_PREFIX to what it may subscribe to".to_owned()
            }
        }
    }

    fn verb(&self) -> &'static str {
        match self.action {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
        }
    }

    /// Is it why nothing comes of what was published there? Where an answer may not be received, nothing does.
    fn concerns(&self, subject: &str) -> bool {
        self.action == Action::Subscribe || self.subject == subject
    }
}

/// The refusals of a connection, each with the moment at which it was last said.
type Known = VecDeque<(Instant, Refusal)>;

/// Where the refusals of a connection are written down.
#[derive(Default)]
pub(super) struct Refused(watch::Sender<Known>);

/// Where they are read.
#[derive(Debug, Clone)]
pub(super) struct Refusals(watch::Receiver<Known>);

impl Refused {
    /// Whether the server spoke of a right, and of which.
    pub(super) fn note(&self, error: &ServerError) -> Option<Refusal> {
        let refusal = Refusal::read(error)?;
        self.0.send_modify(|known| {
            known.retain(|(_, known)| *known != refusal);
            if known.len() == MOST {
                known.pop_front();
            }
            known.push_back((Instant::now(), refusal.clone()));
        });
        Some(refusal)
    }

    /// A new connection has the rights of now.
    pub(super) fn forget(&self) {
        self.0.send_modify(VecDeque::clear);
    }

    pub(super) fn subscribe(&self) -> Refusals {
        Refusals(self.0.subscribe())
    }
}

/// JetStream over one connection, and what the server refuses it.
#[derive(Debug, Clone)]
pub struct JetStream {
    context: Context,
    refusals: Refusals,
}

impl Deref for JetStream {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl JetStream {
    pub(super) fn new(context: Context, refusals: Refusals) -> Self {
        Self { context, refusals }
    }

    /// What comes of work that publishes to this subject, or that it may not be done, as soon as the server says so.
    ///
    /// # Errors
    /// The right to publish there is missing, or the right to receive answers.
    pub async fn unless_refused<T>(
        &self,
        subject: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Refusal> {
        first(work, self.refusal(subject)).await
    }

    /// What comes of work that has this connection for itself, or that something of it may not be done.
    ///
    /// # Errors
    /// A right is missing.
    pub async fn unless_anything_is_refused<T>(&self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        first(work, self.refusals.next(|_| true)).await
    }

    /// Ends with the reason when the server refuses what is published to this subject from now on, or answers to it.
    pub fn refusal(&self, subject: &str) -> impl Future<Output = Refusal> + use<> {
        let subject = subject.to_owned();
        self.refusals.next(move |refusal| refusal.concerns(&subject))
    }

    /// Tells, until the client ends, that the server refuses what is published below this.
    pub async fn tell_refusals(&self, below: &str, tell: impl Fn()) {
        let Refusals(mut known) = self.refusals.clone();
        let mut last = Instant::now();
        loop {
            let is_new =
                |(at, refusal): &&(Instant, Refusal)| *at > last && refusal.subject.starts_with(below);
            let newest = known.borrow_and_update().iter().rfind(is_new).map(|(at, _)| *at);
            if let Some(newest) = newest {
                last = newest;
                tell();
            }
            if known.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Refusals {
    /// The next of these. A right to publish may have been given since it was refused; an inbox stays refused until the next
    /// connection, because it is asked for once.
    fn next<F: Fn(&Refusal) -> bool>(&self, concerns: F) -> impl Future<Output = Refusal> + use<F> {
        let began = Instant::now();
        let Self(mut known) = self.clone();
        async move {
            loop {
                let counts = |(at, refusal): &&(Instant, Refusal)| {
                    (*at >= began || refusal.action == Action::Subscribe) && concerns(refusal)
                };
                let found = known.borrow_and_update().iter().find(counts).map(|(_, refusal)| refusal.clone());
                if let Some(refusal) = found {
                    return refusal;
                }
                if known.changed().await.is_err() {
                    // The client has ended, and its owner knows.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

async fn first<T>(
    work: impl Future<Output = T>,
    refusal: impl Future<Output = Refusal>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        refusal = refusal => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Option<String> {
        Refusal::read(&ServerError::Other(said.to_owned())).map(|refusal| refusal.to_string())
    }

    #[test]
    fn a_refusal_names_the_subject_and_the_right() {
        assert_eq!(
            read("Permissions Violation for Publish to \"sessions.ended.v1\"").as_deref(),
            Some(
                "permissions violation: the user of NATS may not publish to sessions.ended.v1; give it that right"
            )
        );
        for said in [
            "Permissions Violation for Subscription to \"_INBOX_a.x.*\"",
            "Permissions Violation for Subscription to \"_INBOX_a.x.*\" using queue \"q\"",
        ] {
            assert_eq!(
                read(said).as_deref(),
                Some(
                    "permissions violation: the user of NATS may not subscribe to _INBOX_a.x.*; give it that right, or set \
                     NATS_INBOX_PREFIX to what it may subscribe to"
                )
            );
        }
        for other in ["Invalid Subject", "User Authentication Expired", "Permissions Violation"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn refusals_are_bounded_and_each_is_known_once() {
        let refused = Refused::default();
        for number in 0..3 * MOST {
            let said = format!("Permissions Violation for Publish to \"x.{number}\"");
            for _ in 0..2 {
                assert!(refused.note(&ServerError::Other(said.clone())).is_some());
            }
        }
        assert_eq!(refused.0.borrow().len(), MOST);
        refused.forget();
        assert!(refused.0.borrow().is_empty());
    }
}
