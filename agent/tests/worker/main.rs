//! The worker against a real livekit-server, with participants of LiveKit's Python SDK.

mod callers;
mod credentials;
mod ending;
mod jobs;
mod media;
mod providers;
mod servers;
mod services;
mod shutdown;
