//! The descriptions that offers and answers carry: SDP text with its role.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use crate::sdp;

pub use crate::sdp::SdpParseError;

/// The role of a session description in the exchange of offer and answer.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum SdpType {
    Offer,
    PrAnswer,
    Answer,
    Rollback,
}

impl FromStr for SdpType {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "offer" => Self::Offer,
            "pranswer" => Self::PrAnswer,
            "answer" => Self::Answer,
            "rollback" => Self::Rollback,
            _ => return Err("not a type of session description"),
        })
    }
}

impl Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "offer",
            Self::PrAnswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        })
    }
}

/// SDP text whose structure was checked, with its role. `to_string` gives the text.
#[derive(Clone)]
pub struct SessionDescription {
    sdp_type: SdpType,
    text: String,
}

impl SessionDescription {
    /// Takes SDP text that has a version line and well-formed media sections; a rollback needs no text.
    pub fn parse(text: &str, sdp_type: SdpType) -> Result<Self, SdpParseError> {
        if sdp_type != SdpType::Rollback {
            sdp::Description::parse(text)?;
        }
        Ok(Self { sdp_type, text: text.to_owned() })
    }

    pub fn sdp_type(&self) -> SdpType {
        self.sdp_type
    }
}

impl Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription").field("sdp_type", &self.sdp_type).finish_non_exhaustive()
    }
}
