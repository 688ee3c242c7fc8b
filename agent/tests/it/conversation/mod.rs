//! The conversation: the agent program, a real livekit-server, callers of LiveKit's Python SDK, and the simulated
//! speech and language services.

mod broken_sockets;
mod call;
mod captions_in_time;
mod chat_faults;
mod disclosed;
mod early_replies;
mod farewells;
mod gateway_faults;
mod killed;
mod lossy_proxy;
mod many_calls;
mod model_faults;
mod models;
mod recorded;
mod redacted;
mod sound;
mod speech_faults;
mod spoken;
mod stage;
mod take_over;
mod tools;
mod traced;
mod transcribed_once;
mod turns;
mod typed;
