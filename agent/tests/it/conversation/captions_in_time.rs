//! What the agent says and does is shown in time, also where the server's answers to its states are lost.

use std::time::{Duration, Instant};

use super::lossy_proxy::LossyProxy;
use super::stage::{PERSONA, Stage};
use crate::servers::start_livekit;

const TURNS: usize = 6;
/// A lost answer used to hold everything behind it for five seconds, and each turn has three states at least.
const HELD: Duration = Duration::from_secs(5 * 3 * TURNS as u64);

#[test]
fn captions_do_not_wait_for_states_whose_answers_are_lost() {
    let livekit = start_livekit();
    let proxy = LossyProxy::start(&livekit.url());
    let mut stage = Stage::on(livekit, PERSONA, &[("LIVEKIT_URL", &proxy.url())]);
    let mut call = stage.call("lossy");
    call.waits();
    let began = Instant::now();
    for _ in 0..TURNS {
        let lost = proxy.lost();
        call.asks("hello there");
        call.waits();
        assert!(proxy.lost() > lost, "no answer was lost");
    }
    let took = began.elapsed();
    assert!(took < HELD, "{TURNS} turns took {took:?}");
    // In order, and each of them once.
    let captions = call.captions_whole();
    let begin = captions.states.iter().position(|state| state == "thinking").expect("a reply");
    let turns: Vec<_> = ["thinking", "speaking", "listening"].iter().cycle().take(3 * TURNS).collect();
    assert_eq!(captions.states[begin..].iter().collect::<Vec<_>>(), turns);
    let lines = stage.agent.metrics();
    let counted =
        lines.lines().find_map(|line| line.strip_prefix("postcall_agent_not_shown_total{what=\"state\"} "));
    assert!(counted.is_some_and(|count| count != "0"), "{lines}");
}
