//! Any packets at any time, and a tone over networks of all kinds.

use proptest::prelude::*;

use super::network::*;
use super::signal::*;
use super::*;

#[derive(Debug, Clone)]
struct Sent {
    /// Ms after the one before.
    after: u64,
    ssrc: u32,
    sequence: u64,
    time: u64,
    /// `None`: one of the tone's.
    payload: Option<Vec<u8>>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let after = prop_oneof![10 => 0u64..40, 1 => 0u64..2_000];
    let ssrc = prop_oneof![50 => Just(1u32), 1 => 1u32..4];
    let sequence = prop_oneof![20 => 0u64..400, 1 => any::<u64>()];
    let time =
        prop_oneof![20 => (0u64..400).prop_map(|index| index * 960), 1 => 0u64..500_000, 1 => any::<u64>()];
    let payload = prop_oneof![
        8 => Just(None),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Some),
    ];
    (after, ssrc, sequence, time, payload).prop_map(|(after, ssrc, sequence, time, payload)| Sent {
        after,
        ssrc,
        sequence,
        time,
        payload,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The pace is asserted at each step.
    #[test]
    fn any_packets_at_any_time_leave_the_pace_as_it_is(
        sent in proptest::collection::vec(sent(), 1..200),
        ordered in any::<bool>(),
        rate in proptest::sample::select(vec![8_000u32, 16_000, 44_100, 48_000]),
    ) {
        let tone = encode(&tone(440.0, 0.2), false);
        let mut listener = Listener::new(rate, 1);
        let mut at = ms(0);
        for (sent, index) in sent.into_iter().zip(0..) {
            let Sent { after, ssrc, sequence, time, payload } = sent;
            at += ms(after);
            let regular = ordered && sequence < 400;
            let packet = AudioPacket {
                ssrc,
                sequence: if regular { index } else { sequence },
                time: if regular { index * 960 } else { time },
                payload: payload.map_or_else(|| tone[index as usize % tone.len()].payload.clone(), Into::into),
            };
            listener.receive(&packet, at);
        }
        listener.run(at + ms(3_000));
        prop_assert!(listener.most_waiting <= 600);
        prop_assert!(listener.buffer.pending.samples.len() <= 8 * 960 * 6);
    }

    /// Whatever is lost, late or out of order, what is heard is what was sent.
    #[test]
    fn a_tone_is_heard_for_as_long_as_it_lasts(
        delays in proptest::collection::vec(prop_oneof![8 => 0u64..30, 1 => 0u64..400, 1 => Just(u64::MAX)], 200),
    ) {
        let packets = encode(&tone(440.0, 4.0), false);
        let arrivals = arrivals(&packets, |index| {
            let delay = delays[index as usize];
            (delay != u64::MAX).then_some(ms(delay))
        });
        let listener = Listener::hear(&arrivals, ms(4_600));
        let heard = audible(&listener.samples);
        prop_assert!((3_600..=4_600).contains(&heard), "{} ms", heard);
    }
}
