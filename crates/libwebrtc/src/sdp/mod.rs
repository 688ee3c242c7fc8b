//! Session descriptions (RFC 8866) as far as WebRTC uses them: parsed to lines and attributes, and written back.

use std::fmt::{self, Display};

mod attributes;
#[cfg(test)]
mod tests;

pub(crate) use attributes::{Direction, ExtensionMap, IceCredentials, Setup};

/// Media sections of a description. Each is a transceiver, or a pass through all that are there.
const MAX_SECTIONS: usize = 1_024;

/// A line of SDP that could not be read.
#[derive(Clone, thiserror::Error, Debug)]
#[error("read session description: {description} in {line:?}")]
pub struct SdpParseError {
    pub line: String,
    pub description: String,
}

/// A session description: its attributes and its media sections. Other lines are read over and written with
/// fixed content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Description {
    /// `o=` session id and version.
    pub(crate) origin: (u64, u64),
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) media: Vec<MediaSection>,
}

/// One media section: an `m=` line and its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MediaSection {
    /// `audio`, `video`, `application`, …
    pub(crate) kind: String,
    /// 0 rejects the section.
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    pub(crate) attributes: Vec<Attribute>,
}

/// An attribute line: `a=name` or `a=name:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl Attribute {
    pub(crate) fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    pub(crate) fn new(name: &str, value: impl Display) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_string()) }
    }
}

impl Description {
    /// Fails on text without a version line, and on malformed lines; unknown lines and attributes are fine.
    pub(crate) fn parse(text: &str) -> Result<Self, SdpParseError> {
        let mut description = Self::default();
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        if first != "v=0" {
            return Err(parse_error(first, "the first line is not v=0"));
        }
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else {
                return Err(parse_error(line, "a line has no type"));
            };
            match kind {
                "o" => description.origin = parse_origin(value),
                "m" if description.media.len() == MAX_SECTIONS => {
                    return Err(parse_error(line, "there are too many media sections"));
                }
                "m" => description.media.push(MediaSection::parse(line, value)?),
                "a" => description.current_attributes().push(parse_attribute(value)),
                _ => {}
            }
        }
        Ok(description)
    }

    fn current_attributes(&mut self) -> &mut Vec<Attribute> {
        match self.media.last_mut() {
            Some(section) => &mut section.attributes,
            None => &mut self.attributes,
        }
    }
}

impl MediaSection {
    fn parse(line: &str, value: &str) -> Result<Self, SdpParseError> {
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
            return Err(parse_error(line, "a media line is too short"));
        };
        let port = port.split('/').next().unwrap_or_default();
        let port = port.parse().map_err(|_| parse_error(line, "the port is not a number"))?;
        Ok(Self {
            kind: kind.to_owned(),
            port,
            protocol: protocol.to_owned(),
            formats: words.map(str::to_owned).collect(),
            attributes: Vec::new(),
        })
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.port == 0
    }
}

fn parse_origin(value: &str) -> (u64, u64) {
    let mut words = value.split_ascii_whitespace().skip(1).map(|word| word.parse().unwrap_or_default());
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn parse_attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => {
            Attribute { name: name.to_owned(), value: Some(value.trim_start().to_owned()) }
        }
        None => Attribute { name: value.to_owned(), value: None },
    }
}

fn parse_error(line: &str, description: &str) -> SdpParseError {
    SdpParseError { line: line.chars().take(200).collect(), description: description.to_owned() }
}

impl Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, version) = self.origin;
        write!(f, "v=0\r\no=- {id} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")?;
        write_attributes(f, &self.attributes)?;
        for section in &self.media {
            let MediaSection { kind, port, protocol, formats, attributes } = section;
            write!(f, "m={kind} {port} {protocol} {}\r\nc=IN IP4 0.0.0.0\r\n", formats.join(" "))?;
            write_attributes(f, attributes)?;
        }
        Ok(())
    }
}

fn write_attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    for Attribute { name, value } in attributes {
        match value {
            Some(value) => write!(f, "a={name}:{value}\r\n")?,
            None => write!(f, "a={name}\r\n")?,
        }
    }
    Ok(())
}
