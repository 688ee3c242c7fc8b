//! The conversation: the agent program, a real livekit-server, callers of LiveKit's Python SDK, and the simulated
//! speech and language services.

mod call;
mod chat_faults;
mod disclosed;
mod heard;
mod heard_once;
mod lossy_proxy;
mod model_faults;
mod recorded;
mod redacted;
mod shown_late;
mod speech_faults;
mod stage;
mod tools;
mod typed;

#[path = "../worker/callers.rs"]
#[expect(dead_code, reason = "the tests of the worker use the rest")]
mod callers;
#[path = "../worker/providers.rs"]
#[expect(dead_code, reason = "the tests of the worker use the rest")]
mod providers;
#[path = "../worker/servers.rs"]
#[expect(dead_code, reason = "the tests of the worker use the rest")]
mod servers;
