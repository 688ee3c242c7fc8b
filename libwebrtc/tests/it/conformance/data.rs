//! Packets, text streams and remote procedure calls.

use std::time::Duration;

use livekit::prelude::*;
use livekit::{SendTextOptions, StreamReader};
use serde_json::json;

use super::peer::{Peer, Stack};
use super::{Call, THEM, US};
use crate::participant::Participant;

const PACKETS: usize = 200;
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

/// Sends packets of both kinds both ways and finds them at the other side: the reliable ones in order.
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
        }
        let there = them.ask("receive_packets", json!({ "count": PACKETS, "reliable": reliable })).await;
        let there = serde_json::from_value(there).expect("read packets");
        assert_complete(there, &payloads, reliable);

        them.ask("send_packets", json!({ "payloads": payloads, "reliable": reliable })).await;
        let mut here = Vec::new();
        while here.len() < PACKETS {
            here.push(us.next_packet().await);
        }
        assert_complete(here, &payloads, reliable);
    }
}

/// On the loopback interface nothing is lost; unreliable packets may still overtake each other.
fn assert_complete(mut received: Vec<String>, sent: &[String], in_order: bool) {
    if !in_order {
        received.sort();
    }
    assert_eq!(received, sent);
}
