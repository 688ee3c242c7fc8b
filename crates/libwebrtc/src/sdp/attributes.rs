//! The attributes that negotiation reads.

use super::{Attribute, Description, MediaSection};

/// Streams of one section; a source and its repetitions are two.
const MAX_SSRCS: usize = 16;

/// The user name and password of ICE (`a=ice-ufrag`, `a=ice-pwd`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IceCredentials {
    pub(crate) ufrag: String,
    pub(crate) password: String,
}

/// Media direction, seen from the side that wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) sends: bool,
    pub(crate) receives: bool,
}

impl Direction {
    pub(crate) fn name(self) -> &'static str {
        match (self.sends, self.receives) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// The same direction seen from the other side.
    pub(crate) fn reversed(self) -> Self {
        Self { sends: self.receives, receives: self.sends }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { sends: self.sends && other.sends, receives: self.receives && other.receives }
    }
}

/// `a=setup`: who starts the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// The codec of a payload type (`a=rtpmap`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RtpMap {
    pub(crate) payload_type: u8,
    pub(crate) codec: String,
    /// Of the timestamps, in Hz.
    pub(crate) clock_rate: u32,
}

/// The id of a header extension (`a=extmap`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtensionMap {
    pub(crate) id: u8,
    pub(crate) uri: String,
}

impl Description {
    /// The transport attributes are in each section or, for all of them, at the session level.
    fn attribute_of<'a>(&'a self, section: &'a MediaSection, name: &str) -> Option<&'a str> {
        section.attribute(name).or_else(|| value_of(&self.attributes, name))
    }

    pub(crate) fn ice_credentials(&self, section: &MediaSection) -> Option<IceCredentials> {
        let ufrag = self.attribute_of(section, "ice-ufrag")?.to_owned();
        let password = self.attribute_of(section, "ice-pwd")?.to_owned();
        Some(IceCredentials { ufrag, password })
    }

    /// For example `sha-256 AB:CD:…`.
    pub(crate) fn fingerprint<'a>(&'a self, section: &'a MediaSection) -> Option<&'a str> {
        self.attribute_of(section, "fingerprint")
    }

    pub(crate) fn setup(&self, section: &MediaSection) -> Option<Setup> {
        Some(match self.attribute_of(section, "setup")? {
            "actpass" => Setup::ActPass,
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            _ => return None,
        })
    }

    pub(crate) fn is_ice_lite(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == "ice-lite")
    }

    pub(crate) fn direction(&self, section: &MediaSection) -> Direction {
        let named = |attributes: &[Attribute]| {
            attributes.iter().find_map(|attribute| {
                Some(match attribute.name.as_str() {
                    "sendrecv" => Direction { sends: true, receives: true },
                    "sendonly" => Direction { sends: true, receives: false },
                    "recvonly" => Direction { sends: false, receives: true },
                    "inactive" => Direction { sends: false, receives: false },
                    _ => return None,
                })
            })
        };
        named(&section.attributes)
            .or_else(|| named(&self.attributes))
            .unwrap_or(Direction { sends: true, receives: true })
    }
}

impl MediaSection {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        value_of(&self.attributes, name)
    }

    fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.attributes.iter().filter(move |attribute| attribute.name == name);
        named.filter_map(|attribute| attribute.value.as_deref())
    }

    pub(crate) fn mid(&self) -> Option<&str> {
        self.attribute("mid")
    }

    pub(crate) fn rtp_maps(&self) -> impl Iterator<Item = RtpMap> {
        self.attributes("rtpmap").filter_map(|value| {
            let (payload_type, codec) = value.split_once(' ')?;
            let mut parts = codec.trim().split('/');
            Some(RtpMap {
                payload_type: payload_type.parse().ok().filter(|payload_type| *payload_type < 128)?,
                codec: parts.next()?.to_owned(),
                clock_rate: parts.next()?.parse().ok()?,
            })
        })
    }

    pub(crate) fn extension_maps(&self) -> impl Iterator<Item = ExtensionMap> {
        self.attributes("extmap").filter_map(|value| {
            let (id, uri) = value.split_once(' ')?;
            let id = id.split('/').next()?.parse().ok()?;
            Some(ExtensionMap { id, uri: uri.split_ascii_whitespace().next()?.to_owned() })
        })
    }

    /// `a=fmtp` of a payload type.
    pub(crate) fn format_parameters(&self, payload_type: u8) -> Option<&str> {
        self.attributes("fmtp").find_map(|value| {
            let (named, parameters) = value.split_once(' ')?;
            (named.parse() == Ok(payload_type)).then_some(parameters)
        })
    }

    /// Whether `a=rtcp-fb` of a payload type names this feedback.
    pub(crate) fn has_feedback(&self, payload_type: u8, feedback: &str) -> bool {
        self.attributes("rtcp-fb").any(|value| {
            let mut words = value.splitn(2, ' ');
            let named = words.next().is_some_and(|word| word == "*" || word.parse() == Ok(payload_type));
            named && words.next().map(str::trim) == Some(feedback)
        })
    }

    pub(crate) fn candidates(&self) -> impl Iterator<Item = &str> {
        self.attributes("candidate")
    }

    /// Every SSRC with an `a=ssrc` line, in order.
    pub(crate) fn ssrcs(&self) -> Vec<u32> {
        let mut ssrcs = Vec::new();
        for value in self.attributes("ssrc") {
            if ssrcs.len() == MAX_SSRCS {
                break;
            }
            if let Some(ssrc) = value.split_ascii_whitespace().next().and_then(|word| word.parse().ok())
                && !ssrcs.contains(&ssrc)
            {
                ssrcs.push(ssrc);
            }
        }
        ssrcs
    }

    /// The stream ids and the track id of `a=msid`, or of `a=ssrc:… msid:`.
    pub(crate) fn msid(&self) -> (Vec<String>, Option<String>) {
        let of_ssrc = |value: &'_ str| value.split_once(" msid:").map(|(_, msid)| msid.to_owned());
        let values: Vec<String> = match self.attribute("msid") {
            Some(_) => self.attributes("msid").map(str::to_owned).collect(),
            None => self.attributes("ssrc").find_map(of_ssrc).into_iter().collect(),
        };
        let mut streams = Vec::new();
        let mut track = None;
        for value in &values {
            let mut words = value.split_ascii_whitespace();
            if let Some(stream) = words.next().filter(|stream| *stream != "-") {
                streams.push(stream.to_owned());
            }
            track = track.or_else(|| words.next().map(str::to_owned));
        }
        (streams, track)
    }
}

fn value_of<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.name == name)?.value.as_deref()
}
