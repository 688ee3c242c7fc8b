//! Who is taken for waiting, when somebody has waited for too long, and which rooms are looked at, by a clock of the test's.

use std::collections::HashSet;

use livekit_protocol::participant_info::{Kind, State};
use livekit_protocol::{AgentDispatch, AgentDispatchState, ParticipantInfo, Room};
use proptest::prelude::*;

use super::*;
use crate::agent_state::SERVERS_AGENT_NAME;

const OURS: &str = "postcall";
const AFTER: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(2_500);

fn participant(sid: &str, kind: Kind, state: State) -> ParticipantInfo {
    ParticipantInfo {
        sid: sid.to_owned(),
        kind: kind.into(),
        state: state.into(),
        ..ParticipantInfo::default()
    }
}

fn caller(sid: &str) -> ParticipantInfo {
    participant(sid, Kind::Standard, State::Active)
}

fn agent(name: Option<&str>, state: State) -> ParticipantInfo {
    let mut agent = participant("agent", Kind::Agent, state);
    agent.attributes.extend(name.map(|name| (SERVERS_AGENT_NAME.to_owned(), name.to_owned())));
    agent
}

fn dispatch(id: &str, agent_name: &str, created_at: i64) -> AgentDispatch {
    AgentDispatch {
        id: id.to_owned(),
        agent_name: agent_name.to_owned(),
        state: Some(AgentDispatchState { created_at, ..AgentDispatchState::default() }),
        ..AgentDispatch::default()
    }
}

fn place(sid: &str) -> Place {
    Place { sid: sid.to_owned(), name: format!("name of {sid}") }
}

/// A room in which somebody waits, with these orders.
fn waits(who: &str, orders: &[&str]) -> Seen {
    let orders = orders.iter().map(|id| dispatch(id, OURS, 0)).collect();
    Seen { company: Company::Waiting(who.to_owned()), orders }
}

fn served() -> Seen {
    Seen { company: Company::Served, orders: Vec::new() }
}

#[test]
fn who_waits_is_connected_and_has_no_agent_of_this_name() {
    let ann = || caller("ann");
    let waits = |sid: &str| Company::Waiting(sid.to_owned());
    let cases = [
        (vec![], Company::Nobody),
        (vec![ann()], waits("ann")),
        (vec![participant("ann", Kind::Sip, State::Active)], waits("ann")),
        (vec![participant("ann", Kind::Standard, State::Joined)], Company::Connecting),
        (vec![participant("ann", Kind::Standard, State::Disconnected)], Company::Nobody),
        (vec![participant("recorder", Kind::Egress, State::Active)], Company::Nobody),
        (vec![ann(), agent(Some(OURS), State::Active)], Company::Served),
        (vec![ann(), agent(Some(OURS), State::Joining)], Company::Served),
        (vec![ann(), agent(Some(OURS), State::Disconnected)], waits("ann")),
        (vec![ann(), agent(Some("another"), State::Active)], waits("ann")),
        (vec![ann(), agent(None, State::Active)], Company::Served),
        (vec![agent(Some(OURS), State::Active)], Company::Served),
    ];
    for (participants, company) in cases {
        assert_eq!(company::of(&participants, OURS), company, "{participants:?}");
    }
    let [mut earlier, mut later] = [caller("b"), caller("a")];
    (earlier.joined_at_ms, later.joined_at_ms) = (1, 2);
    assert_eq!(company::of(&[later, earlier], OURS), waits("b"));
}

#[test]
fn a_room_with_an_agent_is_looked_at_again_and_one_of_others_when_it_changes() {
    let of = |company| Seen { company, orders: Vec::new() };
    // LiveKit does not count agents.
    assert_eq!(of(Company::Served).next(), Next::Soon);
    assert_eq!(of(Company::Connecting).next(), Next::Soon);
    assert_eq!(of(Company::Nobody).next(), Next::WhenItChanges);
    assert_eq!(waits("ann", &["A"]).next(), Next::First);
    assert_eq!(waits("ann", &[]).next(), Next::WhenItChanges);
}

#[test]
fn orders_are_those_of_this_name_the_oldest_first_and_are_given_again_as_they_were() {
    let mut elsewhere = dispatch("D", OURS, 0);
    elsewhere.deployment = "elsewhere".to_owned();
    let mut first = dispatch("B", OURS, 1);
    first.metadata = "metadata".to_owned();
    first.attributes.insert("key".to_owned(), "value".to_owned());
    let listed = vec![
        dispatch("A", OURS, 2),
        dispatch("0", "another", 0),
        elsewhere,
        dispatch("C", OURS, 1),
        first.clone(),
    ];
    let orders = company::orders(listed, OURS);
    assert_eq!(orders.iter().map(|order| order.id.as_str()).collect::<Vec<_>>(), ["B", "C", "A"]);
    let again = company::again(&orders[0], "room");
    assert_eq!((again.room.as_str(), again.agent_name.as_str()), ("room", OURS));
    assert_eq!((again.metadata, again.attributes), (first.metadata, first.attributes));
}

#[test]
fn nobody_waits_where_no_agent_was_ordered() {
    let mut waiting = Waiting::new(AFTER);
    let now = Instant::now();
    for step in 0..10 {
        waiting.saw(&place("r"), &waits("ann", &[]), now + STEP * step);
    }
    assert_eq!((waiting.count(), waiting.overdue()), (0, vec![]));
}

/// Looks at a room every [`STEP`] until somebody is overdue there; how long that took since `now`.
fn overdue_after(waiting: &mut Waiting, seen: &Seen, now: Instant) -> Duration {
    let step = (0..1_000).find(|step| {
        waiting.saw(&place("r"), seen, now + STEP * *step);
        waiting.is_overdue("r")
    });
    STEP * step.expect("overdue some time")
}

#[test]
fn somebody_is_overdue_after_the_time_and_not_before() {
    let mut waiting = Waiting::new(AFTER);
    assert_eq!(overdue_after(&mut waiting, &waits("ann", &["A"]), Instant::now()), AFTER);
    assert_eq!(waiting.overdue(), [place("r")]);
    assert_eq!(waiting.count(), 1);
}

#[test]
fn an_agent_another_visitor_or_a_new_order_begin_anew() {
    let now = Instant::now();
    let breaks = [served(), waits("bob", &["A"]), waits("ann", &["B"]), waits("ann", &["A", "B"])];
    for seen in breaks {
        let mut waiting = Waiting::new(AFTER);
        for step in 0..3 {
            waiting.saw(&place("r"), &waits("ann", &["A"]), now + STEP * step);
        }
        waiting.saw(&place("r"), &seen, now + STEP * 3);
        waiting.saw(&place("r"), &waits("ann", &["A"]), now + STEP * 4);
        assert!(!waiting.is_overdue("r"), "{seen:?}");
    }
    // Whoever has left is no longer waited for, before anybody looks again.
    let mut waiting = Waiting::new(AFTER);
    overdue_after(&mut waiting, &waits("ann", &["A"]), now);
    waiting.nobody_waits("r");
    assert_eq!((waiting.count(), waiting.overdue()), (0, vec![]));
}

#[test]
fn a_clock_that_jumps_makes_nobody_overdue() {
    let (mut waiting, now) = (Waiting::new(AFTER), Instant::now());
    let seen = waits("ann", &["A"]);
    let hour = Duration::from_secs(3600);
    waiting.saw(&place("r"), &seen, now + hour);
    waiting.saw(&place("r"), &seen, now);
    waiting.saw(&place("r"), &seen, now + hour);
    assert!(!waiting.is_overdue("r"), "one look after a jump is no proof");
    // What the server's clock says of the participant plays no part.
    for joined_at_ms in [i64::MIN, 0, i64::MAX] {
        let ann = ParticipantInfo { joined_at_ms, ..caller("ann") };
        assert_eq!(company::of(&[ann], OURS), Company::Waiting("ann".to_owned()));
    }
}

#[test]
fn each_new_order_doubles_the_patience_up_to_a_limit() {
    let (mut waiting, mut now) = (Waiting::new(AFTER), Instant::now());
    let mut spans = Vec::new();
    for round in 0..8 {
        // Each of them gets an agent, which does not stay.
        let order = format!("order {round}");
        let took = overdue_after(&mut waiting, &waits("ann", &[&order]), now);
        spans.push(took.as_secs() / AFTER.as_secs());
        now += took + STEP;
        waiting.saw(&place("r"), &served(), now);
        now += STEP;
    }
    assert_eq!(spans, [1, 2, 4, 8, 16, 32, 32, 32]);
}

#[test]
fn the_longest_wait_comes_first_and_rooms_that_are_gone_are_forgotten() {
    let (mut waiting, now) = (Waiting::new(AFTER), Instant::now());
    for step in 0..8 {
        waiting.saw(&place("z"), &waits("ann", &["A"]), now + STEP * step);
        if step >= 2 {
            waiting.saw(&place("a"), &waits("bob", &["B"]), now + STEP * step);
        }
    }
    assert_eq!(waiting.overdue(), [place("z"), place("a")]);
    waiting.keep(|sid| sid == "a");
    assert_eq!(waiting.overdue(), [place("a")]);
}

fn room(sid: &str, num_participants: u32) -> Room {
    let place = place(sid);
    Room { sid: place.sid, name: place.name, num_participants, ..Room::default() }
}

fn chosen(rounds: &mut Rounds, listed: &[Room], most: usize, now: Instant) -> Vec<String> {
    rounds.keep(listed);
    rounds.choose(listed, &HashSet::new(), most, now).into_iter().map(|place| place.sid).collect()
}

#[test]
fn rooms_of_others_are_looked_at_once_a_minute_without_a_change_and_waiting_ones_each_time() {
    let (mut rounds, now) = (Rounds::default(), Instant::now());
    let listed = [room("empty", 0), room("others", 2), room("waits", 1), room("comes", 1), room("fails", 1)];
    assert_eq!(chosen(&mut rounds, &listed, 9, now), ["others", "waits", "comes", "fails"]);
    let next = [
        ("others", Next::WhenItChanges),
        ("waits", Next::First),
        ("comes", Next::Soon),
        ("fails", Next::Later),
    ];
    for (sid, next) in next {
        rounds.looked(&place(sid), next, now);
    }
    assert_eq!(chosen(&mut rounds, &listed, 9, now + STEP), ["waits", "comes"]);
    assert_eq!(chosen(&mut rounds, &listed, 9, now + STEP * 5), ["waits", "comes", "fails"]);
    assert_eq!(chosen(&mut rounds, &listed, 9, now + STEP * 24), ["waits", "others", "comes", "fails"]);
    // Somebody has left.
    let listed = [room("others", 1)];
    assert_eq!(chosen(&mut rounds, &listed, 9, now + STEP), ["others"]);
    assert!(!rounds.knows("waits"));
}

#[test]
fn a_workers_own_rooms_are_not_looked_at() {
    let own = HashSet::from([place("own").name]);
    let chosen = Rounds::default().choose(&[room("own", 1), room("another", 1)], &own, 9, Instant::now());
    assert_eq!(chosen, [place("another")]);
}

#[test]
fn a_change_that_found_no_room_in_a_round_is_not_forgotten() {
    let (mut rounds, now) = (Rounds::default(), Instant::now());
    let before = [room("a", 2), room("b", 2)];
    chosen(&mut rounds, &before, 9, now);
    for sid in ["a", "b"] {
        rounds.looked(&place(sid), Next::WhenItChanges, now);
    }
    let after = [room("a", 1), room("b", 1)];
    let first = chosen(&mut rounds, &after, 1, now + STEP);
    rounds.looked(&place(&first[0]), Next::WhenItChanges, now + STEP);
    let second = chosen(&mut rounds, &after, 1, now + STEP * 2);
    assert_eq!(HashSet::from([first[0].as_str(), second[0].as_str()]), HashSet::from(["a", "b"]));
}

proptest! {
    /// However many there are, each room has its turn, and no round is longer than it may be.
    #[test]
    fn every_room_has_its_turn(rooms in 1usize..200, most in 1usize..20) {
        let (mut rounds, start) = (Rounds::default(), Instant::now());
        let listed: Vec<_> = (0..rooms).map(|number| room(&number.to_string(), 1)).collect();
        let mut seen = HashSet::new();
        for step in 0..rooms.div_ceil(most) {
            let now = start + STEP * u32::try_from(step).unwrap();
            let chosen = chosen(&mut rounds, &listed, most, now);
            prop_assert!(chosen.len() <= most);
            for sid in chosen {
                rounds.looked(&place(&sid), Next::Soon, now);
                seen.insert(sid);
            }
        }
        prop_assert_eq!(seen.len(), rooms);
    }

    /// Whatever was seen before: nobody is overdue who was not seen waiting for as long, twice at least.
    #[test]
    fn nobody_is_overdue_at_once(looks in proptest::collection::vec((0u8..5, 0u64..40), 1..60)) {
        let (mut waiting, mut now) = (Waiting::new(AFTER), Instant::now());
        let mut in_a_row = 0;
        let mut last = 0;
        for (kind, seconds) in looks {
            now += Duration::from_secs(seconds);
            let seen = match kind {
                0 => served(),
                1 => waits("bob", &["A"]),
                2 => waits("ann", &["B"]),
                _ => waits("ann", &["A"]),
            };
            let kind = kind.min(3);
            in_a_row = if kind == last && kind != 0 { in_a_row + 1 } else { 1 };
            last = kind;
            waiting.saw(&place("r"), &seen, now);
            prop_assert!(!waiting.is_overdue("r") || in_a_row > 2);
        }
    }
}
