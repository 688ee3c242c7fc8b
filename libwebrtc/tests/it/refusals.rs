//! What is not there says so.

use livekit::e2ee::key_provider::{KeyProvider, KeyProviderOptions};
use livekit::e2ee::{E2eeOptions, EncryptionType};
use livekit::options::TrackPublishOptions;
use livekit::prelude::*;
use livekit::webrtc::prelude::{RtcVideoSource, VideoResolution};
use livekit::webrtc::video_source::native::NativeVideoSource;

use crate::participant::Participant;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn encryption_video_and_devices_are_refused() {
    let server = Server::start().await;
    let token = server.token("room", "someone", "");

    let key_provider = KeyProvider::with_shared_key(KeyProviderOptions::default(), b"secret".to_vec());
    let mut options = RoomOptions::default();
    options.encryption = Some(E2eeOptions { encryption_type: EncryptionType::Gcm, key_provider });
    let error =
        Room::connect(&server.url(), &token, options).await.map(|_| ()).expect_err("joined in the clear");
    assert!(format!("{error:?}").contains("end-to-end encryption is not supported"), "{error:?}");

    let participant = Participant::join(&server, "room", "someone").await;
    let source = RtcVideoSource::Native(NativeVideoSource::new(VideoResolution::default(), false));
    let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", source));
    let published = participant.local().publish_track(track, TrackPublishOptions::default()).await;
    let error = published.expect_err("published video");
    assert!(format!("{error:?}").contains("sending video is not supported"), "{error:?}");

    assert!(PlatformAudio::new().is_err());
}
