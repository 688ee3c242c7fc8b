//! Messages that the server counts and cannot read, because its file is damaged: no command takes them for removed.

use futures::TryStreamExt as _;
use schemas::names;
use service::Nats;
use sink::{DeadLettersArgs, Events, NoArgs, ReplayEventsArgs};
use test_servers::NatsServer;

use crate::dead_letters::replay;
use crate::scripted::*;

/// Changes one byte of each of these texts in the stream's file.
async fn damage(nats: &mut NatsServer, stream: &str, texts: &[&str]) {
    nats.stop();
    nats.change_messages(stream, |bytes| {
        for text in texts {
            let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
            bytes[at] = b'X';
        }
    });
    nats.start_again().await;
}

/// The sequences of what can be read, and the error at its end.
async fn read_all(nats: &NatsServer) -> (Vec<u64>, String) {
    let events = Events::connect(&args::<Nats>(&["--nats-url", &nats.url()]), "test").await.unwrap();
    let since = Some("2025-10-29T00:00:00Z".parse().unwrap());
    let (mut read, mut error) = (Vec::new(), String::new());
    for since in [since, None] {
        let mut all = std::pin::pin!(events.published_since(since).await.unwrap());
        read.clear();
        loop {
            match all.try_next().await {
                Ok(Some(event)) => read.push(event.sequence),
                Ok(None) => panic!("it ended well after {read:?}"),
                Err(failed) => break error = format!("{failed:#}"),
            }
        }
    }
    (read, error)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_server_cannot_read_is_an_error() {
    for (damaged, sequences) in [
        (&["room03"][..], "3"),
        (&["room01"], "1"),
        (&["room01", "room02", "room05"], "1, 2, 5"),
        (&["room08"], "8"),
        (&["room06"], "6"),
    ] {
        let mut nats = NatsServer::start().await;
        set_up(&nats, &options(), &[]).await.unwrap();
        let jetstream = nats.jetstream().await;
        for session in 1..=8 {
            publish(&jetstream, &format!("room{session:02}")).await;
        }
        let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
        stream.delete_message(7).await.unwrap();
        damage(&mut nats, names::SESSIONS_STREAM, damaged).await;
        let (read, error) = read_all(&nats).await;
        // A server whose file is damaged may not know of a removal any more.
        let stream = nats.jetstream().await.get_stream(names::SESSIONS_STREAM).await.unwrap();
        let is_removed = stream.get_raw_message(7).await.is_err();
        let is_readable = |sequence: &u64| {
            let is_damaged = damaged.contains(&format!("room{sequence:02}").as_str());
            !is_damaged && (*sequence != 7 || !is_removed)
        };
        assert_eq!(read, (1..=8).filter(is_readable).collect::<Vec<_>>(), "{error}");
        assert!(error.contains(&format!("sequence {sequences} of SESSIONS")), "{error}");

        let url = nats.url();
        let flags = ["--nats-url", &url, "--from", "2025-10-29", "--to", "2025-10-29"];
        let (writer, written) = scripted(|_| Ok(()));
        let arguments = args::<ReplayEventsArgs<NoArgs>>(&flags);
        let error =
            sink::replay_events(NAME, arguments, async |_| Ok((options(), writer))).await.unwrap_err();
        assert!(format!("{error:#}").contains("cannot read"), "{error:#}");
        assert_eq!(stems(&written).len(), read.len(), "what can be read is written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_the_server_cannot_read_is_an_error() {
    let mut nats = NatsServer::start().await;
    set_up(&nats, &options(), &[]).await.unwrap();
    let jetstream = nats.jetstream().await;
    for (subject, session) in
        [("sink-test", "one"), ("sink-salesforce", "two"), ("sink-test", "three"), ("sink-test", "four")]
    {
        let subject = names::dead_letter_subject(subject);
        jetstream.publish(subject, payload(session).into()).await.unwrap().await.unwrap();
    }
    damage(&mut nats, names::DEAD_LETTERS_STREAM, &["three"]).await;
    let (writer, written) = scripted(|_| Ok(()));
    let error = replay(&nats, &["--all"], writer).await.unwrap_err();
    assert!(format!("{error:#}").contains("sequence 3 of SESSIONS_DLQ"), "{error:#}");
    assert_eq!(stems(&written), ["four-AJ", "one-AJ"]);
    let url = nats.url();
    for command in [&["list"][..], &["drop", "--all"]] {
        let arguments = args::<DeadLettersArgs<NoArgs>>(&[&["--nats-url", &url], command].concat());
        let connect = async |_| Ok((options(), scripted(|_| Ok(())).0));
        let error = sink::dead_letters(NAME, arguments, connect).await.unwrap_err();
        assert!(format!("{error:#}").contains("sequence 3 of SESSIONS_DLQ"), "{command:?}: {error:#}");
    }
}
