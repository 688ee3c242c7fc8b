//! ICE candidates as signalling carries them.

use std::fmt::{self, Debug, Display};

use crate::session_description::SdpParseError;

/// A candidate line with the media section it belongs to.
#[derive(Clone)]
pub struct IceCandidate {
    sdp_mid: String,
    sdp_mline_index: i32,
    candidate: String,
}

impl IceCandidate {
    /// Keeps the line as it is. An unknown or malformed line is not an error here, since `livekit` unwraps the result
    /// and new kinds of candidate may come at any time: it is skipped with a warning when it is added.
    pub fn parse(sdp_mid: &str, sdp_mline_index: i32, sdp: &str) -> Result<Self, SdpParseError> {
        Ok(Self { sdp_mid: sdp_mid.to_owned(), sdp_mline_index, candidate: sdp.trim().to_owned() })
    }

    pub fn sdp_mid(&self) -> String {
        self.sdp_mid.clone()
    }

    pub fn sdp_mline_index(&self) -> i32 {
        self.sdp_mline_index
    }

    /// The text from `candidate:` on, without `a=`. Empty: the end of candidates.
    pub fn candidate(&self) -> String {
        self.candidate.clone()
    }
}

impl Display for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.candidate)
    }
}

impl Debug for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCandidate")
            .field("sdp_mid", &self.sdp_mid)
            .field("candidate", &self.candidate)
            .finish()
    }
}
