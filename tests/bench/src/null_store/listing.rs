//! A page of `ListObjectsV2`.

use std::ops::Bound;

use super::day::Day;
use super::objects::Objects;
use super::target::Target;

/// As S3 has it.
const MOST: usize = 1_000;

/// The XML that answers a request for a page of the listing.
pub(super) fn list(target: &Target, objects: &Objects, day: Option<&Day>) -> String {
    let prefix = target.parameter("prefix").unwrap_or_default();
    // A token is the last key of the page before.
    let after =
        target.parameter("continuation-token").or(target.parameter("start-after")).unwrap_or_default();
    let most = target.parameter("max-keys").and_then(|most| most.parse().ok()).unwrap_or(MOST).min(MOST);
    let mut keys = day.map_or_else(Vec::new, |day| day.keys(prefix, after, most + 1));
    let stored = objects.by_key.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
    let stored = stored.filter(|(key, _)| key.starts_with(prefix)).take(most + 1);
    keys.extend(stored.map(|(key, object)| (key.clone(), object.length)));
    keys.sort();
    let truncated = keys.len() > most;
    keys.truncate(most);
    xml(prefix, &keys, truncated)
}

fn xml(prefix: &str, keys: &[(String, usize)], truncated: bool) -> String {
    let mut xml = String::with_capacity(512 + keys.len() * 320);
    xml.push_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    xml.push_str(r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name>"#);
    let (prefix, count) = (escaped(prefix), keys.len());
    xml.push_str(&format!("<Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{MOST}</MaxKeys>"));
    xml.push_str(&format!("<IsTruncated>{truncated}</IsTruncated>"));
    if let Some((last, _)) = keys.last().filter(|_| truncated) {
        xml.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(last)));
    }
    for (key, length) in keys {
        xml.push_str(&format!(
            "<Contents><Key>{}</Key><LastModified>2026-01-03T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag>\
             <Size>{length}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            escaped(key),
            super::server::ETAG,
        ));
    }
    xml.push_str("</ListBucketResult>");
    xml
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::day::DaySize;
    use super::*;

    fn listed(query: &str, objects: &Objects, day: Option<&Day>) -> (Vec<String>, Option<String>) {
        let xml = list(&Target::parse("/bench", query), objects, day);
        let between = |part: &str, tag: &str| {
            let text = part.split_once(&format!("<{tag}>"))?.1;
            Some(text.split_once(&format!("</{tag}>"))?.0.to_owned())
        };
        let keys = xml.split("<Contents>").skip(1).filter_map(|part| between(part, "Key")).collect();
        (keys, between(&xml, "NextContinuationToken"))
    }

    #[test]
    fn pages_lead_to_each_other_and_end() {
        let mut objects = Objects::default();
        for key in ["a&b", "b", "c"] {
            objects.put(key.to_owned(), "x".into(), false);
        }
        let (first, token) = listed("list-type=2&max-keys=2", &objects, None);
        assert_eq!((first, token.as_deref()), (vec!["a&amp;b".to_owned(), "b".to_owned()], Some("b")));
        assert_eq!(listed("max-keys=2&continuation-token=b", &objects, None), (vec!["c".to_owned()], None));
        assert_eq!(listed("prefix=b", &objects, None), (vec!["b".to_owned()], None));
    }

    #[test]
    fn a_day_that_is_not_stored_stands_among_the_objects_that_are() {
        let mut objects = Objects::default();
        objects.put("compacted/day".to_owned(), "x".into(), false);
        objects.put("z".to_owned(), "x".into(), false);
        let day = Day::new(DaySize { sessions: 1_500 }).expect("make the day");
        let (first, token) = listed("", &objects, Some(&day));
        assert_eq!((first.len(), first[0].as_str()), (1_000, "compacted/day"));
        let (second, end) =
            listed(&format!("continuation-token={}", token.expect("a token")), &objects, Some(&day));
        assert_eq!((second.len(), second[501].as_str(), end), (502, "z", None));
    }
}
