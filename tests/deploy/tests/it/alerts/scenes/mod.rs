//! What is done to the stack, and which alerts are to tell it. The first ones break promises, whose alerts take six minutes until
//! they stop, and those behind `delays_sessions` would break them anew: what is between them passes that time.

mod answers;
mod calls;
mod programs;
mod sinks;
mod spool;

use std::pin::Pin;

use anyhow::Result;

use super::run::Run;

/// Something that goes wrong, and is mended.
pub(super) struct Scene {
    pub(super) alerts: &'static [&'static str],
    /// Whether sessions come to a store later than is promised.
    pub(super) delays_sessions: bool,
    pub(super) play: Play,
}

type Play = for<'a> fn(&'a mut Run) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// In this order.
pub(super) const SCENES: [Scene; 15] = [
    Scene {
        alerts: &["PostcallAnswersSlow"],
        delays_sessions: false,
        play: |run| Box::pin(answers::the_model_is_slow(run)),
    },
    Scene {
        alerts: &["PostcallJoinsSlow"],
        delays_sessions: false,
        play: |run| Box::pin(calls::livekit_is_slow(run)),
    },
    Scene {
        alerts: &sinks::OF_STORES,
        delays_sessions: false,
        play: |run| Box::pin(sinks::both_stores_are_away(run)),
    },
    Scene {
        alerts: &calls::OF_PLACES,
        delays_sessions: false,
        play: |run| Box::pin(calls::there_are_more_callers_than_places(run)),
    },
    Scene {
        alerts: &calls::OF_LIVEKIT,
        delays_sessions: false,
        play: |run| Box::pin(calls::livekit_is_away(run)),
    },
    Scene {
        alerts: &programs::OF_RESTARTS,
        delays_sessions: false,
        play: |run| Box::pin(programs::web_ends_again_and_again(run)),
    },
    Scene {
        alerts: &answers::OF_SERVICES,
        delays_sessions: false,
        play: |run| Box::pin(answers::the_services_are_away(run)),
    },
    Scene {
        alerts: &["PostcallToolErrors"],
        delays_sessions: false,
        play: |run| Box::pin(answers::a_tool_is_away(run)),
    },
    Scene {
        alerts: &["PostcallFilesShort"],
        delays_sessions: false,
        play: |run| Box::pin(programs::web_may_open_few_files(run)),
    },
    Scene {
        alerts: &["PostcallSalesforceApiUsed"],
        delays_sessions: false,
        play: |run| Box::pin(sinks::the_org_has_few_calls_left(run)),
    },
    Scene {
        alerts: &["PostcallRedeliveries"],
        delays_sessions: false,
        play: |run| Box::pin(sinks::records_are_locked(run)),
    },
    Scene {
        alerts: &spool::OF_DEATH,
        delays_sessions: true,
        play: |run| Box::pin(spool::an_agent_dies_in_a_call(run)),
    },
    Scene {
        alerts: &sinks::OF_DEAD_LETTERS,
        delays_sessions: true,
        play: |run| Box::pin(sinks::dead_letters_find_no_room(run)),
    },
    Scene {
        alerts: &spool::OF_NATS,
        delays_sessions: true,
        play: |run| Box::pin(spool::nats_refuses_and_is_away(run)),
    },
    Scene {
        alerts: &spool::OF_DISK,
        delays_sessions: true,
        play: |run| Box::pin(spool::the_disk_is_full(run)),
    },
];
