//! Datagrams and candidates that nobody should send.

use std::time::Duration;

use proptest::prelude::*;

use crate::ice_candidate::parse_line;
use crate::ice_candidate::tests::almost_a_candidate;

use super::link::Link;
use super::voice::Call;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// STUN, DTLS, RTP and RTCP are told apart by the first byte: each kind is among these.
    #[test]
    fn no_datagram_ends_a_connection(
        datagrams in proptest::collection::vec(
            (prop_oneof![0u8..4, 20u8..64, 128u8..192, any::<u8>()], proptest::collection::vec(any::<u8>(), 0..300)),
            1..60,
        ),
        seed in any::<u64>(),
    ) {
        let mut link = Link::new(seed);
        let mut call = Call::start(&mut link, str::to_owned);
        let addresses = [link.ends[0].address(), link.ends[1].address()];
        for (first, mut datagram) in datagrams {
            datagram.insert(0, first);
            for (to, source) in [(0, addresses[1]), (1, addresses[0])] {
                let now = link.now;
                link.ends[to].receive(source, addresses[to], &datagram, now);
            }
            call.run(&mut link, Duration::from_millis(10));
        }
        call.heard.clear();
        call.run(&mut link, Duration::from_secs(1));
        prop_assert!(call.duration() >= Duration::from_millis(980), "{:?}", call.duration());
    }

    #[test]
    fn no_candidate_ends_a_connection(
        lines in proptest::collection::vec(almost_a_candidate(), 1..30),
        seed in any::<u64>(),
    ) {
        let mut link = Link::new(seed);
        let mut call = Call::start(&mut link, str::to_owned);
        for candidate in lines.iter().filter_map(|line| parse_line(line).ok().flatten()) {
            link.ends[0].transport.add_remote_candidate(candidate.clone());
            link.ends[1].transport.add_remote_candidate(candidate);
            call.run(&mut link, Duration::from_millis(10));
        }
        call.heard.clear();
        call.run(&mut link, Duration::from_secs(1));
        prop_assert!(call.duration() >= Duration::from_millis(980), "{:?}", call.duration());
    }
}
