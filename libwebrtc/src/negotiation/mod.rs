//! Offers, answers and transceivers (JSEP, RFC 9429), without IO.

pub(crate) mod codecs;
pub(crate) mod transceiver;
