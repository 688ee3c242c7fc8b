//! One caller as all services hear them: what comes in, what is not final yet, and where events go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::dialect::{Said, Spoken, cut};
use super::event::TranscriptEvent;
use super::finality::{Finality, Place};
use super::unsettled::Unsettled;
use crate::providers::error::ProviderError;
use crate::providers::reply::Usage;
use crate::providers::usage::{Account, ServiceName, Used};

/// Samples a second of what is heard.
pub(in crate::providers) const RATE: u32 = 16_000;
/// Most sound that is kept for another connection: a turn may be as long.
const LONGEST: Duration = Duration::from_secs(120);
/// What is kept while nobody speaks: the first sound may be too soft to be noticed.
pub(super) const PRE_ROLL: Duration = Duration::from_millis(300);

/// What a stream is told.
#[derive(Debug)]
pub(super) enum Input {
    /// [`RATE`], mono.
    Audio(Vec<i16>),
    /// Speech began so long ago.
    SpeechBegan(Duration),
    /// Speech ended so long ago: its words are to become final.
    SpeechEnded(Duration),
    /// What was said so far is of no interest any more.
    Forget,
}

/// One caller.
pub(super) struct Hearing {
    pub(super) spoken: Spoken,
    pub(super) unsettled: Unsettled,
    pub(super) finality: Finality,
    /// Who listens now.
    pub(super) service: ServiceName,
    pub(super) account: Arc<dyn Account>,
    /// How often words became final.
    pub(super) finals: u64,
    input_rx: mpsc::Receiver<Input>,
    events_tx: mpsc::Sender<Result<TranscriptEvent, ProviderError>>,
    speaking: bool,
}

/// Nobody listens any more.
#[derive(Debug, PartialEq)]
pub(super) struct Over;

/// Why a service is not used any more.
pub(super) enum Ended {
    Over,
    /// Its tries are used up, or there is no use in trying.
    Failed(ProviderError),
}

impl From<Over> for Ended {
    fn from(Over: Over) -> Self {
        Self::Over
    }
}

impl Hearing {
    pub(super) fn new(
        spoken: Spoken,
        service: ServiceName,
        account: Arc<dyn Account>,
        input_rx: mpsc::Receiver<Input>,
        events_tx: mpsc::Sender<Result<TranscriptEvent, ProviderError>>,
    ) -> Self {
        let (unsettled, finality) = (Unsettled::new(RATE, LONGEST), Finality::default());
        Self {
            spoken,
            unsettled,
            finality,
            service,
            account,
            finals: 0,
            input_rx,
            events_tx,
            speaking: false,
        }
    }

    /// What comes in next, taken; whether speech has ended with it. It can be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<bool, Over> {
        // What waits is of no use to somebody who has left.
        if self.input_rx.is_closed() {
            return Err(Over);
        }
        let input = self.input_rx.recv().await.ok_or(Over)?;
        let mut ended = false;
        match input {
            Input::Audio(samples) => {
                self.unsettled.push(&samples);
                if !self.is_busy() {
                    self.unsettled.settle_all_but(PRE_ROLL);
                }
            }
            Input::SpeechBegan(ago) => {
                if !self.is_busy() {
                    self.unsettled.settle_all_but(PRE_ROLL + ago);
                }
                self.speaking = true;
                self.finality.speech_began(self.unsettled.now().saturating_sub(ago));
            }
            Input::SpeechEnded(ago) => {
                self.speaking = false;
                ended = true;
                let end = self.unsettled.now().saturating_sub(ago);
                let events = self.finality.speech_ended(end, Instant::now());
                if !events.is_empty() {
                    // All of it is final.
                    self.unsettled.settle_until(end);
                }
                self.tell(events).await?;
            }
            Input::Forget => {
                self.speaking = false;
                self.finality.forget(self.unsettled.now(), Instant::now());
                self.unsettled.settle_all_but(Duration::ZERO);
            }
        }
        Ok(ended)
    }

    /// The service is asked, or connected to.
    pub(super) fn asks(&self) {
        self.account.used(&self.service, Used::Request);
    }

    /// So much sound is about to be sent; whether it may be.
    pub(super) fn may_send(&self, samples: usize) -> bool {
        self.account.may_hear(&self.service, samples as f64 / f64::from(RATE))
    }

    /// The service counts tokens, and took so many.
    pub(super) fn used(&self, usage: Usage) {
        self.account.used(&self.service, Used::Tokens(usage));
    }

    /// Whether somebody speaks, or waits for words.
    pub(super) fn is_busy(&self) -> bool {
        self.speaking || self.finality.is_asked()
    }

    /// What a service said.
    pub(super) async fn said(&mut self, said: Said) -> Result<(), Over> {
        if let Said::Used(usage) = said {
            self.used(usage);
        }
        if let Said::HeardUntil(end) = said {
            let ago = self.unsettled.now().saturating_sub(self.unsettled.position(end));
            return self.tell(vec![TranscriptEvent::HeardUntil(ago)]).await;
        }
        let said = said.bounded();
        let place = self.place(&said);
        self.finals += u64::from(matches!(said, Said::Final { .. }));
        let events = self.finality.said(said, place, Instant::now());
        self.tell(events).await
    }

    /// Where something was said. Sound whose words are final is settled.
    fn place(&mut self, said: &Said) -> Place {
        let heard = self.unsettled.heard();
        match said {
            Said::Final { start, end: Some(end), .. } => {
                let start = start.map(|start| self.unsettled.position(start));
                let end = self.unsettled.position(*end);
                self.unsettled.settle_until(end);
                Place { start, end, is_told: true }
            }
            Said::Final { text, .. } => {
                self.unsettled.settle_until(self.finality.untimed(text, heard));
                Place { start: None, end: heard, is_told: false }
            }
            _ => Place { start: None, end: heard, is_told: false },
        }
    }

    /// Until there is sound to be sent.
    pub(super) async fn until_sound(&mut self) -> Result<(), Over> {
        while self.unsettled.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    /// Words that are final, up to there in the call.
    pub(super) async fn words(&mut self, mut text: String, end: Duration) -> Result<(), Over> {
        cut(&mut text);
        let place = Place { start: None, end, is_told: true };
        let events = self.finality.said(Said::Final { text, start: None, end: None }, place, Instant::now());
        self.tell(events).await
    }

    pub(super) async fn expire(&mut self) -> Result<(), Over> {
        let events = self.finality.expire(Instant::now());
        // What was taken as it was is not to be heard again by another connection.
        self.unsettled.settle_until(self.finality.taken_until());
        self.tell(events).await
    }

    async fn tell(&self, events: Vec<TranscriptEvent>) -> Result<(), Over> {
        for event in events {
            self.events_tx.send(Ok(event)).await.map_err(|_| Over)?;
        }
        Ok(())
    }

    /// All services have failed: whoever waits for words is told.
    pub(super) async fn fail(&mut self, error: ProviderError) -> Result<(), Over> {
        self.finality.give_up();
        self.events_tx.send(Err(error)).await.map_err(|_| Over)
    }

    /// Until somebody has spoken again.
    pub(super) async fn until_speech_ended(&mut self) -> Result<(), Over> {
        while !self.next().await? {}
        Ok(())
    }

    /// Takes what comes in while something else is waited for.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> Result<T, Over> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return Ok(done),
                taken = self.next() => drop(taken?),
            }
        }
    }
}
