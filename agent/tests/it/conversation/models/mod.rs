//! Calls in which a real recogniser (Whisper tiny) and a real voice (Piper) work behind OpenAI's wire format, judged by what was
//! said. The language model stays the simulator, which knows tools. What they need is 270 MB of packages, so they are ignored
//! unless somebody asks: `make test-models` and `make bench-calls`.
//!
//! `servers` runs the two models, `recording` is what callers hear of the agent, and `words` holds texts against each other.

mod calls;
mod judged;
mod recording;
mod scenarios;
mod servers;
mod words;
