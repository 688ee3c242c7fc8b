use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use livekit::prelude::{AudioTrackFeature, ParticipantIdentity, RemoteTrack, Room, RoomEvent};
use livekit::{ByteStreamReader, StreamReader as _, TextStreamReader};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, warn};

use super::ending::{Attendance, Ending, Moment, Observation, OwnDeparture, Step};
use super::metadata::{self, MetadataFault};
use super::room::Joined;
use super::{Sessions, room};
use crate::conversation::{
    self, CHAT_TOPIC, Caller, EARLY_AUDIO_TOPIC, HeardTrack, LONGEST_EARLY_AUDIO, Line, Mind, Over,
};
use crate::spool::Journal;
use crate::worker::JobControl;

/// Longest that a conversation may take to end once the call is over; it waits two seconds for the last words.
const HANG_UP_LIMIT: Duration = Duration::from_secs(3);
/// Longest that a typed message may take to arrive, and most bytes that it may have.
const TYPED_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_TYPED: usize = 16 * 1024;
/// Longest that the recording of what was said before the agent was there may take to arrive.
const EARLY_AUDIO_LIMIT: Duration = Duration::from_secs(10);

/// A joined call: follows the room, links the session to its participant, and runs the conversation.
pub(super) struct Call {
    room: Arc<Room>,
    journal: Journal,
    attendance: Attendance,
    grace: Duration,
    /// What the conversation starts with; taken when it does.
    line: Option<Line>,
    mind: Arc<Mind>,
    conversation: Option<BoxFuture<'static, anyhow::Result<Over>>>,
    hang_up: CancellationToken,
    audible: watch::Sender<bool>,
    heard: mpsc::UnboundedSender<HeardTrack>,
    heard_early: mpsc::UnboundedSender<Vec<i16>>,
    typed: mpsc::UnboundedSender<String>,
    caller: watch::Sender<Caller>,
    /// The first metadata that was read stays.
    metadata_pinned: bool,
}

impl Call {
    /// Follows a joined room; its events go to [`Self::run`].
    pub(super) fn new(sessions: &Sessions, joined: Joined, journal: Journal) -> Self {
        let (audible, is_audible) = watch::channel(false);
        let (heard, hears) = mpsc::unbounded_channel();
        let (heard_early, hears_early) = mpsc::unbounded_channel();
        let (typed, types) = mpsc::unbounded_channel();
        let (caller, is_caller) = watch::channel(Caller::default());
        let Joined { room, voice, voice_track_id } = joined;
        let line = Line {
            room: Arc::clone(&room),
            agent_name: Arc::clone(&sessions.agent_name),
            voice,
            voice_track_id,
            audible: is_audible,
            heard: hears,
            heard_early: hears_early,
            typed: types,
            caller: is_caller,
            journal: journal.clone(),
        };
        let grace = sessions.args.agent_reconnect_grace;
        Self {
            room,
            journal,
            attendance: Attendance::new(sessions.args.agent_participant_wait, grace, Moment::now()),
            grace,
            line: Some(line),
            mind: Arc::clone(&sessions.mind),
            conversation: None,
            hang_up: CancellationToken::new(),
            audible,
            heard,
            heard_early,
            typed,
            caller,
            metadata_pinned: false,
        }
    }

    /// Until the call is over.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::UnboundedReceiver<RoomEvent>,
        control: &mut JobControl,
    ) -> anyhow::Result<Ending> {
        let ending = loop {
            let deadline = self.attendance.deadline();
            let ending = tokio::select! {
                event = events.recv() => self.on_event(event).await,
                reason = control.stopped() => self.observe(Observation::Stopped(reason)).await,
                () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => self.on_deadline(),
                result = talk(&mut self.conversation) => {
                    self.conversation = None;
                    match result? {
                        Over::HungUp => None,
                        Over::EndsTheCall(reason) => self.observe(Observation::ConversationOver(reason)).await,
                    }
                }
            };
            if let Some(ending) = ending {
                break ending;
            }
        };
        control.call_over();
        self.hang_up.cancel();
        if let Some(conversation) = self.conversation
            && timeout(HANG_UP_LIMIT, conversation).await.is_err()
        {
            warn!("the conversation did not end in time");
        }
        Ok(ending)
    }

    async fn on_event(&mut self, event: Option<RoomEvent>) -> Option<Ending> {
        let Some(event) = event else {
            return self.observe(Observation::Out(OwnDeparture::ConnectionLost)).await;
        };
        for observation in room::observations(&event) {
            if let Some(ending) = self.observe(observation).await {
                return Some(ending);
            }
        }
        match event {
            RoomEvent::TrackPublished { publication, participant }
                if self.attendance.is_linked_to(participant.identity().as_str()) =>
            {
                room::subscribe_to_audio(&publication);
            }
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), publication, .. } => {
                self.caller.send_modify(|caller| caller.track_id = track.sid().to_string());
                // Without a receiver the conversation is over, and nobody listens.
                let has_early_audio =
                    publication.audio_features().contains(&AudioTrackFeature::TfPreconnectBuffer);
                drop(self.heard.send(HeardTrack { track, has_early_audio }));
            }
            RoomEvent::LocalTrackSubscribed { .. } => {
                self.audible.send_replace(true);
            }
            RoomEvent::TextStreamOpened { reader, topic, participant_identity }
                if topic == CHAT_TOPIC && self.attendance.is_linked_to(participant_identity.as_str()) =>
            {
                if let Some(reader) = reader.take() {
                    tokio::spawn(read_typed(reader, self.typed.clone()).in_current_span());
                }
            }
            RoomEvent::ByteStreamOpened { reader, topic, participant_identity }
                if topic == EARLY_AUDIO_TOPIC
                    && self.attendance.is_linked_to(participant_identity.as_str()) =>
            {
                if let Some(reader) = reader.take() {
                    tokio::spawn(read_early_audio(reader, self.heard_early.clone()).in_current_span());
                }
            }
            RoomEvent::ChatMessage { message, participant: Some(participant) }
                if self.attendance.is_linked_to(participant.identity().as_str()) =>
            {
                take_typed(message.message, &self.typed);
            }
            RoomEvent::ParticipantMetadataChanged { participant, metadata, .. } => {
                let linked = self.attendance.is_linked_to(participant.identity().as_str());
                if linked && !self.metadata_pinned && !metadata.is_empty() {
                    self.pin_metadata(participant.identity().as_str(), &metadata).await;
                }
            }
            _ => {}
        }
        None
    }

    async fn observe(&mut self, observation: Observation) -> Option<Ending> {
        let identity = match &observation {
            Observation::Present { identity } => identity.clone(),
            _ => String::new(),
        };
        match self.attendance.observe(observation, Moment::now()) {
            Step::End(ending) => return Some(ending),
            Step::Linked => self.welcome(&identity).await,
            Step::Back => {
                info!("the participant is back");
                self.subscribe(&identity);
            }
            Step::Lost => {
                info!(grace_seconds = self.grace.as_secs_f64(), "the participant's connection is lost")
            }
            Step::Stay => {}
        }
        None
    }

    fn on_deadline(&self) -> Option<Ending> {
        match self.attendance.expire(Moment::now()) {
            Step::End(ending) => Some(ending),
            _ => None,
        }
    }

    /// The participant is here: the conversation begins.
    async fn welcome(&mut self, identity: &str) {
        self.subscribe(identity);
        self.caller.send_modify(|caller| caller.identity = identity.to_owned());
        if let Some(line) = self.line.take() {
            let mind = Arc::clone(&self.mind);
            self.conversation = Some(conversation::run(line, mind, self.hang_up.clone()).boxed());
        }
        let participant = self.room.remote_participants().remove(&ParticipantIdentity(identity.to_owned()));
        let metadata = participant.map(|participant| participant.metadata()).unwrap_or_default();
        self.pin_metadata(identity, &metadata).await;
    }

    async fn pin_metadata(&mut self, identity: &str, text: &str) {
        let (metadata, fault) = metadata::parse(text);
        self.metadata_pinned = fault != Some(MetadataFault::Missing);
        match fault {
            Some(fault) => warn!("{fault}"),
            None => info!("Participant metadata: {}", metadata.masked()),
        }
        if let Some(email) = metadata::masked_email(&metadata.user_email) {
            info!("Session started for email: {email}");
        }
        self.journal
            .update_now(|session| {
                session.participant_identity = Some(identity.to_owned());
                session.user_email = metadata.user_email;
                session.user_metadata = metadata.user_metadata;
            })
            .await;
    }

    fn subscribe(&self, identity: &str) {
        if let Some(participant) =
            self.room.remote_participants().get(&ParticipantIdentity(identity.to_owned()))
        {
            for publication in participant.track_publications().values() {
                room::subscribe_to_audio(publication);
            }
        }
    }
}

/// The recording of what was said before the agent was there; nothing where it cannot be heard, so that nobody waits.
async fn read_early_audio(reader: ByteStreamReader, heard_early: mpsc::UnboundedSender<Vec<i16>>) {
    let samples = early_audio(reader).await.unwrap_or_else(|fault| {
        warn!("what was said before the agent was there is not heard: {fault:#}");
        Vec::new()
    });
    // Without a receiver the conversation is over.
    drop(heard_early.send(samples));
}

async fn early_audio(reader: ByteStreamReader) -> anyhow::Result<Vec<i16>> {
    let info = reader.info().clone();
    let bytes =
        timeout(EARLY_AUDIO_LIMIT, reader.read_all()).await.context("read it in time")?.context("read it")?;
    ensure!(bytes.len() <= LONGEST_EARLY_AUDIO, "it is longer than {LONGEST_EARLY_AUDIO} bytes");
    let decode = move || {
        let attributes = info.attributes();
        let attribute = |name| attributes.get(name).map(String::as_str);
        let (rate, channels) = (attribute("sampleRate"), attribute("channels"));
        conversation::decode_early_audio(&info.mime_type, rate, channels, bytes.to_vec())
    };
    Ok(tokio::task::spawn_blocking(decode).await.context("decode it")??)
}

/// A message that comes as a stream; one that does not come to its end, or is too long, is no turn.
async fn read_typed(reader: TextStreamReader, typed: mpsc::UnboundedSender<String>) {
    match timeout(TYPED_LIMIT, reader.read_all()).await {
        Ok(Ok(text)) => take_typed(text, &typed),
        Ok(Err(error)) => warn!("a typed message was cut: {error}"),
        Err(_) => warn!("a typed message did not come within {TYPED_LIMIT:?}"),
    }
}

fn take_typed(text: String, typed: &mpsc::UnboundedSender<String>) {
    if text.len() > LONGEST_TYPED {
        return warn!("a typed message is longer than {LONGEST_TYPED} bytes: it is left out");
    }
    if !text.trim().is_empty() {
        // Without a receiver the conversation is over.
        drop(typed.send(text.trim().to_owned()));
    }
}

async fn talk(conversation: &mut Option<BoxFuture<'static, anyhow::Result<Over>>>) -> anyhow::Result<Over> {
    match conversation {
        Some(conversation) => conversation.await,
        None => pending().await,
    }
}
