//! What a request is about.

use percent_encoding::percent_decode_str;

/// Bucket in the path, as every client here has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Of the object; empty where the request is about the bucket.
    pub(super) key: String,
    query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn parse(path: &str, query: &str) -> Self {
        let key = path.trim_start_matches('/').split_once('/').map_or("", |(_bucket, key)| key);
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            key: decoded(key),
            query: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(),
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_cut_off_and_names_are_decoded() {
        let target =
            Target::parse("/bench/sessions/year%3D2026/a.json.gz", "uploadId=a%2Fb&partNumber=2&uploads");
        assert_eq!(target.key, "sessions/year=2026/a.json.gz");
        assert_eq!(target.parameter("uploadId"), Some("a/b"));
        assert_eq!(target.parameter("uploads"), Some(""));
        assert_eq!(target.parameter("delete"), None);
        for bucket in ["/bench", "/bench/", "/"] {
            assert_eq!(Target::parse(bucket, "").key, "");
        }
    }
}
