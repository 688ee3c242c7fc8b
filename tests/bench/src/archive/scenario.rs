//! What is compared: which programs, over which payloads, into which store.

use std::time::Duration;

use super::sinks::Sink;
use crate::null_store::Behaviour;
use crate::payloads::Payloads;

pub(super) const SMALL: Payloads = Payloads { bytes: 4 * 1_024 };
pub(super) const MEDIUM: Payloads = Payloads { bytes: 32 * 1_024 };
pub(super) const LARGE: Payloads = Payloads { bytes: 200 * 1_024 };

const FAR: Duration = Duration::from_millis(25);

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) payloads: Payloads,
    pub(super) store: Store,
    /// In turns, each with its sessions: fewer for the slow, as rates are compared.
    pub(super) runners: &'static [(Runner, usize)],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Store {
    Null(Behaviour),
    SeaweedFs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Sink(Sink),
    /// Two of our sink on one durable consumer.
    Replicas,
    /// The same objects put from memory, each as soon as one of 64 connections is free.
    RawPuts,
    /// Pull and ack, nothing else.
    RawConsume,
}

impl Runner {
    pub(super) const OURS: Self = Self::Sink(Sink::Ours);
    pub(super) const PYTHON: Self = Self::Sink(Sink::Python);
    const NATS_SINKS: Self = Self::Sink(Sink::NatsSinks);

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sink(sink) => sink.name(),
            Self::Replicas => "ours, two",
            Self::RawPuts => "raw puts",
            Self::RawConsume => "raw consume",
        }
    }
}

pub(super) const NEAR_4K: &str = "4 KB";
pub(super) const FAR_4K: &str = "4 KB, 25 ms";
pub(super) const REFUSING_4K: &str = "4 KB, 20 % 503";
pub(super) const SEAWEEDFS_4K: &str = "4 KB, SeaweedFS";
pub(super) const NEAR_32K: &str = "32 KB";
pub(super) const FAR_200K: &str = "200 KB, 25 ms";

/// Those with the same payloads stand together: a stream is filled once for them, with as many as the first of them drains.
pub(super) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: NEAR_4K,
        payloads: SMALL,
        store: null(Duration::ZERO, 0.0),
        runners: &[
            (Runner::OURS, 20_000),
            (Runner::PYTHON, 2_000),
            (Runner::NATS_SINKS, 1_000),
            (Runner::RawPuts, 20_000),
            (Runner::RawConsume, 20_000),
        ],
    },
    Scenario {
        name: FAR_4K,
        payloads: SMALL,
        store: null(FAR, 0.0),
        runners: &[
            (Runner::OURS, 20_000),
            (Runner::Replicas, 20_000),
            (Runner::PYTHON, 2_000),
            (Runner::NATS_SINKS, 200),
        ],
    },
    Scenario {
        name: REFUSING_4K,
        payloads: SMALL,
        store: null(Duration::ZERO, 0.2),
        runners: &[(Runner::OURS, 20_000), (Runner::PYTHON, 2_000), (Runner::NATS_SINKS, 200)],
    },
    Scenario {
        name: SEAWEEDFS_4K,
        payloads: SMALL,
        store: Store::SeaweedFs,
        runners: &[
            // Long enough that its beginning and what is in flight at its end do not count.
            (Runner::OURS, 12_000),
            (Runner::PYTHON, 1_000),
            (Runner::NATS_SINKS, 600),
            (Runner::RawPuts, 12_000),
        ],
    },
    Scenario {
        name: NEAR_32K,
        payloads: MEDIUM,
        store: null(Duration::ZERO, 0.0),
        runners: &[
            (Runner::OURS, 5_000),
            (Runner::PYTHON, 1_000),
            (Runner::NATS_SINKS, 400),
            (Runner::RawPuts, 5_000),
            (Runner::RawConsume, 5_000),
        ],
    },
    Scenario {
        name: FAR_200K,
        payloads: LARGE,
        store: null(FAR, 0.0),
        runners: &[(Runner::OURS, 2_000), (Runner::PYTHON, 400), (Runner::NATS_SINKS, 100)],
    },
];

const fn null(latency: Duration, refused: f64) -> Store {
    Store::Null(Behaviour { latency, refused, keeps_bodies: true })
}
