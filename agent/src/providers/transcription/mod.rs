//! Speech to text as a stream: sound goes in as it comes, and words come out while somebody speaks.
//!
//! A streaming service is a `Dialect`, which has no IO; `socket` speaks it over a WebSocket. A service for
//! recordings is made to look like one by `batched`. What all have in common is `hearing`: the sound whose words are not final
//! (`unsettled`), which the next connection or the next service is given where one breaks, and when words are final
//! (`finality`). A further service that streams is a `Dialect`, made in `providers` beside the others, from where it is
//! (`place`).

mod batched;
pub(super) mod dialect;
mod event;
mod finality;
mod hearing;
mod socket;
mod unsettled;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{Instrument as _, debug};

use dialect::Dialect;
pub use dialect::Spoken;
pub use event::TranscriptEvent;
use hearing::{Ended, Hearing, Input, Over};

use super::error::ProviderError;
use super::services::{Candidate, Services};
use super::sockets::Sockets;
use super::transcriptions::Transcriptions;
use super::usage::Account;

/// Inputs that wait for a service; pieces of sound leave the last ones to what is said of them.
const WAITING: usize = 1_000;
const RESERVED: usize = 100;
/// Events that nobody has taken.
const EVENTS: usize = 64;

/// Longest that a service is told that a caller has left.
const LEAVING: Duration = Duration::from_secs(1);

/// One way to have speech transcribed.
pub(super) enum Service {
    /// Recordings, by OpenAI's wire format.
    Recordings(Transcriptions),
    /// A stream, whatever it speaks.
    Stream(Sockets, Box<dyn Dialect>),
}

/// Turns speech into words; clones share connections. Of several services the next takes over where one fails.
#[derive(Clone)]
pub struct SpeechToText(Services<Service>);

/// One caller who is listened to. It ends when it is dropped.
pub struct TranscriptionStream {
    input_tx: mpsc::Sender<Input>,
    events_rx: mpsc::Receiver<Result<TranscriptEvent, ProviderError>>,
}

impl SpeechToText {
    pub(super) fn new(services: Services<Service>) -> Self {
        Self(services)
    }

    /// Begins to listen to a caller.
    pub fn listen(&self, spoken: Spoken, account: Arc<dyn Account>) -> TranscriptionStream {
        let (input_tx, input_rx) = mpsc::channel(WAITING);
        let (events_tx, events_rx) = mpsc::channel(EVENTS);
        let left = events_tx.clone();
        let hearing = Hearing::new(spoken, self.0.first_name(), account, input_rx, events_tx);
        let listening = listen(self.0.clone(), hearing);
        let listening = async move {
            let leaving = async {
                left.closed().await;
                sleep(LEAVING).await;
            };
            // A plan has room for few connections: one that is told of its end is free at once.
            tokio::select! {
                () = listening => {}
                () = leaving => debug!("speech to text was not told that the caller has left"),
            }
        };
        tokio::spawn(listening.in_current_span());
        TranscriptionStream { input_tx, events_rx }
    }

    /// Asks once, with half a second in which nothing is said.
    ///
    /// # Errors
    /// No service answered.
    pub async fn try_once(&self, language: &str) -> Result<(), ProviderError> {
        self.0.ask(None, |service| service.try_once(language).boxed()).await.map(drop)
    }

    /// Whether there is reason to [`Self::try_once`].
    pub async fn is_doubtful(&self) -> bool {
        match self.0.first().map(|candidate| &candidate.service) {
            Some(Service::Recordings(service)) => service.is_doubtful().await,
            // A look would cost as much as a trial; calls and the sockets of calls tell.
            Some(Service::Stream(..)) | None => false,
        }
    }
}

/// Until nobody listens any more. The service that took over stays, until it fails, too.
async fn listen(services: Services<Service>, mut hearing: Hearing) {
    loop {
        let mut failure = None;
        for candidate in services.in_order() {
            match listen_by(candidate, &services, &mut hearing).await {
                Ended::Over => return,
                Ended::Failed(error) => {
                    services.failed(candidate, &error, Some(&*hearing.account));
                    failure = Some(error);
                }
            }
        }
        let error = services.all_failed(failure);
        let waiting = async {
            hearing.fail(error).await?;
            hearing.until_speech_ended().await
        };
        if waiting.await == Err(Over) {
            return;
        }
    }
}

/// One service, until it has failed or nobody listens any more.
async fn listen_by(
    candidate: &Candidate<Service>,
    services: &Services<Service>,
    hearing: &mut Hearing,
) -> Ended {
    hearing.service = candidate.name.clone();
    let works = || services.works(candidate);
    match &candidate.service {
        Service::Recordings(service) => batched::listen(hearing, service, &works).await,
        Service::Stream(sockets, dialect) => socket::listen(hearing, sockets, &**dialect, &works).await,
    }
}

impl Service {
    async fn try_once(&self, language: &str) -> Result<(), ProviderError> {
        match self {
            Self::Recordings(service) => service.try_once(language).await,
            Self::Stream(sockets, dialect) => sockets.try_once(&**dialect).await,
        }
    }
}

impl TranscriptionStream {
    /// The next samples, 16 kHz, mono. Says whether there was room for them.
    pub fn audio(&self, samples: &[i16]) -> bool {
        self.input_tx.capacity() > RESERVED && self.tell(Input::Audio(samples.to_vec()))
    }

    /// Speech began so long before the last sample.
    pub fn speech_began(&self, ago: Duration) {
        self.tell(Input::SpeechBegan(ago));
    }

    /// Speech ended so long before the last sample: its words are to become final.
    pub fn speech_ended(&self, ago: Duration) {
        self.tell(Input::SpeechEnded(ago));
    }

    /// What was said so far has its reply, and no new connection is to hear it.
    pub fn forget(&self) {
        self.tell(Input::Forget);
    }

    /// What comes next. It can be dropped and called again.
    pub async fn next(&mut self) -> Option<Result<TranscriptEvent, ProviderError>> {
        self.events_rx.recv().await
    }

    /// Never waits: whoever holds the conversation would wait with it. Who has ended hears nothing.
    fn tell(&self, input: Input) -> bool {
        self.input_tx.try_send(input).is_ok()
    }
}
