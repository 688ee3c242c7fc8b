//! A jitter buffer behind networks that lose, delay and reorder, by a clock of the test's.

mod arbitrary;
mod delay;
mod loss;
mod network;
mod sender;
mod signal;
mod streams;

use super::*;
