mod arbitrary;
mod delay;
mod loss;
mod network;
mod sender;
mod signal;
mod streams;

use super::*;
