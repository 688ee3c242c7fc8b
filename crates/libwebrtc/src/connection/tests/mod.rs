//! Two transports over a bad link: what reaches the other end, and what the statistics say of it.

mod audio;
mod data;
mod link;
mod noise;
mod state;
mod voice;
