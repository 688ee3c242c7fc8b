//! What is not there says so: with an error at the call, or in the log where the signature has none.

use std::io::Write;
use std::sync::{Arc, Mutex};

use futures::{FutureExt, StreamExt};
use libwebrtc::audio_source::native::NativeAudioSource;
use libwebrtc::audio_stream::native::NativeAudioStream;
use libwebrtc::native::frame_cryptor::{
    DataPacketCryptor, EncryptedPacket, EncryptionAlgorithm, EncryptionState, FrameCryptor,
    KeyDerivationAlgorithm, KeyProvider, KeyProviderOptions,
};
use libwebrtc::native::packet_trailer;
use libwebrtc::peer_connection_factory::native::PeerConnectionFactoryExt;
use libwebrtc::peer_connection_factory::{PeerConnectionFactory, RtcConfiguration};
use libwebrtc::prelude::*;
use libwebrtc::video_source::native::NativeVideoSource;
use libwebrtc::video_stream::native::NativeVideoStream;
use livekit::e2ee::key_provider::KeyProvider as RoomKeyProvider;
use livekit::e2ee::key_provider::KeyProviderOptions as RoomKeyProviderOptions;
use livekit::e2ee::{E2eeOptions, EncryptionType};
use livekit::options::TrackPublishOptions;
use livekit::prelude::{LocalAudioTrack, LocalTrack, LocalVideoTrack, PlatformAudio, Room, RoomOptions};

use crate::participant::Participant;
use crate::server::Server;

#[test]
fn encryption_is_refused() {
    // Alone, since while one room of a process asks for encryption, none is joined.
    crate::alone::run("refusals::a_room_that_asks_for_encryption_is_not_joined");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by encryption_is_refused"]
async fn a_room_that_asks_for_encryption_is_not_joined() {
    let server = Server::start().await;
    let token = server.token("room", "someone", "");
    let options = || {
        let key_provider =
            RoomKeyProvider::with_shared_key(RoomKeyProviderOptions::default(), b"secret".to_vec());
        Some(E2eeOptions { encryption_type: EncryptionType::Gcm, key_provider })
    };
    let mut now = RoomOptions::default();
    now.encryption = options();
    let mut deprecated = RoomOptions::default();
    #[expect(deprecated, reason = "programs may still use it")]
    {
        deprecated.e2ee = options();
    }
    for options in [now, deprecated] {
        let joined = Room::connect(&server.url(), &token, options).await.map(|_| ());
        assert_refused(joined.expect_err("joined in the clear"), "end-to-end encryption");
    }

    let keys = KeyProvider::new(KeyProviderOptions {
        shared_key: true,
        ratchet_window_size: 0,
        ratchet_salt: Vec::new(),
        failure_tolerance: 0,
        key_ring_size: 0,
        key_derivation_algorithm: KeyDerivationAlgorithm::PBKDF2,
    });
    assert!(!keys.set_shared_key(0, b"secret".to_vec()));
    assert!(!keys.set_key("someone".to_owned(), 0, b"secret".to_vec()));

    let connection = connection();
    let transceiver = audio_transceiver(&connection);
    let sender = FrameCryptor::new_for_rtp_sender(
        &PeerConnectionFactory::default(),
        "someone".to_owned(),
        EncryptionAlgorithm::AesGcm,
        keys.clone(),
        transceiver.sender(),
    );
    let receiver = FrameCryptor::new_for_rtp_receiver(
        &PeerConnectionFactory::default(),
        "someone".to_owned(),
        EncryptionAlgorithm::AesGcm,
        keys.clone(),
        transceiver.receiver(),
    );
    for cryptor in [sender, receiver] {
        cryptor.set_enabled(true);
        assert!(!cryptor.enabled());
        let reported = Arc::new(Mutex::new(None));
        let state = reported.clone();
        cryptor.on_state_change(Some(Box::new(move |_, new| *state.lock().expect("lock state") = Some(new))));
        assert_eq!(*reported.lock().expect("lock state"), Some(EncryptionState::InternalError));
    }

    let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys);
    let packet = EncryptedPacket { data: Vec::new(), iv: Vec::new(), key_index: 0 };
    assert_refused(cryptor.encrypt("someone", 0, b"data").expect_err("encrypted"), "end-to-end encryption");
    assert_refused(cryptor.decrypt("someone", &packet).expect_err("decrypted"), "end-to-end encryption");
}

#[tokio::test(flavor = "multi_thread")]
async fn video_is_not_published() {
    let server = Server::start().await;
    let participant = Participant::join(&server, "room", "someone").await;
    let source = RtcVideoSource::Native(NativeVideoSource::new(VideoResolution::default(), false));
    let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", source));
    let published = participant.local().publish_track(track, TrackPublishOptions::default()).await;
    assert_refused(published.map(|_| ()).expect_err("published video"), "sending video");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_is_neither_opened_nor_published() {
    let server = Server::start().await;
    let participant = Participant::join(&server, "room", "someone").await;
    let track = LocalAudioTrack::create_audio_track("microphone", RtcAudioSource::Device);
    let published =
        participant.local().publish_track(LocalTrack::Audio(track), TrackPublishOptions::default()).await;
    assert_refused(published.map(|_| ()).expect_err("published a device"), "capturing from an audio device");

    assert!(PlatformAudio::new().is_err());
    let factory = PeerConnectionFactory::default();
    assert_eq!((factory.recording_devices(), factory.playout_devices()), (0, 0));
    let refusals: [(&str, &dyn Fn() -> bool); 14] = [
        ("acquire_platform_adm", &|| factory.acquire_platform_adm()),
        ("set_playout_device", &|| factory.set_playout_device(0)),
        ("set_recording_device", &|| factory.set_recording_device(0)),
        ("set_playout_device_by_guid", &|| factory.set_playout_device_by_guid("guid")),
        ("set_recording_device_by_guid", &|| factory.set_recording_device_by_guid("guid")),
        ("init_recording", &|| factory.init_recording()),
        ("start_recording", &|| factory.start_recording()),
        ("stop_recording", &|| factory.stop_recording()),
        ("init_playout", &|| factory.init_playout()),
        ("start_playout", &|| factory.start_playout()),
        ("stop_playout", &|| factory.stop_playout()),
        ("enable_builtin_aec", &|| factory.enable_builtin_aec(true)),
        ("enable_builtin_agc", &|| factory.enable_builtin_agc(true)),
        ("enable_builtin_ns", &|| factory.enable_builtin_ns(true)),
    ];
    for (name, call) in refusals {
        assert_logs(name, || assert!(!call(), "{name} answers that it worked"));
    }
    assert_logs("devices", || factory.set_adm_recording_enabled(true));
    assert_logs("devices", || factory.set_adm_playout_enabled(true));
    // What was asked for is kept, by the clones as well.
    let clone = factory.clone();
    assert_eq!((clone.adm_recording_enabled(), clone.adm_playout_enabled()), (true, true));
    clone.set_adm_recording_enabled(false);
    assert_eq!((factory.adm_recording_enabled(), factory.adm_playout_enabled()), (false, true));
    assert_logs("devices", || drop(factory.create_device_audio_track("microphone")));
    assert_logs("devices", || RtcAudioSource::Device.set_audio_options(AudioSourceOptions::default()));
}

#[tokio::test]
async fn audio_processing_is_reported_by_the_source_that_asks_for_it() {
    let all = [
        AudioSourceOptions { echo_cancellation: true, ..AudioSourceOptions::default() },
        AudioSourceOptions { noise_suppression: true, ..AudioSourceOptions::default() },
        AudioSourceOptions { auto_gain_control: true, ..AudioSourceOptions::default() },
    ];
    let plain = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
    for options in all {
        assert_logs("audio processing", || {
            drop(NativeAudioSource::new(options.clone(), 48_000, 1, 0));
        });
        assert_logs("audio processing", || plain.set_audio_options(options.clone()));
    }
}

#[tokio::test]
async fn a_connection_refuses_video_devices_and_other_codecs() {
    let factory = PeerConnectionFactory::default();
    let connection = connection();
    let source = NativeVideoSource::default();
    let tracks = [
        (MediaStreamTrack::Video(factory.create_video_track("camera", source)), "sending video"),
        (MediaStreamTrack::Audio(factory.create_device_audio_track("microphone")), "capturing"),
    ];
    for (track, what) in tracks {
        let added = connection.add_transceiver(track, init()).map(|_| ());
        assert_refused(added.expect_err("added the track"), what);
    }
    let mut codec = factory.get_rtp_sender_capabilities(MediaType::Audio).codecs.remove(0);
    codec.mime_type = "audio/PCMU".to_owned();
    let preferred = audio_transceiver(&connection).set_codec_preferences(vec![codec]);
    assert_refused(preferred.expect_err("prefers another codec"), "any codec but Opus");
}

#[tokio::test]
async fn what_belongs_to_video_and_local_tracks_is_reported() {
    let factory = PeerConnectionFactory::default();
    let connection = connection();
    let transceiver = audio_transceiver(&connection);
    assert_logs("video", || {
        NativeVideoSource::new(VideoResolution::default(), false);
    });
    let camera = NativeVideoSource::default();
    let frame = VideoFrame::new(VideoRotation::VideoRotation0, I420Buffer::new(16, 16));
    assert_logs("video", || camera.capture_frame(&frame));
    let track = factory.create_video_track("camera", camera);
    assert_logs("receiving video", || {
        assert_eq!(
            NativeVideoStream::new(track.clone()).next().now_or_never().map(|frame| frame.is_some()),
            Some(false)
        );
    });
    assert_logs("packet trailers", || {
        drop(packet_trailer::create_sender_handler(&factory, &transceiver.sender()));
    });
    assert_logs("packet trailers", || {
        drop(packet_trailer::create_receiver_handler(&factory, &transceiver.receiver()));
    });
    let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
    let track = factory.create_audio_track("local", source);
    assert_logs("local track", || drop(NativeAudioStream::new(track.clone(), 48_000, 1)));
}

fn connection() -> PeerConnection {
    let connection = PeerConnectionFactory::default().create_peer_connection(RtcConfiguration::default());
    connection.expect("make connection")
}

fn audio_transceiver(connection: &PeerConnection) -> RtpTransceiver {
    connection.add_transceiver_for_media(MediaType::Audio, init()).expect("add transceiver")
}

fn init() -> RtpTransceiverInit {
    RtpTransceiverInit {
        direction: RtpTransceiverDirection::SendRecv,
        stream_ids: Vec::new(),
        send_encodings: Vec::new(),
    }
}

fn assert_refused(error: impl std::fmt::Debug, what: &str) {
    let error = format!("{error:?}");
    assert!(error.contains(what) && error.contains("not supported"), "{error}");
}

/// Something about `what` is logged as an error that says it is not supported.
fn assert_logs(what: &str, call: impl FnOnce()) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, call);
    let logged = String::from_utf8(log.0.lock().expect("lock log").clone()).expect("read log");
    assert!(logged.contains(what) && logged.contains("not supported"), "{what}: {logged}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock log").write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
