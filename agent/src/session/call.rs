//! A call between the room and its conversation: events of the room become observations for `ending`, tracks and streams go to
//! the conversation, and the conversation runs from the participant's coming until the call is over.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use livekit::participant::ParticipantState;
use livekit::prelude::{
    AudioTrackFeature, ParticipantIdentity, RemoteParticipant, RemoteTrack, Room, RoomEvent, TrackKind,
    TrackSource,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ending::{Attendance, Ending, Moment, Observation, OwnDeparture, Step};
use super::metadata::{self, MetadataFault};
use super::microphone::Microphone;
use super::room;
use super::room::Joined;
use super::sessions::Sessions;
use super::sign::{Seen, SignOfLife};
use super::streams::Streams;
use crate::budget::Budget;
use crate::budget::kinds::Cut;
use crate::conversation::{
    self, Assistant, CHAT_TOPIC, CallIo, Caller, MicrophoneTrack, Over, PRE_CONNECT_AUDIO_TOPIC,
};
use crate::spool::Journal;
use crate::worker::JobControl;

/// Longest that a conversation may take to end once the call is over; it waits two seconds for the last words.
const HANG_UP_LIMIT: Duration = Duration::from_secs(3);
/// Typed messages, and changes of the microphone, that wait for the conversation. What is more is left out.
const TYPED_WAITING: usize = 32;
const TRACKS_WAITING: usize = 8;

/// A joined call: follows the room, links the session to its participant, and runs the conversation.
pub(super) struct Call {
    room: Arc<Room>,
    journal: Journal,
    attendance: Attendance,
    grace: Duration,
    /// What the conversation starts with; taken when it does.
    call_io: Option<CallIo>,
    assistant: Arc<Assistant>,
    conversation: Option<BoxFuture<'static, anyhow::Result<Over>>>,
    hang_up: CancellationToken,
    budget: Budget,
    microphone: Microphone,
    streams: Streams,
    sign: SignOfLife,
    has_typed: bool,
    audible_tx: watch::Sender<bool>,
    microphone_tx: mpsc::Sender<MicrophoneTrack>,
    caller_tx: watch::Sender<Caller>,
    /// The first metadata that was read stays.
    metadata_pinned: bool,
    /// Resolves when the caller, who made the room, has left it before the agent saw anybody.
    nobody_left: Option<BoxFuture<'static, ()>>,
}

impl Call {
    /// Follows a joined room; its events go to [`Self::run`]. `calls` says that somebody was in the room before the agent
    /// was: the job was dispatched by the caller's own token.
    pub(super) fn new(
        sessions: &Sessions,
        joined: Joined,
        journal: Journal,
        budget: Budget,
        calls: bool,
    ) -> Self {
        let (audible_tx, audible_rx) = watch::channel(false);
        let (microphone_tx, microphone_rx) = mpsc::channel(TRACKS_WAITING);
        let (pre_connect_audio_tx, pre_connect_audio_rx) = mpsc::channel(1);
        let (typed_tx, typed_rx) = mpsc::channel(TYPED_WAITING);
        let (caller_tx, caller_rx) = watch::channel(Caller::default());
        let Joined { room, voice, voice_track_id } = joined;
        let rooms = sessions.rooms.clone();
        let name = room.name();
        let call_io = CallIo {
            room: Arc::clone(&room),
            agent_name: Arc::clone(&sessions.agent_name),
            voice,
            voice_track_id,
            audible_rx,
            microphone_rx,
            pre_connect_audio_rx,
            typed_rx,
            caller_rx,
            journal: journal.clone(),
            budget: budget.clone(),
        };
        let args = &sessions.args;
        let now = Moment::now();
        Self {
            room,
            journal,
            attendance: Attendance::new(args.agent_participant_wait, args.agent_reconnect_grace, now),
            grace: args.agent_reconnect_grace,
            call_io: Some(call_io),
            assistant: Arc::clone(&sessions.assistant),
            conversation: None,
            hang_up: CancellationToken::new(),
            microphone: Microphone::new(budget.clone()),
            streams: Streams::new(budget.clone(), typed_tx, pre_connect_audio_tx),
            sign: SignOfLife::new(now.instant, args.agent_sign_wait),
            has_typed: false,
            budget,
            audible_tx,
            microphone_tx,
            caller_tx,
            metadata_pinned: false,
            nobody_left: calls.then(|| async move { rooms.nobody_left(&name).await }.boxed()),
        }
    }

    /// Until the call is over.
    pub(super) async fn run(
        mut self,
        mut events_rx: mpsc::UnboundedReceiver<RoomEvent>,
        control: &mut JobControl,
    ) -> anyhow::Result<Ending> {
        let ending = loop {
            let due =
                [self.attendance.deadline(), self.sign.due(), self.microphone.due(), Some(self.budget.end())];
            let due = due.into_iter().flatten().min().unwrap_or_else(Instant::now);
            let ending = tokio::select! {
                // What ends the call is seen before what goes on in it, and nothing here waits for anything else.
                biased;
                reason = control.stopped() => self.observe(Observation::Stopped(reason)),
                event = events_rx.recv() => self.on_event(event),
                () = resolved(&mut self.nobody_left) => {
                    self.nobody_left = None;
                    self.observe(Observation::NobodyLeft)
                }
                () = sleep_until(due.into()) => self.on_due(control),
                result = talk(&mut self.conversation) => {
                    self.conversation = None;
                    match result? {
                        Over::HungUp => None,
                        Over::EndsTheCall(reason) => self.observe(Observation::ConversationOver(reason)),
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

    fn on_event(&mut self, event: Option<RoomEvent>) -> Option<Ending> {
        let Some(event) = event else {
            return self.observe(Observation::Out(OwnDeparture::ConnectionLost));
        };
        for observation in room::observations(&event) {
            if let Some(ending) = self.observe(observation) {
                return Some(ending);
            }
        }
        match event {
            RoomEvent::TrackPublished { publication, participant } if self.is_ours(&participant) => {
                self.microphone.published(&publication);
            }
            RoomEvent::TrackUnpublished { publication, participant }
                if self.is_ours(&participant) && self.microphone.unpublished(&publication.sid()) =>
            {
                self.subscribe(&participant);
            }
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), publication, .. } => {
                if !self.microphone.came(&publication.sid()) {
                    publication.set_subscribed(false);
                    return None;
                }
                self.caller_tx.send_modify(|caller| caller.track_id = track.sid().to_string());
                let has_pre_connect_audio =
                    publication.audio_features().contains(&AudioTrackFeature::TfPreconnectBuffer);
                // Without a receiver the conversation is over, and nobody listens.
                if self.microphone_tx.try_send(MicrophoneTrack { track, has_pre_connect_audio }).is_err() {
                    self.budget.cut(Cut::Tracks);
                }
            }
            RoomEvent::TrackUnsubscribed { publication, .. } => self.microphone.went(&publication.sid()),
            RoomEvent::LocalTrackSubscribed { .. } => {
                self.audible_tx.send_replace(true);
            }
            RoomEvent::TextStreamOpened { reader, topic, participant_identity }
                if topic == CHAT_TOPIC && self.attendance.is_linked_to(participant_identity.as_str()) =>
            {
                self.has_typed = true;
                if let Some(reader) = reader.take() {
                    self.streams.read_typed(reader);
                }
            }
            RoomEvent::ByteStreamOpened { reader, topic, participant_identity }
                if topic == PRE_CONNECT_AUDIO_TOPIC
                    && self.attendance.is_linked_to(participant_identity.as_str()) =>
            {
                let announced = self.participant(participant_identity.as_str()).is_some_and(announces);
                if let Some(reader) = reader.take() {
                    self.streams.read_pre_connect_audio(reader, announced);
                }
            }
            RoomEvent::ChatMessage { message, participant: Some(participant) }
                if self.is_ours(&participant) =>
            {
                self.has_typed = true;
                self.streams.take_typed(message.message);
            }
            RoomEvent::ParticipantMetadataChanged { participant, metadata, .. }
                if self.attendance.is_linked_to(participant.identity().as_str())
                    && !self.metadata_pinned
                    && !metadata.is_empty() =>
            {
                self.pin_metadata(participant.identity().as_str(), &metadata);
            }
            _ => {}
        }
        None
    }

    fn observe(&mut self, observation: Observation) -> Option<Ending> {
        let identity = match &observation {
            Observation::Present { identity } => identity.clone(),
            _ => String::new(),
        };
        let now = Moment::now();
        let step = self.attendance.observe(observation, now);
        if self.attendance.sees_participant() {
            self.sign.back(now.instant);
        } else {
            self.sign.lost();
        }
        match step {
            Step::End(ending) => return Some(ending),
            Step::Linked => self.welcome(&identity),
            Step::Back => {
                info!("the participant is back");
                self.microphone.forget();
                if let Some(participant) = self.participant(&identity) {
                    self.subscribe(&participant);
                }
            }
            Step::Lost => {
                info!(grace_seconds = self.grace.as_secs_f64(), "the participant's connection is lost")
            }
            Step::Stay => {}
        }
        None
    }

    fn on_due(&mut self, control: &JobControl) -> Option<Ending> {
        let now = Moment::now();
        self.microphone.ask_again(now.instant);
        if let Step::End(ending) = self.attendance.expire(now) {
            return Some(ending);
        }
        if now.instant >= self.budget.end() {
            warn!("the conversation did not end with its time: it is ended");
            return self.observe(Observation::ConversationOver(schemas::EndReason::TimeLimit));
        }
        let identity = self.caller_tx.borrow().identity.clone();
        let participant = self.participant(&identity);
        let seen = Seen {
            connected: participant.as_ref().is_some_and(is_connected),
            gave_sign: self.has_typed || participant.is_some_and(|who| !who.track_publications().is_empty()),
            places_are_scarce: control.places_are_scarce(),
        };
        if self.sign.is_absent(seen, now.instant) {
            info!(connected = seen.connected, "the participant gives no sign: its place is given back");
            return self.observe(Observation::NoSign);
        }
        None
    }

    /// The participant is here: the conversation begins.
    fn welcome(&mut self, identity: &str) {
        self.nobody_left = None;
        self.sign.participant_came(Instant::now());
        self.caller_tx.send_modify(|caller| caller.identity = identity.to_owned());
        if let Some(call_io) = self.call_io.take() {
            let assistant = Arc::clone(&self.assistant);
            self.conversation = Some(conversation::run(call_io, assistant, self.hang_up.clone()).boxed());
        }
        let participant = self.participant(identity);
        if let Some(participant) = &participant {
            self.subscribe(participant);
        }
        let metadata = participant.map(|participant| participant.metadata()).unwrap_or_default();
        self.pin_metadata(identity, &metadata);
    }

    /// What the participant's own metadata says wins over what the job said; without any, the job's stays.
    fn pin_metadata(&mut self, identity: &str, text: &str) {
        let (metadata, fault) = metadata::parse(text);
        self.metadata_pinned = fault != Some(MetadataFault::Missing);
        match fault {
            Some(MetadataFault::TooLong) => {
                self.budget.cut(Cut::Metadata);
                warn!("{}", MetadataFault::TooLong);
            }
            Some(fault) => warn!("{fault}"),
            None => info!("Participant metadata: {}", metadata.masked()),
        }
        if let Some(email) = metadata::masked_email(&metadata.user_email) {
            info!("Session started for email: {email}");
        }
        self.journal.update_soon(|session| {
            session.participant_identity = Some(identity.to_owned());
            if !metadata.user_email.is_empty() {
                session.user_email = metadata.user_email;
            }
            if !metadata.user_metadata.is_empty() {
                session.user_metadata = metadata.user_metadata;
            }
        });
    }

    /// Subscribes to one of the tracks that the participant has.
    fn subscribe(&mut self, participant: &RemoteParticipant) {
        let mut tracks: Vec<_> = participant.track_publications().into_values().collect();
        tracks.retain(|track| track.kind() == TrackKind::Audio);
        tracks.sort_by_key(|track| (track.source() == TrackSource::Microphone, track.sid().to_string()));
        if let Some(microphone) = tracks.pop() {
            self.microphone.published(&microphone);
        }
        tracks.iter().for_each(|_| self.budget.cut(Cut::Tracks));
    }

    fn is_ours(&self, participant: &RemoteParticipant) -> bool {
        self.attendance.is_linked_to(participant.identity().as_str())
    }

    fn participant(&self, identity: &str) -> Option<RemoteParticipant> {
        self.room.remote_participants().remove(&ParticipantIdentity(identity.to_owned()))
    }
}

fn is_connected(participant: &RemoteParticipant) -> bool {
    participant.state() == ParticipantState::Active
}

/// Whether one of its tracks says that pre-connect audio comes.
fn announces(participant: RemoteParticipant) -> bool {
    let announced = AudioTrackFeature::TfPreconnectBuffer;
    participant.track_publications().values().any(|track| track.audio_features().contains(&announced))
}

async fn resolved(future: &mut Option<BoxFuture<'static, ()>>) {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn talk(conversation: &mut Option<BoxFuture<'static, anyhow::Result<Over>>>) -> anyhow::Result<Over> {
    match conversation {
        Some(conversation) => conversation.await,
        None => pending().await,
    }
}
