//! Smart Turn v3: whether somebody who has just fallen silent has finished what they had to say, judged by how it sounded.
//!
//! The model is Daily's (BSD-2-Clause), one ONNX file of 9 MB, which runs here in pure Rust. It hears the last 8 s and knows no
//! words; 23 languages were in its training. Whoever uses it asks after a short silence, some 200 ms, with what was said since
//! the turn began and that silence.
//!
//! # Map
//! - `features` makes of samples what the model hears; `features/filters` is the mel scale.
//! - `graph` takes out of the model's file the steps that round between its layers, and says why.
//! - `model` runs it.

mod features;
mod graph;
mod model;

pub use model::{Error, Model};

/// The samples of one second that the model expects.
pub const SAMPLE_RATE: u32 = 16_000;

/// How many samples the model hears, 8 s. Of more the last ones count, and before fewer it hears silence.
pub const WINDOW: usize = 8 * SAMPLE_RATE as usize;
