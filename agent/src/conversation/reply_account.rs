//! What services do for one reply: it goes to the call's account, and is remembered with its times for the spans of the reply.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::providers::reply::Usage;
use crate::providers::usage::{Account, ServiceName, Used};

/// Requests that are remembered of a reply: more than it has sentences.
const MOST: usize = 64;

/// One service, asked once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) service: ServiceName,
    pub(super) began: Instant,
    /// It began to answer.
    pub(super) answers: Option<Instant>,
    /// Nobody listens to it any more.
    pub(super) ended: Option<Instant>,
    pub(super) failed: bool,
    /// Of a language model.
    pub(super) usage: Option<Usage>,
    /// Of a voice.
    pub(super) characters: u64,
    pub(super) seconds: f64,
}

impl Asked {
    pub(super) fn new(service: ServiceName, began: Instant) -> Self {
        Self {
            service,
            began,
            answers: None,
            ended: None,
            failed: false,
            usage: None,
            characters: 0,
            seconds: 0.0,
        }
    }
}

/// The account of one reply, on the call's own.
pub(super) struct ReplyAccount {
    account: Arc<dyn Account>,
    asked: Mutex<Vec<Asked>>,
}

impl ReplyAccount {
    pub(super) fn on(account: Arc<dyn Account>) -> Arc<Self> {
        Arc::new(Self { account, asked: Mutex::default() })
    }

    /// Who was asked so far, in this order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Account for ReplyAccount {
    fn may_hear(&self, service: &ServiceName, seconds: f64) -> bool {
        self.account.may_hear(service, seconds)
    }

    fn used(&self, service: &ServiceName, used: Used) {
        self.account.used(service, used);
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner), service, used, Instant::now());
    }
}

/// What comes after a request belongs to the last one of its service that has not ended.
fn note(asked: &mut Vec<Asked>, service: &ServiceName, used: Used, now: Instant) {
    if used == Used::Request {
        if asked.len() < MOST {
            asked.push(Asked::new(service.clone(), now));
        }
        return;
    }
    let is_open = |one: &&mut Asked| one.ended.is_none() && one.service == *service;
    let Some(one) = asked.iter_mut().rev().find(is_open) else { return };
    match used {
        Used::Request => {}
        Used::Failure => (one.failed, one.ended) = (true, Some(now)),
        Used::Answers => one.answers = Some(now),
        Used::Characters(characters) => (one.answers, one.characters) = (Some(now), characters),
        Used::Tokens(usage) => one.usage = Some(usage),
        Used::Answered => one.ended = Some(now),
        Used::Spoken(seconds) => (one.ended, one.seconds) = (Some(now), seconds),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::providers::error::Provider;

    fn name(provider: Provider, service: &str) -> ServiceName {
        ServiceName { provider, service: service.into(), model: "m".into() }
    }

    #[test]
    fn what_follows_a_request_is_told_of_it() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let (a, b) = (name(Provider::LanguageModel, "a"), name(Provider::LanguageModel, "b"));
        let voice = name(Provider::TextToSpeech, "a");
        let usage = Usage { prompt_tokens: 5, ..Usage::default() };
        let mut asked = Vec::new();
        for (moment, service, used) in [
            (0, &a, Used::Request),
            (10, &a, Used::Failure),
            (11, &b, Used::Request),
            (30, &b, Used::Answers),
            (35, &voice, Used::Request),
            (40, &b, Used::Tokens(usage)),
            (50, &voice, Used::Characters(9)),
            (60, &b, Used::Answered),
            (61, &b, Used::Failure),
            (70, &voice, Used::Spoken(1.5)),
            (71, &voice, Used::Request),
        ] {
            note(&mut asked, service, used, at(moment));
        }
        let one = |service: &ServiceName, began: u64| Asked::new(service.clone(), at(began));
        assert_eq!(
            asked,
            [
                Asked { ended: Some(at(10)), failed: true, ..one(&a, 0) },
                Asked { answers: Some(at(30)), ended: Some(at(60)), usage: Some(usage), ..one(&b, 11) },
                Asked {
                    answers: Some(at(50)),
                    ended: Some(at(70)),
                    characters: 9,
                    seconds: 1.5,
                    ..one(&voice, 35)
                },
                one(&voice, 71),
            ]
        );
    }

    #[test]
    fn no_reply_is_remembered_without_end() {
        let mut asked = Vec::new();
        let voice = name(Provider::TextToSpeech, "a");
        (0..1_000).for_each(|_| note(&mut asked, &voice, Used::Request, Instant::now()));
        assert_eq!(asked.len(), MOST);
    }
}
