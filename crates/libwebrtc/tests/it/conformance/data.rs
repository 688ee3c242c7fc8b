//! Packets, text streams and remote procedure calls.

use std::time::Duration;

use livekit::prelude::*;
use livekit::{SendTextOptions, StreamReader};
use serde_json::json;

use super::peer::{Peer, Stack};
use super::{Call, THEM, US};
use crate::participant::Participant;

const PACKETS: usize = 200;
/// Of the unreliable ones, how many may be dropped.
const MAY_BE_LOST: usize = PACKETS / 20;
/// Between two unreliable packets, in ms. The server drops what a busy receiver does not take in time: where more were lost than
/// may be, they are sent again at the next pace.
const PACES: [u64; 4] = [5, 15, 45, 100];
const TEXT_BYTES: usize = 100_000;

pub(super) async fn two_hundred_packets_of_each_kind_arrive_both_ways(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    us.wait_until_active(THEM).await;
    exchange_packets(&mut us, &mut them).await;
}

pub(super) async fn a_hundred_kilobytes_of_text_arrive_both_ways(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    us.wait_until_active(THEM).await;
    // A letter takes one to four bytes.
    let text: String = "aß語🙂".chars().cycle().take(TEXT_BYTES * 4 / 10).collect();
    assert_eq!(text.len(), TEXT_BYTES);

    us.local().send_text(&text, SendTextOptions::new_with_topic("text")).await.expect("send text");
    assert_eq!(them.ask("receive_text", json!({})).await, text);

    them.ask("send_text", json!({ "text": text })).await;
    let reader = us
        .wait_for("text stream", |event| match event {
            RoomEvent::TextStreamOpened { reader, .. } => reader.take(),
            _ => None,
        })
        .await;
    assert_eq!(reader.read_all().await.expect("read text"), text);
}

pub(super) async fn calls_are_answered_both_ways(stack: Stack) {
    let Call { mut us, mut them, server: _server } = Call::start(stack).await;
    us.wait_until_active(THEM).await;

    them.tell("serve").await;
    let call = PerformRpcData {
        destination_identity: THEM.to_owned(),
        method: "shout".to_owned(),
        payload: "hello".to_owned(),
        response_timeout: Duration::from_secs(10),
        ..PerformRpcData::default()
    };
    assert_eq!(us.local().perform_rpc(call).await.expect("perform call"), "HELLO");

    us.local().register_rpc_method("shout".to_owned(), |call| {
        Box::pin(async move { Ok(call.payload.to_uppercase()) })
    });
    assert_eq!(them.ask("call", json!({ "identity": US, "payload": "hello" })).await, "HELLO");
}

/// Sends packets of both kinds both ways and finds them at the other side: the reliable ones whole and in order.
pub(super) async fn exchange_packets(us: &mut Participant, them: &mut Peer) {
    let payloads = payloads(0);
    publish(us, &payloads, None).await;
    let there = them.ask("receive_packets", json!({ "count": PACKETS, "reliable": true })).await;
    assert_eq!(there, json!(payloads));

    them.ask("send_packets", json!({ "payloads": payloads, "reliable": true })).await;
    let mut here = Vec::new();
    while here.len() < PACKETS {
        here.extend(us.next_packet(false).await);
    }
    assert_eq!(here, payloads);

    exchange_unreliable(us, them, Way::There).await;
    exchange_unreliable(us, them, Way::Here).await;
}

#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Here,
}

async fn exchange_unreliable(us: &mut Participant, them: &mut Peer, way: Way) {
    let mut arrived = Vec::new();
    for (round, pace) in PACES.into_iter().enumerate() {
        let payloads = payloads(round);
        let received = match way {
            Way::There => {
                publish(us, &payloads, Some(Duration::from_millis(pace))).await;
                let parameters = json!({ "count": PACKETS, "reliable": false });
                serde_json::from_value(them.ask("receive_packets", parameters).await).expect("read packets")
            }
            Way::Here => {
                let parameters = json!({ "payloads": payloads, "reliable": false, "pace": pace });
                them.ask("send_packets", parameters).await;
                let mut received = Vec::new();
                while let Some(packet) = us.next_packet(!received.is_empty()).await {
                    received.push(packet);
                }
                received
            }
        };
        let arrived_now = arrived_of(received, round);
        if arrived_now + MAY_BE_LOST >= PACKETS {
            return;
        }
        arrived.push(arrived_now);
    }
    panic!("{way:?} came {arrived:?} of {PACKETS} packets at {PACES:?} ms each");
}

fn payloads(round: usize) -> Vec<String> {
    (0..PACKETS).map(|index| format!("{round}{index:07}").repeat(50)).collect()
}

/// Reliably, or unreliably at a pace.
async fn publish(us: &Participant, payloads: &[String], pace: Option<Duration>) {
    for payload in payloads {
        let packet = DataPacket {
            payload: payload.clone().into_bytes(),
            topic: None,
            reliable: pace.is_none(),
            destination_identities: Vec::new(),
        };
        us.local().publish_data(packet).await.expect("publish data");
        if let Some(pace) = pace {
            tokio::time::sleep(pace).await;
        }
    }
}

/// How many arrived of those that were sent in this round. Unreliable ones may overtake each other and come as late as in the next
/// round, and none comes twice.
fn arrived_of(mut received: Vec<String>, round: usize) -> usize {
    received.sort();
    assert!(received.windows(2).all(|pair| pair[0] < pair[1]), "a packet came twice");
    let sent = payloads(round);
    let earlier: Vec<String> = (0..round).flat_map(payloads).collect();
    let (now, late): (Vec<String>, Vec<String>) =
        received.into_iter().partition(|packet| sent.contains(packet));
    assert!(late.iter().all(|packet| earlier.contains(packet)), "a packet came that was not sent");
    now.len()
}
