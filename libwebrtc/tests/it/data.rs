//! Data packets, text streams and remote procedure calls.

use std::time::Duration;

use livekit::prelude::*;
use livekit::{SendTextOptions, StreamReader};

use crate::participant::Participant;
use crate::server::Server;

const PACKETS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn packets_streams_and_calls_arrive() {
    let server = Server::start().await;
    let mut receiver = Participant::join(&server, "data", "receiver").await;
    let sender = Participant::join(&server, "data", "sender").await;
    receiver.wait_until_active("sender").await;

    for reliable in [true, false] {
        for index in 0..PACKETS {
            let payload = format!("{index:08}").repeat(50).into_bytes();
            let packet = DataPacket { payload, topic: None, reliable, destination_identities: Vec::new() };
            sender.local().publish_data(packet).await.expect("publish data");
        }
        let mut received = Vec::new();
        while received.len() < PACKETS {
            let payload = receiver
                .wait_for("data packet", |event| match event {
                    RoomEvent::DataReceived { payload, .. } => Some(payload),
                    _ => None,
                })
                .await;
            let index: usize =
                str::from_utf8(&payload[..8]).expect("read text").parse().expect("read number");
            assert_eq!(payload.len(), 400);
            received.push(index);
        }
        assert!(!reliable || received.is_sorted(), "reliable packets are out of order");
    }

    let text: String = (0..100_000u32).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let options = SendTextOptions::new_with_topic("text");
    sender.local().send_text(&text, options).await.expect("send text");
    let reader = receiver
        .wait_for("text stream", |event| match event {
            RoomEvent::TextStreamOpened { reader, .. } => reader.take(),
            _ => None,
        })
        .await;
    assert_eq!(reader.read_all().await.expect("read text"), text);

    for (called, caller) in [(&receiver, &sender), (&sender, &receiver)] {
        called.local().register_rpc_method("shout".to_owned(), |call| {
            Box::pin(async move { Ok(call.payload.to_uppercase()) })
        });
        let call = PerformRpcData {
            destination_identity: called.local().identity().to_string(),
            method: "shout".to_owned(),
            payload: "hello".to_owned(),
            response_timeout: Duration::from_secs(10),
            ..PerformRpcData::default()
        };
        assert_eq!(caller.local().perform_rpc(call).await.expect("perform call"), "HELLO");
    }
}
