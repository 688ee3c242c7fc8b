//! Endings on a clock of the test's.

use proptest::prelude::*;

use super::*;

const WAIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(15);

struct Clock(Moment);

impl Clock {
    fn at(&self, seconds: u64) -> Moment {
        let passed = Duration::from_secs(seconds);
        Moment { instant: self.0.instant + passed, time: self.0.time + passed }
    }
}

fn begin() -> (Attendance, Clock) {
    let now = Moment::now();
    (Attendance::new(WAIT, GRACE, now), Clock(now))
}

fn present(identity: &str) -> Observation {
    Observation::Present { identity: identity.to_owned() }
}

fn gone(identity: &str, departure: Departure) -> Observation {
    Observation::Gone { identity: identity.to_owned(), departure }
}

fn end(reason: EndReason, at: Moment) -> Step {
    Step::End(Ending { end_time: at.time, reason })
}

#[test]
fn leaving_on_purpose_ends_at_once() {
    for (departure, reason) in [
        (Departure::OnPurpose, EndReason::ParticipantLeft),
        (Departure::Removed, EndReason::ParticipantRemoved),
        (Departure::RoomClosed, EndReason::RoomClosed),
    ] {
        let (mut attendance, clock) = begin();
        assert_eq!(attendance.observe(present("ann"), clock.at(1)), Step::Linked);
        assert_eq!(attendance.observe(gone("ann", departure), clock.at(9)), end(reason, clock.at(9)));
    }
}

#[test]
fn a_lost_participant_has_the_grace_and_the_call_ends_at_the_loss() {
    let (mut attendance, clock) = begin();
    attendance.observe(present("ann"), clock.at(1));
    assert_eq!(attendance.observe(gone("ann", Departure::ConnectionLost), clock.at(10)), Step::Lost);
    assert_eq!(attendance.deadline(), Some(clock.at(25).instant));
    assert_eq!(attendance.expire(clock.at(24)), Step::Stay);
    assert_eq!(attendance.expire(clock.at(25)), end(EndReason::ConnectionLost, clock.at(10)));
    // A stop or the room's end in between says nothing else.
    let stopped = attendance.observe(Observation::Stopped(StopReason::AgentShutdown), clock.at(12));
    assert_eq!(stopped, end(EndReason::ConnectionLost, clock.at(10)));
    let closed = attendance.observe(Observation::Out(OwnDeparture::RoomClosed), clock.at(12));
    assert_eq!(closed, end(EndReason::ConnectionLost, clock.at(10)));
}

#[test]
fn who_comes_back_under_his_identity_goes_on() {
    let (mut attendance, clock) = begin();
    attendance.observe(present("ann"), clock.at(1));
    attendance.observe(gone("ann", Departure::ConnectionLost), clock.at(10));
    assert_eq!(attendance.observe(present("bob"), clock.at(11)), Step::Stay);
    assert_eq!(attendance.observe(present("ann"), clock.at(12)), Step::Back);
    assert_eq!(attendance.deadline(), None);
    assert_eq!(
        attendance.observe(gone("ann", Departure::OnPurpose), clock.at(30)),
        end(EndReason::ParticipantLeft, clock.at(30))
    );
}

#[test]
fn only_the_first_participant_counts() {
    let (mut attendance, clock) = begin();
    attendance.observe(present("ann"), clock.at(1));
    assert_eq!(attendance.observe(present("bob"), clock.at(2)), Step::Stay);
    assert_eq!(attendance.observe(gone("bob", Departure::OnPurpose), clock.at(3)), Step::Stay);
    assert!(attendance.is_linked_to("ann") && !attendance.is_linked_to("bob"));
}

#[test]
fn nobody_comes() {
    let (mut attendance, clock) = begin();
    assert_eq!(attendance.expire(clock.at(59)), Step::Stay);
    assert_eq!(attendance.expire(clock.at(60)), end(EndReason::ParticipantAbsent, clock.at(60)));
    let closed = attendance.observe(Observation::Out(OwnDeparture::RoomClosed), clock.at(20));
    assert_eq!(closed, end(EndReason::RoomClosed, clock.at(20)));
}

#[test]
fn the_agents_own_interruption_is_not_the_participants() {
    let (mut attendance, clock) = begin();
    attendance.observe(present("ann"), clock.at(1));
    attendance.observe(Observation::Interrupted, clock.at(10));
    // The rejoining agent sees everybody go first.
    assert_eq!(attendance.observe(gone("ann", Departure::ConnectionLost), clock.at(12)), Step::Lost);
    assert_eq!(attendance.deadline(), None);
    attendance.observe(Observation::Restored, clock.at(40));
    assert_eq!(attendance.deadline(), Some(clock.at(55).instant));
    assert_eq!(attendance.expire(clock.at(55)), end(EndReason::ConnectionLost, clock.at(10)));
    assert_eq!(attendance.observe(present("ann"), clock.at(41)), Step::Back);
    attendance.observe(Observation::Interrupted, clock.at(50));
    assert_eq!(
        attendance.observe(Observation::Out(OwnDeparture::ConnectionLost), clock.at(90)),
        end(EndReason::ConnectionLost, clock.at(50))
    );
}

#[test]
fn the_worker_ends_it() {
    for (stop, reason) in [
        (StopReason::JobTerminated, EndReason::JobTerminated),
        (StopReason::AgentShutdown, EndReason::AgentShutdown),
    ] {
        let (mut attendance, clock) = begin();
        attendance.observe(present("ann"), clock.at(1));
        assert_eq!(attendance.observe(Observation::Stopped(stop), clock.at(5)), end(reason, clock.at(5)));
    }
}

fn observations() -> impl Strategy<Value = Observation> {
    let who = prop_oneof![Just("ann".to_owned()), Just("bob".to_owned())];
    let departure = prop_oneof![
        Just(Departure::OnPurpose),
        Just(Departure::Removed),
        Just(Departure::RoomClosed),
        Just(Departure::ConnectionLost)
    ];
    prop_oneof![
        4 => who.clone().prop_map(|identity| Observation::Present { identity }),
        4 => (who, departure).prop_map(|(identity, departure)| Observation::Gone { identity, departure }),
        1 => Just(Observation::Interrupted),
        1 => Just(Observation::Restored),
        1 => Just(Observation::Out(OwnDeparture::ConnectionLost)),
        1 => Just(Observation::Stopped(StopReason::JobTerminated)),
    ]
}

proptest! {
    /// Whatever happens, a session ends within its limits once nobody is there, and never later than it is noticed.
    #[test]
    fn an_end_is_never_in_the_future_and_always_comes(
        events in proptest::collection::vec((observations(), 0u64..20), 0..40),
    ) {
        let (mut attendance, clock) = begin();
        let mut seconds = 0;
        for (observation, passed) in events {
            seconds += passed;
            let now = clock.at(seconds);
            if let Step::End(ending) = attendance.observe(observation, now) {
                prop_assert!(ending.end_time <= now.time);
                return Ok(());
            }
        }
        attendance.observe(Observation::Restored, clock.at(seconds));
        let linked = attendance.is_linked_to("ann") || attendance.is_linked_to("bob");
        match attendance.deadline() {
            Some(deadline) => {
                let late = Moment { instant: deadline, time: clock.at(seconds + 60).time };
                prop_assert!(matches!(attendance.expire(late), Step::End(_)));
            }
            None => prop_assert!(linked),
        }
    }
}

#[test]
fn who_left_before_anybody_was_seen_has_left() {
    let (mut attendance, clock) = begin();
    let step = attendance.observe(Observation::NobodyLeft, clock.at(1));
    assert_eq!(step, end(EndReason::ParticipantLeft, clock.at(1)));
    attendance.observe(present("ann"), clock.at(2));
    assert_eq!(attendance.observe(Observation::NobodyLeft, clock.at(3)), Step::Stay);
}

#[test]
fn who_gives_no_sign_is_absent() {
    let (mut attendance, clock) = begin();
    attendance.observe(present("ann"), clock.at(1));
    let step = attendance.observe(Observation::NoSign, clock.at(11));
    assert_eq!(step, end(EndReason::ParticipantAbsent, clock.at(11)));
}

#[test]
fn a_participant_is_seen_while_both_connections_stand() {
    let (mut attendance, clock) = begin();
    let mut sees = |observation, at| {
        attendance.observe(observation, clock.at(at));
        attendance.sees_participant()
    };
    assert!(!sees(Observation::Restored, 0));
    assert!(sees(present("ann"), 1));
    assert!(sees(gone("bob", Departure::ConnectionLost), 2));
    assert!(!sees(gone("ann", Departure::ConnectionLost), 3));
    assert!(sees(present("ann"), 4));
    assert!(!sees(Observation::Interrupted, 5));
    assert!(!sees(gone("ann", Departure::ConnectionLost), 6));
    assert!(!sees(Observation::Restored, 7));
    assert!(sees(present("ann"), 8));
}
