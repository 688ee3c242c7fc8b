//! The worker against a real livekit-server, with participants of LiveKit's Python SDK.

mod budgets;
mod callers;
mod credentials;
mod disk_full;
mod ending;
mod floods;
mod jobs;
mod media;
mod providers;
#[path = "../spool/refusing_disk.rs"]
#[expect(dead_code, reason = "the tests of the spool use the rest")]
mod refusing_disk;
mod servers;
mod services;
mod shutdown;
mod silent_joins;
