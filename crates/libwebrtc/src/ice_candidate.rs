//! ICE candidates as signalling carries them.

use std::fmt::{self, Debug, Display};

use str0m::Candidate;
use str0m::error::IceError;

use crate::sdp::SdpParseError;

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

/// A candidate line, with or without the prefix `candidate:`; `None` for an empty one.
pub(crate) fn parse_line(line: &str) -> Result<Option<Candidate>, IceError> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    let line = if line.starts_with("candidate:") { line.to_owned() } else { format!("candidate:{line}") };
    Candidate::from_sdp_string(&line).map(Some)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A candidate line whose parts are right, nearly right, or missing.
    pub(crate) fn almost_a_candidate() -> impl Strategy<Value = String> {
        let foundation = prop_oneof![3 => Just("candidate:1".to_owned()), 1 => "[a-z0-9:+/]{0,12}"];
        let protocol = prop_oneof!["(udp|UDP|tcp|TCP|ssltcp)", "[a-z]{0,6}"];
        let address = prop_oneof![
            any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
            "[a-f0-9-]{8}\\.local",
            "\\PC{0,12}",
        ];
        let rest = prop_oneof![
            Just("typ host".to_owned()),
            "typ (srflx|prflx|relay) raddr [0-9.]{0,15} rport [0-9]{0,6}",
            "typ host tcptype (active|passive|so)",
            "typ [a-z]{0,6}( [a-z]{1,8} \\PC{0,8}){0,3}",
            "\\PC{0,20}",
        ];
        let parts = (foundation, 0..4u32, protocol, any::<u64>(), address, 0..70_000u32, rest);
        parts.prop_map(|(foundation, component, protocol, priority, address, port, rest)| {
            let priority = priority >> (priority % 64);
            format!("{foundation} {component} {protocol} {priority} {address} {port} {rest}")
        })
    }

    #[test]
    fn a_line_is_parsed_with_and_without_its_prefix() {
        let line = "1 1 udp 2130706431 192.0.2.1 7882 typ host generation 0";
        for line in [line.to_owned(), format!("candidate:{line}"), format!(" candidate:{line}\r\n")] {
            let candidate = parse_line(&line).expect("parse line").expect("a candidate");
            assert_eq!(candidate.addr().to_string(), "192.0.2.1:7882");
        }
        assert!(parse_line(" ").expect("the end of candidates").is_none());
        assert!(parse_line("candidate:1 1 udp 1 a-name.local 7882 typ host").is_err());
    }

    proptest! {
        #[test]
        fn any_line_can_be_carried(line in "\\PC{0,80}") {
            let candidate = IceCandidate::parse("0", 0, &line).expect("parse candidate");
            prop_assert_eq!(candidate.candidate(), line.trim());
        }

        #[test]
        fn any_line_is_parsed_or_refused(line in prop_oneof![almost_a_candidate(), "\\PC{0,80}"]) {
            if let Ok(Some(candidate)) = parse_line(&line) {
                let written = parse_line(&candidate.to_sdp_string()).expect("parse what was written");
                prop_assert_eq!(written.map(|written| written.addr()), Some(candidate.addr()));
            }
        }
    }
}
