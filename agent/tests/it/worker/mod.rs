//! The worker against a real livekit-server, with participants of LiveKit's Python SDK.

mod budgets;
mod bursts;
mod credentials;
mod disk_full;
mod ending;
mod floods;
mod jobs;
mod media;
mod services;
mod shutdown;
mod silent_joins;
mod watchdog;
