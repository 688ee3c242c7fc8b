//! Joining, metadata, and who else is there.

use livekit::prelude::*;

use crate::participant::Participant;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn participants_see_each_other_come_and_go() {
    let server = Server::start().await;
    let mut first = Participant::join(&server, "lobby", "first").await;
    let second = Participant::join(&server, "lobby", "second").await;

    assert_eq!(second.local().metadata(), "metadata of second");
    let seen = second.room.remote_participants();
    let seen = seen.values().next().expect("see the first participant");
    assert_eq!(seen.identity().as_str(), "first");
    assert_eq!(seen.metadata(), "metadata of first");

    let joined = first
        .wait_for("joined participant", |event| match event {
            RoomEvent::ParticipantConnected(participant) => Some(participant),
            _ => None,
        })
        .await;
    assert_eq!(joined.metadata(), "metadata of second");

    second.room.close().await.expect("leave room");
    let left = first
        .wait_for("participant that left", |event| match event {
            RoomEvent::ParticipantDisconnected(participant) => Some(participant.identity()),
            _ => None,
        })
        .await;
    assert_eq!(left.as_str(), "second");
}
