//! Two transports over a bad link: what reaches the other end, and what the statistics say of it.

#[cfg(test)]
mod audio;
#[cfg(test)]
mod data;
pub(super) mod link;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod state;
pub(super) mod voice;
