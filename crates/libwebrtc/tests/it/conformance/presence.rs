//! Joining, metadata, and who else is there.

use livekit::prelude::*;
use serde_json::json;

use super::peer::Stack;
use super::{Call, ROOM, THEM, US};

pub(super) async fn both_see_who_is_there_with_metadata_and_who_left(stack: Stack) {
    let Call { mut us, mut them, server } = Call::start(stack).await;
    assert_eq!(us.local().metadata(), "metadata of us");
    let joined = us
        .wait_for("joined participant", |event| match event {
            RoomEvent::ParticipantConnected(participant) => Some(participant),
            _ => None,
        })
        .await;
    assert_eq!((joined.identity().as_str(), joined.metadata().as_str()), (THEM, "metadata of them"));
    assert_eq!(them.ask("see", json!({ "identity": US })).await, "metadata of us");

    them.tell("leave").await;
    let left = us
        .wait_for("participant that left", |event| match event {
            RoomEvent::ParticipantDisconnected(participant) => Some(participant.identity()),
            _ => None,
        })
        .await;
    assert_eq!(left.as_str(), THEM);

    them.enter(&server, ROOM, THEM, json!({})).await;
    them.ask("see", json!({ "identity": US })).await;
    us.room.close().await.expect("leave room");
    them.ask("miss", json!({ "identity": US })).await;
}
