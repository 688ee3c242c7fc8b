//! What can go wrong with a stack, by name.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Agent,
    Web,
    SinkS3,
    SinkSalesforce,
    LiveKit,
    Nats,
    /// Of a cluster.
    Nats2,
    Nats3,
    S3,
    Salesforce,
    /// Hears, thinks and speaks; nothing happens to it.
    OpenAi,
}

impl Part {
    /// The programs that this repository makes.
    pub const OURS: [Self; 4] = [Self::Agent, Self::Web, Self::SinkS3, Self::SinkSalesforce];
    /// One of them, or all where they are a cluster.
    pub(super) const NATS: [Self; 3] = [Self::Nats, Self::Nats2, Self::Nats3];
}

/// How far a clock is set, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    MinutesAhead,
    MinutesBehind,
    DayAhead,
    DayBehind,
}

impl Step {
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::MinutesAhead => 120,
            Self::MinutesBehind => -120,
            Self::DayAhead => 86_400,
            Self::DayBehind => -86_400,
        }
    }
}

/// A server, as those see it who reach it over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Nats,
    S3,
    Salesforce,
    LiveKit,
}

impl Link {
    /// The setting that says where the server is.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Nats => "NATS_URL",
            Self::S3 => "S3_ENDPOINT",
            Self::Salesforce => "SALESFORCE_URL",
            Self::LiveKit => "LIVEKIT_URL",
        }
    }
}

/// What happens for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// `kill -9`; started again at the end.
    Kill(Part),
    /// `SIGSTOP`, and `SIGCONT` at the end.
    Freeze(Part),
    /// Each connection is closed at once.
    Down(Link),
    /// Whatever passes waits.
    Slow(Link),
    /// Connections break in the middle of an answer.
    Cut(Link),
    /// The server answers that it cannot: 503, a stream that is full, tokens that have expired.
    Errors(Link),
    /// The machine of nats-server loses its power at the end of the fault, with all that was written since its beginning:
    /// JetStream acknowledges before it syncs.
    PowerCut,
    /// The disk of the agent's spool is full.
    DiskFull,
    /// Another worker takes calls as well, and is told to stop at the end.
    SecondWorker,
    /// The clock of the machine with our programs is set, and set right again at the end; that of the servers goes right.
    Clock(Step),
}

impl Fault {
    /// All that can happen.
    pub fn all() -> Vec<Self> {
        use Part::{Agent, LiveKit, Nats, S3, Salesforce, SinkS3, SinkSalesforce, Web};
        let killed = [Agent, Web, SinkS3, SinkSalesforce, LiveKit, Nats, S3, Salesforce].map(Self::Kill);
        let frozen = [Agent, Web, SinkS3, SinkSalesforce, LiveKit, Nats, S3, Salesforce].map(Self::Freeze);
        let linked = [Link::Nats, Link::S3, Link::Salesforce]
            .map(|link| [Self::Down(link), Self::Slow(link), Self::Cut(link), Self::Errors(link)]);
        let others = [Self::PowerCut, Self::DiskFull, Self::SecondWorker];
        let steps =
            [Step::MinutesAhead, Step::MinutesBehind, Step::DayAhead, Step::DayBehind].map(Self::Clock);
        [&killed[..], &frozen, &linked.concat(), &others, &steps].concat()
    }

    /// How long it lasts, at least and at most.
    pub(super) fn lasts(self) -> [Duration; 2] {
        let [shortest, longest] = match self {
            Self::Kill(_) => [200, 6_000],
            Self::Freeze(_) => [1_000, 12_000],
            Self::Down(_) | Self::Errors(_) => [2_000, 15_000],
            Self::Slow(_) | Self::Cut(_) => [3_000, 20_000],
            // Within the two minutes in which a nats-server as it comes may not have synced.
            Self::PowerCut => [5_000, 60_000],
            // Beyond the ten seconds after which the agent takes no further calls.
            Self::DiskFull => [3_000, 18_000],
            Self::SecondWorker => [15_000, 60_000],
            // Nobody is let in with a token of another day: no longer than a caller goes on trying.
            Self::Clock(_) => [2_000, 10_000],
        };
        [Duration::from_millis(shortest), Duration::from_millis(longest)]
    }

    /// Whether it is brought about and undone by asking a server, which may not answer at the moment.
    pub(super) fn asks_a_server(self) -> bool {
        matches!(self, Self::Errors(Link::Nats | Link::Salesforce))
    }

    /// Whether a call may end otherwise than by its caller's will while it lasts.
    pub(super) fn disturbs_calls(self) -> bool {
        matches!(
            self,
            Self::Kill(Part::Agent | Part::LiveKit)
                | Self::Freeze(Part::Agent | Part::LiveKit)
                | Self::DiskFull
                | Self::SecondWorker
        )
    }

    /// Whether times of payloads are those of a clock that goes wrong.
    pub(super) fn steps_the_clock(self) -> bool {
        matches!(self, Self::Clock(_))
    }

    /// Whether what an agent knows of a call may not come to its disk: one that stands may be killed before it goes on.
    pub(super) fn keeps_from_the_disk(self) -> bool {
        matches!(self, Self::Kill(Part::Agent) | Self::Freeze(Part::Agent))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Agent => "agent",
            Self::Web => "web",
            Self::SinkS3 => "sink-s3",
            Self::SinkSalesforce => "sink-salesforce",
            Self::LiveKit => "livekit-server",
            Self::Nats => "nats-server",
            Self::Nats2 => "nats-server 2",
            Self::Nats3 => "nats-server 3",
            Self::S3 => "the S3 server",
            Self::Salesforce => "the Salesforce simulator",
            Self::OpenAi => "the simulated services",
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nats => "NATS",
            Self::S3 => "S3",
            Self::Salesforce => "Salesforce",
            Self::LiveKit => "LiveKit",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(part) => write!(formatter, "kill -9 of {part}"),
            Self::Freeze(part) => write!(formatter, "SIGSTOP of {part}"),
            Self::Down(link) => write!(formatter, "{link} down"),
            Self::Slow(link) => write!(formatter, "{link} slow"),
            Self::Cut(link) => write!(formatter, "{link} cut in mid-answer"),
            Self::Errors(Link::Nats) => formatter.write_str("NATS with a full stream"),
            Self::Errors(link) => write!(formatter, "{link} returning errors"),
            Self::PowerCut => formatter.write_str("power cut of nats-server"),
            Self::DiskFull => formatter.write_str("disk of the outbox full"),
            Self::SecondWorker => formatter.write_str("a second worker"),
            Self::Clock(Step::MinutesAhead) => formatter.write_str("clock of the programs 2 min ahead"),
            Self::Clock(Step::MinutesBehind) => formatter.write_str("clock of the programs 2 min behind"),
            Self::Clock(Step::DayAhead) => formatter.write_str("clock of the programs a day ahead"),
            Self::Clock(Step::DayBehind) => formatter.write_str("clock of the programs a day behind"),
        }
    }
}
