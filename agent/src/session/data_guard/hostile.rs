//! Data packets, whatever is in them.

use super::*;

/// Packets of a participant's, each behind the time since the last one, in units of 20 ms, and its length.
///
/// # Panics
/// When more streams are open, or longer, than a person needs.
pub(in crate::session) fn packets(mut bytes: &[u8]) {
    let mut now = Instant::now();
    let mut rules = DataRules::new(now);
    while let Some(([wait, high, low], rest)) = bytes.split_first_chunk() {
        now += Duration::from_millis(u64::from(*wait) * 20);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (packet, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        if rules.read("_reliable", packet, now).is_err() {
            continue;
        }
        // Those that are typed, and the one recording.
        assert!(rules.open.len() <= OPEN_TYPED + 1, "{} streams", rules.open.len());
        for stream in rules.open.values() {
            assert!(stream.bytes <= LONGEST_PRE_CONNECT_AUDIO && stream.parts <= MOST_PARTS);
            assert!(stream.topic != Topic::Typed || stream.bytes <= LONGEST_TYPED);
        }
    }
}
