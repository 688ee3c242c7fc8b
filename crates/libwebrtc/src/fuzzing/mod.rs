//! All that reads a stranger's bytes, called with any.
//!
//! The tests in here call it with bytes that are nearly right; the fuzz targets in `fuzz/` with what finds new ways
//! through the code.

#[cfg(test)]
mod tests;

use crate::audio::hostile as audio;
use crate::connection::hostile as connection;
use crate::ice_candidate::parse_line;
use crate::negotiation::Negotiation;
use crate::sdp::{Description, IceCredentials};
use crate::session_description::{SdpType, SessionDescription};

/// Opus packets, of which some are lost.
pub fn opus(bytes: &[u8]) {
    audio::decode(bytes);
}

/// Audio packets with any place in their stream, at any time.
pub fn jitter_buffer(bytes: &[u8]) {
    audio::buffer(bytes);
}

/// Datagrams for a connection that is not open yet: STUN and DTLS.
pub fn datagrams(bytes: &[u8]) {
    connection::datagrams(bytes);
}

/// RTP and RTCP of a peer whose connection is open.
pub fn media(bytes: &[u8]) {
    connection::media(bytes);
}

/// SCTP of a peer whose connection is open: data channels.
pub fn channels(bytes: &[u8]) {
    connection::channels(bytes);
}

/// What STUN and TURN servers say.
pub fn servers(bytes: &[u8]) {
    connection::servers(bytes);
}

/// Candidate lines, as the peer trickles them.
pub fn candidates(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        drop(parse_line(line));
    }
}

/// An offer, and what is answered.
///
/// # Panics
/// When a description that is written is read as another one, or an answer has not the offer's sections.
pub fn description(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(read) = Description::parse(text) else { return };
    assert_eq!(Description::parse(&read.to_string()).ok().as_ref(), Some(&read));
    let credentials = || IceCredentials { ufrag: "here".to_owned(), password: "password".to_owned() };
    let mut negotiation = Negotiation::new(credentials(), "sha-256 AB:CD".to_owned());
    let Ok(offer) = SessionDescription::parse(text, SdpType::Offer) else { return };
    if negotiation.set_remote_description(&offer, credentials).is_ok()
        && let Ok(answer) = negotiation.create_answer()
    {
        let answered = Description::parse(&answer.to_string()).map(|answer| answer.media.len());
        assert_eq!(answered.ok(), Some(read.media.len()));
        drop(negotiation.set_local_description(&answer));
    }
}

/// Bytes that decisions are read from, one after the other; zeros when there are none left.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    /// At most so many.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
