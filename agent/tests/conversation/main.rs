//! The conversation: the agent program, a real livekit-server, callers of LiveKit's Python SDK, and the simulated
//! speech and language services.

mod call;
mod chat_faults;
mod heard;
mod model_faults;
mod recorded;
mod speech_faults;
mod stage;
mod tools;
mod typed;

#[path = "../worker/callers.rs"]
#[expect(dead_code, reason = "the tests of the worker use the rest")]
mod callers;
#[path = "../worker/providers.rs"]
mod providers;
#[path = "../worker/servers.rs"]
#[expect(dead_code, reason = "the tests of the worker use the rest")]
mod servers;
