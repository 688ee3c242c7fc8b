//! The states a connection goes through, and what its transport's statistics say.

use std::net::SocketAddr;
use std::time::Duration;

use str0m::Candidate;
use str0m::net::Protocol;

use crate::connection::new_credentials;
use crate::data_channel::DataChannelInit;
use crate::peer_connection::PeerConnectionState::{Connected, Connecting, Disconnected, Failed};
use crate::stats::{DtlsTransportState, IceCandidateType, IceTransportState, RtcStats};

use super::link::{Link, Way};

const PATIENCE: Duration = Duration::from_secs(60);

fn connected(seed: u64) -> Link {
    let mut link = Link::new(seed);
    link.ends[0].open_channel("data", DataChannelInit::default());
    link.negotiate(None);
    link.connect();
    link
}

#[test]
fn a_cut_link_is_a_failure_after_a_while_and_a_restart_of_ice_recovers() {
    let mut link = connected(1);
    link.way = Way::CUT;
    link.run_until("failed", PATIENCE, |link| link.ends.iter().all(|end| end.states.last() == Some(&Failed)));
    assert_eq!(link.ends[0].states, [Connecting, Connected, Disconnected, Failed]);

    link.way = Way::CLEAR;
    link.negotiate(Some(new_credentials()));
    link.connect();
    assert_eq!(link.ends[0].states[4..], [Connecting, Connected]);
}

#[test]
fn a_transport_that_failed_under_a_working_link_recovers_with_a_restart_of_ice() {
    let mut link = connected(8);
    for end in &mut link.ends {
        end.transport.fail();
    }
    link.run(Duration::from_secs(30));
    assert_eq!(link.ends[0].states, [Connecting, Connected, Failed]);
    link.negotiate(Some(new_credentials()));
    link.connect();
    assert_eq!(link.ends[0].states[3..], [Connecting, Connected]);
}

#[test]
fn what_is_negotiated_while_the_peer_closes_leaves_it_the_time_to_say_why() {
    let mut link = connected(10);
    link.run(Duration::from_secs(1));
    link.close(1);
    link.run_until("disconnected", PATIENCE, |link| link.ends[0].states.last() == Some(&Disconnected));
    link.negotiate(None);
    link.run(Duration::from_secs(1));
    assert_eq!(link.ends[0].states, [Connecting, Connected, Disconnected]);
    link.run_until("failed", PATIENCE, |link| link.ends[0].states.last() == Some(&Failed));
}

#[test]
fn no_restart_of_ice_brings_back_what_the_peer_closed() {
    let mut link = connected(11);
    link.run(Duration::from_secs(1));
    link.close(1);
    link.run_until("disconnected", PATIENCE, |link| link.ends[0].states.last() == Some(&Disconnected));
    link.negotiate(Some(new_credentials()));
    link.run(Duration::from_millis(100));
    assert_eq!(link.ends[0].states, [Connecting, Connected, Disconnected, Failed]);
}

#[test]
fn of_candidates_without_end_the_first_are_used() {
    let mut link = connected(9);
    for port in 1_000..11_000 {
        let candidate = Candidate::host(SocketAddr::from(([10, 0, 0, 3], port)), Protocol::Udp);
        link.ends[0].transport.add_remote_candidate(candidate.expect("make candidate"));
    }
    assert_eq!(link.ends[0].transport.remote_candidates().len(), 128);
    link.run(Duration::from_secs(30));
    assert_eq!(link.ends[0].states, [Connecting, Connected]);
}

#[test]
fn a_candidate_that_is_repeated_is_kept_once() {
    let mut link = connected(7);
    let transport = &mut link.ends[0].transport;
    let candidates = transport.remote_candidates().to_vec();
    assert_eq!(candidates.len(), 1);
    for _ in 0..10 {
        transport.add_remote_candidate(candidates[0].clone());
    }
    assert_eq!(transport.remote_candidates(), candidates);
}

#[test]
fn a_short_cut_passes() {
    let mut link = connected(2);
    link.way = Way::CUT;
    link.run_until("disconnected", PATIENCE, |link| link.ends[0].states.last() == Some(&Disconnected));
    link.way = Way::CLEAR;
    link.connect();
    assert!(!link.ends[0].states.contains(&Failed));
}

#[test]
fn a_restart_of_ice_on_a_working_link_interrupts_nothing() {
    let mut link = connected(3);
    link.negotiate(Some(new_credentials()));
    link.run(Duration::from_secs(30));
    assert_eq!(link.ends[0].states.last(), Some(&Connected));
    assert!(!link.ends[0].states.contains(&Failed), "{:?}", link.ends[0].states);
}

#[test]
fn the_transport_is_reported() {
    let mut link = connected(4);
    link.run(Duration::from_secs(10));
    let reports = link.ends[0].statistics(link.now);
    let transport = reports.iter().find_map(|report| match report {
        RtcStats::Transport(transport) => Some(&transport.transport),
        _ => None,
    });
    let transport = transport.expect("a transport");
    assert_eq!(transport.ice_state, Some(IceTransportState::Connected));
    assert_eq!(transport.dtls_state, Some(DtlsTransportState::Connected));
    assert_eq!(transport.selected_candidate_pair_changes, 1);
    assert!(transport.packets_sent > 5 && transport.bytes_received > 500, "{transport:?}");
    let pair = reports.iter().find_map(|report| match report {
        RtcStats::CandidatePair(pair) => Some(pair),
        _ => None,
    });
    let pair = pair.expect("a pair");
    assert_eq!(pair.rtc.id, transport.selected_candidate_pair_id);
    // 10 ms either way.
    let round_trip = pair.candidate_pair.current_round_trip_time;
    assert!((0.019..0.03).contains(&round_trip), "{round_trip} s");
    let local = reports.iter().find_map(|report| match report {
        RtcStats::LocalCandidate(local) => Some(local),
        _ => None,
    });
    let local = local.expect("a local candidate");
    assert_eq!(local.local_candidate.candidate_type, Some(IceCandidateType::Host));
    assert_eq!(local.local_candidate.address, "10.0.0.1");
    assert_eq!(pair.candidate_pair.local_candidate_id, local.rtc.id);
}
