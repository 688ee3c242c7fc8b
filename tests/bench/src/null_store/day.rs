//! A day of small sessions that is nowhere stored: every key and object follows from its number.
//!
//! An object is a gzip file of one member. Its deflate stream has a stored block with the identity, which is each session's
//! own, and behind it the rest, which is one of some that were compressed beforehand: an object costs the store less than
//! its compression would.

use std::io::Write as _;

use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use crate::payloads::{identity, rest};

/// Of the month of the payloads.
const DAY: usize = 2;
const FOLDER: &str = "sessions/year=2026/month=01/day=02/";
/// The same, as commands take it.
pub(crate) const DATE: &str = "2026-01-02";
/// How many payloads differ in more than their identity.
const RESTS: usize = 997;
/// Length of a payload.
const BYTES: usize = 2_048;
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How large the day is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct DaySize {
    pub(crate) sessions: usize,
}

pub(super) struct Day {
    sessions: usize,
    rests: Vec<Rest>,
}

struct Rest {
    deflated: Vec<u8>,
    crc: Hasher,
    length: usize,
}

impl Day {
    pub(super) fn new(size: DaySize) -> std::io::Result<Self> {
        let rests = (0..RESTS.min(size.sessions)).map(Rest::new).collect::<std::io::Result<_>>()?;
        Ok(Self { sessions: size.sessions, rests })
    }

    /// So many keys that begin with `prefix` and come behind `after`, in order, each with its object's length.
    pub(super) fn keys(&self, prefix: &str, after: &str, most: usize) -> Vec<(String, usize)> {
        if !FOLDER.starts_with(prefix) && !prefix.starts_with(FOLDER) {
            return Vec::new();
        }
        let first = match number_of(after) {
            Some(number) => number + 1,
            None if after < FOLDER => 0,
            None => self.first_behind(after),
        };
        let keys = (first..self.sessions).map(|number| (key(number), self.length(number)));
        keys.filter(|(key, _)| key.starts_with(prefix)).take(most).collect()
    }

    /// For a text that is no key: by search, as the keys are in order.
    fn first_behind(&self, after: &str) -> usize {
        let (mut low, mut high) = (0, self.sessions);
        while low < high {
            let middle = usize::midpoint(low, high);
            if key(middle).as_str() <= after { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn object(&self, key: &str) -> Option<Bytes> {
        let number = number_of(key).filter(|number| *number < self.sessions)?;
        let (head, rest) = (head(number), self.rest(number)?);
        let mut file = Vec::with_capacity(self.length(number));
        file.extend_from_slice(&HEADER);
        let length = u16::try_from(head.len()).ok()?;
        file.push(0);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(head.as_bytes());
        file.extend_from_slice(&rest.deflated);
        let mut crc = Hasher::new();
        crc.update(head.as_bytes());
        crc.combine(&rest.crc);
        file.extend_from_slice(&crc.finalize().to_le_bytes());
        file.extend_from_slice(&u32::try_from(head.len() + rest.length).ok()?.to_le_bytes());
        Some(file.into())
    }

    fn length(&self, number: usize) -> usize {
        let rest = self.rest(number).map_or(0, |rest| rest.deflated.len());
        HEADER.len() + 5 + head(number).len() + rest + 8
    }

    fn rest(&self, number: usize) -> Option<&Rest> {
        self.rests.get(number % RESTS)
    }
}

impl Rest {
    fn new(number: usize) -> std::io::Result<Self> {
        let text = rest(number, BYTES, DAY);
        let mut crc = Hasher::new();
        crc.update(text.as_bytes());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text.as_bytes())?;
        Ok(Self { deflated: encoder.finish()?, crc, length: text.len() })
    }
}

fn head(number: usize) -> String {
    identity(&format!("trial_{number:08}"), &format!("AJ_{number:08}"))
}

fn key(number: usize) -> String {
    format!("{FOLDER}trial_{number:08}-AJ_{number:08}.json.gz")
}

fn number_of(key_or_not: &str) -> Option<usize> {
    let digits = key_or_not.strip_prefix(FOLDER)?.strip_prefix("trial_")?.get(..8)?;
    digits.parse().ok().filter(|number| key(*number) == key_or_not)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::bufread::GzDecoder;
    use schemas::SessionEvent;

    use super::*;

    #[test]
    fn every_key_is_listed_once_and_in_order() {
        let day = Day::new(DaySize { sessions: 2_500 }).expect("make the day");
        let mut keys: Vec<(String, usize)> = Vec::new();
        loop {
            let after = keys.last().map(|(key, _)| key.clone()).unwrap_or_default();
            let page = day.keys("sessions/year=2026/", &after, 1_000);
            keys.extend(page.iter().cloned());
            if page.len() < 1_000 {
                break;
            }
        }
        assert!(keys.len() == 2_500 && keys.is_sorted());
        assert_eq!(day.keys("sessions/year=2027/", "", 10), []);
        assert_eq!(day.keys(FOLDER, &format!("{FOLDER}trial_00002497"), 10).len(), 3);
        assert_eq!(day.keys(&format!("{FOLDER}trial_0000249"), "", 100).len(), 10);
    }

    #[test]
    fn an_object_is_a_gzip_file_that_the_contract_reads() {
        let day = Day::new(DaySize { sessions: 1_500 }).expect("make the day");
        for (key, length) in day.keys(FOLDER, "", 1_500).into_iter().step_by(250) {
            let file = day.object(&key).expect("find the object");
            assert_eq!(file.len(), length);
            let mut payload = Vec::new();
            GzDecoder::new(&file[..]).read_to_end(&mut payload).expect("decompress");
            let event = SessionEvent::decode(&payload, None).expect("decode");
            assert_eq!(event.identity.object_key(&event.end_time), key);
        }
        assert_eq!(day.object(&key(1_500)), None);
    }
}
