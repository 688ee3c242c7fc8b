//! Packets, text streams and remote procedure calls.

use std::time::Duration;

use livekit::prelude::*;
use livekit::{SendTextOptions, StreamReader};
use serde_json::json;

use super::peer::{Peer, Stack};
use super::{Call, THEM, US};
use crate::participant::Participant;

const PACKETS: usize = 200;
/// Of the unreliable ones, how many may be dropped: the server drops what a busy receiver does not take in time.
const MAY_BE_LOST: usize = PACKETS / 20;
/// Between two unreliable packets.
const PACE: Duration = Duration::from_millis(5);
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
    let payloads: Vec<String> = (0..PACKETS).map(|index| format!("{index:08}").repeat(50)).collect();
    for reliable in [true, false] {
        for payload in &payloads {
            let packet = DataPacket {
                payload: payload.clone().into_bytes(),
                topic: None,
                reliable,
                destination_identities: Vec::new(),
            };
            us.local().publish_data(packet).await.expect("publish data");
            if !reliable {
                tokio::time::sleep(PACE).await;
            }
        }
        let there = them.ask("receive_packets", json!({ "count": PACKETS, "reliable": reliable })).await;
        let there = serde_json::from_value(there).expect("read packets");
        assert_arrived(there, &payloads, reliable);

        them.ask("send_packets", json!({ "payloads": payloads, "reliable": reliable })).await;
        let mut here = Vec::new();
        while here.len() < PACKETS {
            match us.next_packet(!reliable && !here.is_empty()).await {
                Some(packet) => here.push(packet),
                None => break,
            }
        }
        assert_arrived(here, &payloads, reliable);
    }
}

/// Unreliable packets may overtake each other and be lost, and none comes twice.
fn assert_arrived(mut received: Vec<String>, sent: &[String], reliable: bool) {
    if reliable {
        return assert_eq!(received, sent);
    }
    received.sort();
    assert!(received.windows(2).all(|pair| pair[0] < pair[1]), "a packet came twice");
    assert!(received.iter().all(|packet| sent.contains(packet)), "a packet came that was not sent");
    assert!(received.len() + MAY_BE_LOST >= sent.len(), "{} of {} packets came", received.len(), sent.len());
}
