//! The conversation: the agent program, a real livekit-server, callers of LiveKit's Python SDK, and the simulated
//! speech and language services.

mod call;
mod captions_in_time;
mod chat_faults;
mod disclosed;
mod lossy_proxy;
mod model_faults;
mod recorded;
mod redacted;
mod speech_faults;
mod spoken;
mod stage;
mod tools;
mod transcribed_once;
mod typed;
