//! A process with so many callers: each waits for the agent's greeting, says the sentence, waits for the answer and for its
//! end, and after a pause says the sentence again.
//!
//! It answers `finish` with every turn there was, once the last ones are answered. At the end of the input it hangs up.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use livekit::prelude::{Room, RoomOptions};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::listener::{Listener, listen};
use super::microphone::Microphone;
use crate::host::answer;
use crate::recording::Recording;

const GREETED_WITHIN: Duration = Duration::from_secs(60);
/// Longer than the agent takes for anything but a fault.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// A turn's sentence, answer and the silences around them, where nobody answers.
const UNANSWERED_TURN: Duration = Duration::from_secs(7);

#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) url: String,
    /// One for each caller.
    pub(super) tokens: Vec<String>,
    pub(super) sentence: Recording,
    /// How long a caller is silent after an answer.
    pub(super) pause: Duration,
    /// Whether the agent speaks at all.
    pub(super) answers: bool,
}

/// One sentence of one caller.
#[derive(Serialize, Deserialize)]
pub(super) struct Turn {
    /// When its last sample left, seconds of the wall clock since 1970.
    pub(super) ended_at: f64,
    /// Seconds from there to the first sound of the answer at the caller; none where there was no answer.
    pub(super) answered_after: Option<f64>,
}

pub(crate) async fn run() -> Result<()> {
    // This thread is none of the runtime's workers: it may block.
    let mut lines = std::io::stdin().lines();
    let setup: Setup = serde_json::from_str(&lines.next().context("read setup")??).context("parse setup")?;
    let samples = setup.sentence.samples()?;
    let finish = CancellationToken::new();
    let mut callers = Vec::new();
    for (index, token) in setup.tokens.iter().enumerate() {
        callers.push(Caller::join(&setup, token, samples.clone(), index, &finish).await?);
    }
    for caller in &mut callers {
        caller.listener.wait_for_agent(GREETED_WITHIN, setup.answers).await?;
    }
    answer("ready")?;
    match lines.next().transpose()?.as_deref() {
        Some("finish") => finish.cancel(),
        other => bail!("asked for «{}»", other.unwrap_or("nothing")),
    }
    let mut turns = Vec::new();
    for caller in &mut callers {
        turns.extend((&mut caller.conversation).await.context("join a conversation")??);
    }
    answer(&serde_json::to_string(&turns)?)?;
    while lines.next().transpose()?.is_some() {}
    for caller in callers {
        caller.room.close().await.context("hang up")?;
    }
    Ok(())
}

struct Caller {
    room: Room,
    listener: Listener,
    conversation: JoinHandle<Result<Vec<Turn>>>,
}

impl Caller {
    async fn join(
        setup: &Setup,
        token: &str,
        sentence: Arc<[i16]>,
        index: usize,
        finish: &CancellationToken,
    ) -> Result<Self> {
        let (room, events) =
            Room::connect(&setup.url, token, RoomOptions::default()).await.context("join room")?;
        let listener = listen(events);
        let microphone = Microphone::open(&room, sentence, setup.sentence.rate).await?;
        let talk =
            Talk { listener: listener.clone(), microphone, pause: setup.pause, answers: setup.answers };
        // Callers do not speak in chorus.
        let first_pause = setup.pause * (index % 8) as u32 / 8;
        let conversation = tokio::spawn(talk.converse(first_pause, finish.clone()));
        Ok(Self { room, listener, conversation })
    }
}

struct Talk {
    listener: Listener,
    microphone: Microphone,
    pause: Duration,
    answers: bool,
}

impl Talk {
    async fn converse(mut self, first_pause: Duration, finish: CancellationToken) -> Result<Vec<Turn>> {
        let mut turns = Vec::new();
        self.listener.wait_for_agent(GREETED_WITHIN, self.answers).await?;
        self.listener.wait_until_quiet().await;
        let mut pause = first_pause;
        while finish.run_until_cancelled(sleep(pause)).await.is_some() {
            turns.push(self.turn().await?);
            pause = if self.answers { self.pause } else { self.pause + UNANSWERED_TURN };
        }
        Ok(turns)
    }

    async fn turn(&mut self) -> Result<Turn> {
        let began = Instant::now();
        let ended = self.microphone.say().await?;
        let ended_at = unix_seconds() - ended.elapsed().as_secs_f64();
        if !self.answers {
            return Ok(Turn { ended_at, answered_after: None });
        }
        let sound = timeout(ANSWERED_WITHIN, self.listener.sound_after(began)).await.ok();
        self.listener.wait_until_quiet().await;
        Ok(Turn { ended_at, answered_after: sound.map(|sound| seconds_between(ended, sound)) })
    }
}

/// Negative where the answer came before the end of the sentence.
fn seconds_between(ended: Instant, sound: Instant) -> f64 {
    sound.saturating_duration_since(ended).as_secs_f64()
        - ended.saturating_duration_since(sound).as_secs_f64()
}

pub(super) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
