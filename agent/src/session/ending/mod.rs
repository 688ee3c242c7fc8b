//! When and why a session ends. [`Attendance`] follows the one participant of a session: it waits for somebody, gives a lost
//! connection a grace, and says what ends the session. It has no IO and no clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use livekit::participant::DisconnectReason;
use schemas::EndReason;

use crate::worker::StopReason;

/// When and why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) end_time: DateTime<Utc>,
    pub(super) reason: EndReason,
}

/// One moment on both clocks: one for limits, one for the payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) time: DateTime<Utc>,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { instant: Instant::now(), time: Utc::now() }
    }
}

/// What happens in the room, as far as it can end a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Observation {
    /// Someone with whom an agent talks is in the room.
    Present { identity: String },
    /// Someone is no longer in the room.
    Gone { identity: String, departure: Departure },
    /// Whoever called has left before anybody was seen.
    NobodyLeft,
    /// The participant gives no sign that it is somebody.
    NoSign,
    /// The agent's own connection is lost and being made again.
    Interrupted,
    /// The agent's own connection is back.
    Restored,
    /// The agent is out of the room for good.
    Out(OwnDeparture),
    /// The conversation ends the call.
    ConversationOver(EndReason),
    /// The worker ends the session.
    Stopped(StopReason),
}

/// How a participant went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    OnPurpose,
    Removed,
    RoomClosed,
    ConnectionLost,
}

impl From<DisconnectReason> for Departure {
    fn from(reason: DisconnectReason) -> Self {
        match reason {
            DisconnectReason::ClientInitiated
            | DisconnectReason::UserUnavailable
            | DisconnectReason::UserRejected
            | DisconnectReason::SipTrunkFailure
            | DisconnectReason::AgentError => Self::OnPurpose,
            DisconnectReason::ParticipantRemoved => Self::Removed,
            DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => Self::RoomClosed,
            // Of a duplicate identity the newer connection comes at once, which is a return.
            DisconnectReason::DuplicateIdentity
            | DisconnectReason::UnknownReason
            | DisconnectReason::ServerShutdown
            | DisconnectReason::StateMismatch
            | DisconnectReason::JoinFailure
            | DisconnectReason::Migration
            | DisconnectReason::SignalClose
            | DisconnectReason::ConnectionTimeout
            | DisconnectReason::MediaFailure => Self::ConnectionLost,
        }
    }
}

/// How the agent went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnDeparture {
    /// The room was closed with the agent in it.
    RoomClosed,
    /// Somebody removed it, or took its identity.
    Removed,
    /// Its connection could not be made again.
    ConnectionLost,
}

/// What an observation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The observation changes nothing.
    Stay,
    /// The session has its participant.
    Linked,
    /// The participant's connection is lost; it has the grace to come back.
    Lost,
    /// The participant is back.
    Back,
    /// The session is over.
    End(Ending),
}

/// The one participant of a session, and when the session ends. The first who comes is the one; others are not looked at.
#[derive(Debug)]
pub(super) struct Attendance {
    grace: Duration,
    interrupted: Option<DateTime<Utc>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Linked { identity: String },
    Lost { identity: String, at: DateTime<Utc>, until: Instant },
}

impl Attendance {
    /// Waits for a participant until `now` and `wait`; a lost one has `grace` to come back.
    pub(super) fn new(wait: Duration, grace: Duration, now: Moment) -> Self {
        Self { grace, interrupted: None, state: State::Waiting { until: now.instant + wait } }
    }

    pub(super) fn observe(&mut self, observation: Observation, now: Moment) -> Step {
        match observation {
            Observation::Present { identity } => self.present(identity),
            Observation::Gone { identity, departure } => self.gone(&identity, departure, now),
            Observation::NobodyLeft => match self.state {
                State::Waiting { .. } => self.end(EndReason::ParticipantLeft, now.time),
                State::Linked { .. } | State::Lost { .. } => Step::Stay,
            },
            Observation::NoSign => self.end(EndReason::ParticipantAbsent, now.time),
            Observation::Interrupted => {
                self.interrupted.get_or_insert(now.time);
                Step::Stay
            }
            Observation::Restored => {
                self.interrupted = None;
                // Who was lost with the agent's own connection has had no chance to be seen.
                if let State::Lost { until, .. } = &mut self.state {
                    *until = now.instant + self.grace;
                }
                Step::Stay
            }
            Observation::Out(OwnDeparture::RoomClosed) => self.end(EndReason::RoomClosed, now.time),
            Observation::Out(OwnDeparture::Removed) => self.end(EndReason::JobTerminated, now.time),
            Observation::Out(OwnDeparture::ConnectionLost) => {
                self.end(EndReason::ConnectionLost, self.interrupted.unwrap_or(now.time))
            }
            Observation::ConversationOver(reason) => self.end(reason, now.time),
            Observation::Stopped(StopReason::JobTerminated) => self.end(EndReason::JobTerminated, now.time),
            Observation::Stopped(StopReason::AgentShutdown) => self.end(EndReason::AgentShutdown, now.time),
        }
    }

    /// Whether this is the session's participant.
    pub(super) fn is_linked_to(&self, who: &str) -> bool {
        matches!(&self.state, State::Linked { identity } | State::Lost { identity, .. } if identity == who)
    }

    /// Whether the session's participant is in the room, as far as the agent can see.
    pub(super) fn sees_participant(&self) -> bool {
        matches!(self.state, State::Linked { .. }) && self.interrupted.is_none()
    }

    /// When [`Self::expire`] is due. None while the agent's own connection is interrupted and somebody is lost: it could not
    /// see him come back.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { until } => Some(*until),
            State::Lost { until, .. } if self.interrupted.is_none() => Some(*until),
            State::Lost { .. } | State::Linked { .. } => None,
        }
    }

    /// The wait, or the grace, is over.
    pub(super) fn expire(&self, now: Moment) -> Step {
        if self.deadline().is_none_or(|deadline| now.instant < deadline) {
            return Step::Stay;
        }
        self.end(EndReason::ParticipantAbsent, now.time)
    }

    fn present(&mut self, newcomer: String) -> Step {
        match &self.state {
            State::Waiting { .. } => {
                self.state = State::Linked { identity: newcomer };
                Step::Linked
            }
            State::Lost { identity, .. } if *identity == newcomer => {
                self.state = State::Linked { identity: newcomer };
                Step::Back
            }
            State::Linked { .. } | State::Lost { .. } => Step::Stay,
        }
    }

    fn gone(&mut self, who: &str, departure: Departure, now: Moment) -> Step {
        if !self.is_linked_to(who) {
            return Step::Stay;
        }
        match departure {
            Departure::OnPurpose => self.end(EndReason::ParticipantLeft, now.time),
            Departure::Removed => self.end(EndReason::ParticipantRemoved, now.time),
            Departure::RoomClosed => self.end(EndReason::RoomClosed, now.time),
            Departure::ConnectionLost => {
                if let State::Linked { identity } = &mut self.state {
                    let at = self.interrupted.unwrap_or(now.time);
                    let identity = std::mem::take(identity);
                    self.state = State::Lost { identity, at, until: now.instant + self.grace };
                }
                Step::Lost
            }
        }
    }

    /// Whatever ends the session while the participant is lost: the call ended when he was lost.
    fn end(&self, reason: EndReason, end_time: DateTime<Utc>) -> Step {
        Step::End(match &self.state {
            State::Lost { at, .. } => Ending { end_time: *at, reason: EndReason::ConnectionLost },
            State::Waiting { .. } | State::Linked { .. } => Ending { end_time, reason },
        })
    }
}

#[cfg(test)]
mod tests;
