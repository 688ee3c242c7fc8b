//! What was put: of each object its length and what tells its bytes from others, and the bytes only where they are wanted.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use hyper::body::Bytes;
use parquet::file::metadata::ParquetMetaDataReader;
use serde::{Deserialize, Serialize};

use crate::payloads::Payloads;

#[derive(Default)]
pub(super) struct Objects {
    pub(super) by_key: BTreeMap<String, Object>,
    uploads: HashMap<String, BTreeMap<u32, Bytes>>,
    pub(super) counts: Counts,
}

pub(super) struct Object {
    pub(super) length: usize,
    hash: u64,
    pub(super) body: Option<Bytes>,
}

/// What there was to do.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) puts: u64,
    /// Of all objects that were put.
    pub(crate) bytes: u64,
    /// Puts of a key that was there.
    pub(crate) rewritten: u64,
    /// Puts of a key that was there with other bytes.
    pub(crate) changed: u64,
    /// Puts that were answered with 503.
    pub(crate) refused: u64,
    /// Objects that were read.
    pub(crate) gets: u64,
    pub(crate) bytes_read: u64,
    /// Pages of keys that were listed.
    pub(crate) pages: u64,
}

/// The archive beside what it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// Sessions without an object.
    pub(crate) lost: u64,
    /// Objects of no session.
    pub(crate) extra: u64,
    /// Objects that hold something else than their session's payload, or were once put with other bytes.
    pub(crate) differing: u64,
}

impl Objects {
    pub(super) fn put(&mut self, key: String, body: Bytes, keep: bool) {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let object = Object { length: body.len(), hash: hasher.finish(), body: keep.then_some(body) };
        self.counts.puts += 1;
        self.counts.bytes += object.length as u64;
        let hash = object.hash;
        if let Some(before) = self.by_key.insert(key, object) {
            self.counts.rewritten += 1;
            self.counts.changed += u64::from(before.hash != hash);
        }
    }

    pub(super) fn begin_upload(&mut self) -> String {
        let id = format!("upload-{}", self.uploads.len());
        self.uploads.insert(id.clone(), BTreeMap::new());
        id
    }

    /// False where there is no such upload.
    pub(super) fn put_part(&mut self, upload: &str, number: u32, body: Bytes) -> bool {
        self.uploads.get_mut(upload).map(|parts| parts.insert(number, body)).is_some()
    }

    /// False where there is no such upload.
    pub(super) fn complete_upload(&mut self, upload: &str, key: String) -> bool {
        let Some(parts) = self.uploads.get_mut(upload).map(std::mem::take) else { return false };
        let parts: Vec<&[u8]> = parts.values().map(AsRef::as_ref).collect();
        self.put(key, parts.concat().into(), true);
        true
    }

    pub(super) fn abort_upload(&mut self, upload: &str) {
        if let Some(parts) = self.uploads.get_mut(upload) {
            parts.clear();
        }
    }

    /// Of all Parquet files; the bodies must have been kept.
    pub(super) fn parquet_rows(&self) -> Result<u64> {
        let files = self.by_key.iter().filter(|(key, _)| key.ends_with(".parquet"));
        files.map(|(key, object)| rows(object).with_context(|| format!("read {key}"))).sum()
    }

    /// Of the first so many payloads; the bodies must have been kept.
    pub(super) fn compare(&self, payloads: Payloads, sessions: usize) -> Compared {
        let mut compared = Compared { differing: self.counts.changed, ..Compared::default() };
        let mut found = 0;
        for number in 0..sessions {
            match self.by_key.get(&payloads.key(number)) {
                Some(object) => {
                    found += 1;
                    compared.differing += u64::from(!holds(object, payloads.payload(number).as_bytes()));
                }
                None => compared.lost += 1,
            }
        }
        compared.extra = self.by_key.len() as u64 - found;
        compared
    }
}

fn rows(object: &Object) -> Result<u64> {
    let body = object.body.as_ref().context("find its bytes")?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(body).context("read its metadata")?;
    metadata.file_metadata().num_rows().try_into().context("count its rows")
}

fn holds(object: &Object, payload: &[u8]) -> bool {
    let mut bytes = Vec::with_capacity(payload.len());
    let file = object.body.as_deref().unwrap_or_default();
    MultiGzDecoder::new(file).read_to_end(&mut bytes).is_ok() && bytes == payload
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str, level: u32) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(text.as_bytes()).expect("compress");
        encoder.finish().expect("compress").into()
    }

    #[test]
    fn what_is_lost_too_much_or_different_is_counted() {
        let payloads = Payloads { bytes: 2_048 };
        let mut objects = Objects::default();
        let mut put = |number: usize, level: u32| {
            objects.put(payloads.key(number), gzip(&payloads.payload(number), level), true);
        };
        put(0, 6);
        put(0, 6);
        put(1, 6);
        put(1, 1);
        objects.put(payloads.key(2), gzip("{}", 6), true);
        objects.put("sessions/other".to_owned(), gzip("{}", 6), true);
        let compared = objects.compare(payloads, 4);
        // The second was rewritten with other bytes, the third holds something else.
        assert_eq!(compared, Compared { lost: 1, extra: 1, differing: 2 });
        assert_eq!([objects.counts.puts, objects.counts.rewritten, objects.counts.changed], [6, 2, 1]);
    }

    #[test]
    fn an_upload_becomes_one_object_when_it_is_complete() {
        let mut objects = Objects::default();
        let upload = objects.begin_upload();
        assert!(objects.put_part(&upload, 2, "pedia".into()) && objects.put_part(&upload, 1, "Wiki".into()));
        assert!(!objects.put_part("other", 1, "x".into()) && objects.by_key.is_empty());
        assert!(objects.complete_upload(&upload, "key".to_owned()));
        assert_eq!(objects.by_key["key"].body.as_deref(), Some(&b"Wikipedia"[..]));
        assert_eq!(objects.counts.bytes, 9);
    }
}
