//! STUN and TURN servers, without IO: what their URLs say, and the protocols spoken with them.

pub(super) mod binding;
pub(super) mod message;
mod request;
pub(super) mod turn;
pub(super) mod url;
