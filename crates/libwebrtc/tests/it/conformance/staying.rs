//! Other ways to connect, and coming back.

use std::time::Duration;

use livekit::prelude::*;
use serde_json::json;

use super::audio::{talk, wait_until_both_are_heard};
use super::data::exchange_packets;
use super::peer::{Peer, Stack};
use super::{Call, ROOM, THEM, US};
use crate::participant::Participant;
use crate::server::Server;

/// The signalling before `/rtc/v1` has a connection for what is published and one for what is subscribed to.
pub(super) async fn two_peer_connections_on_either_side_carry_everything(stack: Stack) {
    let server = Server::start().await;
    for (ours, theirs) in [(false, false), (false, true), (true, false)] {
        let mut options = RoomOptions::default();
        options.single_peer_connection = ours;
        let mut us = Participant::join_with(&server, ROOM, US, options).await;
        assert_eq!(us.room.is_single_peer_connection_active(), ours);
        let mut them = Peer::start(stack);
        them.enter(&server, ROOM, THEM, json!({ "single_peer_connection": theirs })).await;
        us.wait_until_active(THEM).await;
        talk(&mut us, &mut them).await;
        exchange_packets(&mut us, &mut them).await;
        us.room.close().await.expect("leave room");
    }
}

pub(super) async fn without_udp_everything_goes_over_tcp(stack: Stack) {
    let server = Server::start_with(|configuration| configuration["rtc"]["force_tcp"] = true.into()).await;
    let Call { mut us, mut them, server: _server } = Call::start_with(stack, server).await;
    us.wait_until_active(THEM).await;
    talk(&mut us, &mut them).await;
    exchange_packets(&mut us, &mut them).await;
}

pub(super) async fn both_come_back_to_a_restarted_server(stack: Stack) {
    let Call { mut us, mut them, mut server } = Call::start(stack).await;
    let _talk = talk(&mut us, &mut them).await;

    server.restart(Duration::from_secs(1)).await;
    them.tell("reconnect").await;
    // In a track that is subscribed to anew, before or after the room says that it is back.
    wait_until_both_are_heard(&mut us, &mut them).await;
}
