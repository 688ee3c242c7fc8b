//! From the outbox to the stream: what is published, how often, and what waits where NATS takes nothing.

use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use agent::spool::{Spool, SpoolArgs};
use async_nats::jetstream::{self, stream::Config};
use chrono::Utc;
use futures::StreamExt as _;
use schemas::EndReason;
use tempfile::TempDir;
use test_servers::{NatsServer, NatsUser};
use tokio::time::{Instant, sleep};

use super::fixtures::{
    Publisher, arguments, decode, files, logs_with, only_file, open, publish_all, said, session, until,
};
use super::nats::{Nats, stream_config};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_session_is_published_once_exactly_as_it_stood_in_the_outbox() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open(folder.path());
    for private in ["journal", "outbox", "published", "unreadable"] {
        assert_eq!(mode(&folder.path().join(private)), 0o700);
    }

    let journal = spool.begin(session("exact")).await;
    let file = only_file(folder.path(), "journal");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(decode(&std::fs::read(&file).unwrap()).end_reason, Some(EndReason::AgentRecovered));

    journal.update_now(|session| session.room_sid = Some("RM_1".to_owned())).await;
    assert_eq!(decode(&std::fs::read(&file).unwrap()).room_sid.as_deref(), Some("RM_1"));

    journal.update(|session| session.transcript = Some(vec![said("hello")]));
    until("the next beat", || decode(&std::fs::read(&file).unwrap()).transcript.is_some()).await;

    let end_time = Utc::now() - chrono::TimeDelta::milliseconds(300);
    let finished = journal.finish(end_time, EndReason::ParticipantLeft).await;
    let again = journal.finish(Utc::now(), EndReason::AgentFailed).await;
    assert_eq!(again, finished);
    journal.update(|session| session.user_email.clear());
    journal.update_now(|session| session.user_email.clear()).await;

    let entry = only_file(folder.path(), "outbox");
    assert_eq!(mode(&entry), 0o600);
    let payload = std::fs::read(&entry).unwrap();
    assert!(files(folder.path(), "journal").is_empty());
    assert_eq!(spool.waiting(), 1);

    publish_all(&nats, &spool).await;
    let messages = nats.messages().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].payload, payload);
    assert_eq!(messages[0].subject.as_str(), "sessions.ended.v1");
    assert_eq!(messages[0].headers.get("Nats-Msg-Id").unwrap().as_str(), "exact-AJ_test");
    assert_eq!(messages[0].headers.get("Content-Type").unwrap().as_str(), "application/json");
    assert_eq!(decode(&payload).end_reason, Some(EndReason::ParticipantLeft));
    assert_eq!(decode(&payload).room_sid.as_deref(), Some("RM_1"));
    assert_eq!(decode(&payload).end_time.timestamp_millis(), end_time.timestamp_millis());
    assert!(files(folder.path(), "outbox").is_empty());
    assert_eq!(
        logs_with("published the session-end payload").iter().filter(|l| l.contains("=\"exact\"")).count(),
        1
    );
}

#[tokio::test]
async fn nats_may_be_away_at_the_start_and_at_the_end() {
    let (mut nats, folder) = (Nats::stopped(1024 * 1024), TempDir::new().unwrap());
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    spool.begin(session("before-the-server")).await.finish(Utc::now(), EndReason::RoomClosed).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(spool.waiting(), 1);
    nats = nats.with_stream(-1).await;
    until("published once NATS is there", || spool.waiting() == 0).await;

    let journal = spool.begin(session("while-it-is-away")).await;
    nats.kill();
    journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    sleep(Duration::from_secs(1)).await;
    only_file(folder.path(), "outbox");
    nats.start_again().await;
    until("published after the restart", || spool.waiting() == 0).await;
    publisher.stop().await;
    assert_eq!(nats.messages().await.len(), 2);
    assert!(files(folder.path(), "outbox").is_empty());
}

#[tokio::test]
async fn a_stopping_agent_leaves_what_it_cannot_publish_for_the_next_start() {
    let (mut nats, folder) = (Nats::stopped(1024 * 1024), TempDir::new().unwrap());
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    spool.begin(session("left-behind")).await.finish(Utc::now(), EndReason::AgentShutdown).await;
    let stopping = Instant::now();
    publisher.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(20), "{:?}", stopping.elapsed());
    drop(spool);

    nats = nats.with_stream(-1).await;
    let spool = open(folder.path());
    assert_eq!(spool.waiting(), 1);
    publish_all(&nats, &spool).await;
    assert_eq!(decode(&nats.messages().await[0].payload).end_reason, Some(EndReason::AgentShutdown));
}

#[tokio::test]
async fn sessions_that_end_together_are_published_once_each() {
    const SESSIONS: usize = 60;
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    let calls: Vec<_> = (0..SESSIONS)
        .map(|number| {
            let spool = spool.clone();
            tokio::spawn(async move {
                let journal = spool.begin(session(&format!("together-{number}"))).await;
                journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    spool.drained().await;
    publisher.stop().await;
    let mut ids: Vec<_> =
        nats.messages().await.iter().map(|message| decode(&message.payload).session_id.to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), nats.messages().await.len()), (SESSIONS, SESSIONS));
}

#[tokio::test]
async fn a_full_stream_holds_the_entry_back_until_there_is_room() {
    let nats = Nats::stopped(1024 * 1024).with_stream(1).await;
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    for name in ["fits", "one-too-many"] {
        spool.begin(session(name)).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(spool.waiting(), 1);
    only_file(folder.path(), "outbox");
    assert_eq!(nats.messages().await.len(), 1);
    let refused = || spool.why_publish_refused();
    until("the refusal is known", || refused().is_some()).await;
    assert!(refused().is_some_and(|why| why.starts_with("stream full")), "{:?}", refused());

    nats.jetstream().await.update_stream(stream_config(10)).await.unwrap();
    until("published into the room", || spool.waiting() == 0).await;
    assert_eq!(refused(), None);
    publisher.stop().await;
    let messages = nats.messages().await;
    assert_eq!(messages.len(), 2);
    assert_eq!(decode(&messages[1].payload).session_id.as_str(), "one-too-many");
}

#[tokio::test]
async fn a_stream_that_takes_small_sessions_and_refuses_a_large_one_is_full_until_it_takes_that() {
    let nats = Nats::stopped(1024 * 1024).with_stream(-1).await;
    let sized = |max_bytes| jetstream::stream::Config { max_bytes, ..stream_config(-1) };
    nats.jetstream().await.update_stream(sized(8_192)).await.unwrap();
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    let large = spool.begin(session("does-not-fit")).await;
    large.update(|session| session.transcript = Some(vec![said(&"x".repeat(100)); 200]));
    large.finish(Utc::now(), EndReason::ParticipantLeft).await;
    let refused = || spool.why_publish_refused();
    until("the refusal is known", || refused().is_some()).await;
    for number in 0..5 {
        let small = spool.begin(session(&format!("fits-beside-it-{number}"))).await;
        small.finish(Utc::now(), EndReason::ParticipantLeft).await;
        let end = Instant::now() + Duration::from_secs(30);
        while spool.waiting() > 1 {
            assert!(
                refused().is_some_and(|why| why.starts_with("stream full")),
                "the large one is not taken"
            );
            assert!(Instant::now() < end, "the small one does not pass");
            tokio::task::yield_now().await;
        }
        assert!(refused().is_some(), "the large one is not taken");
    }
    assert_eq!(nats.messages().await.len(), 5);

    nats.jetstream().await.update_stream(sized(-1)).await.unwrap();
    until("published into the room", || spool.waiting() == 0).await;
    assert_eq!(refused(), None);
    publisher.stop().await;
}

#[tokio::test]
async fn a_payload_over_the_limit_is_cut_and_marked() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let arguments = SpoolArgs { max_payload_bytes: 4_096, ..arguments(folder.path()) };
    let spool = Spool::open(&arguments).unwrap();
    let journal = spool.begin(session("long")).await;
    journal.update_now(|session| session.transcript = Some(vec![said(&"x".repeat(100)); 200])).await;
    assert!(std::fs::metadata(only_file(folder.path(), "journal")).unwrap().len() <= 4_096);
    journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    publish_all(&nats, &spool).await;
    let messages = nats.messages().await;
    assert!(messages[0].payload.len() <= 4_096);
    let published = decode(&messages[0].payload);
    assert_eq!(published.truncated, ["transcript"]);
    assert!(!published.transcript.unwrap().is_empty());
}

#[tokio::test]
async fn a_payload_that_the_server_refuses_waits_and_lets_others_pass() {
    let mut nats = Nats::stopped(8_192).with_stream(-1).await;
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    let journal = spool.begin(session("too-large-for-the-server")).await;
    journal.update(|session| session.transcript = Some(vec![said(&"x".repeat(100)); 200]));
    journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    until("refused", || !logs_with("NATS refuses this payload").is_empty()).await;
    spool.begin(session("small")).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    until("the small one passes", || spool.waiting() == 1).await;
    assert_eq!(nats.messages().await.len(), 1);
    only_file(folder.path(), "outbox");
    let refusals = logs_with("NATS refuses this payload");
    assert!(refusals.len() == 1 && refusals[0].contains("too-large-for-the-server"), "{refusals:?}");

    nats.kill();
    nats.set_max_payload(1024 * 1024);
    nats.start_again().await;
    until("published by the larger server", || spool.waiting() == 0).await;
    publisher.stop().await;
    assert_eq!(nats.messages().await.len(), 2);
}

#[tokio::test]
async fn a_session_that_nobody_finishes_is_published_as_failed() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open(folder.path());
    let journal = spool.begin(session("panicked")).await;
    catch_unwind(AssertUnwindSafe(|| {
        journal.update(|session| {
            session.room_sid = Some("RM_before_the_panic".to_owned());
            panic!("inside a change");
        });
    }))
    .unwrap_err();
    drop(journal);
    assert_eq!(spool.waiting(), 1);
    publish_all(&nats, &spool).await;
    let messages = nats.messages().await;
    assert_eq!(messages.len(), 1);
    let published = decode(&messages[0].payload);
    assert_eq!(published.end_reason, Some(EndReason::AgentFailed));
    assert_eq!(published.room_sid.as_deref(), Some("RM_before_the_panic"));
}

#[tokio::test]
async fn a_client_that_panicked_is_replaced_and_everything_is_published() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let other = async_nats::connect(nats.url()).await.unwrap();
    let mut answers = other.subscribe("_INBOX_agent.>").await.unwrap();
    other.flush().await.unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    for (name, waits) in [("before", false), ("after", true)] {
        if waits {
            // Where the publisher's acks come in.
            let inbox = answers.next().await.unwrap().subject;
            nats.publish_with_header(&inbox, b"X-Trace: a\rb");
            let ended = "the NATS client has ended: connecting anew";
            until("the client has ended", || !logs_with(ended).is_empty()).await;
        }
        spool.begin(session(name)).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
        until("published", || spool.waiting() == 0).await;
    }
    publisher.stop().await;
    assert_eq!(nats.messages().await.len(), 2);
}

#[tokio::test]
async fn what_another_stream_took_is_not_published() {
    let (mut nats, folder) = (Nats::stopped(1024 * 1024), TempDir::new().unwrap());
    nats.start_again().await;
    let jetstream = nats.jetstream().await;
    jetstream.create_stream(Config { name: "AUDIT".to_owned(), ..stream_config(1) }).await.unwrap();
    let spool = open(folder.path());
    let publisher = Publisher::start(&nats, &spool);
    spool.begin(session("elsewhere")).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    let refused = || spool.why_publish_refused().is_some_and(|why| why.contains("another stream"));
    until("it is said", refused).await;
    only_file(folder.path(), "outbox");

    jetstream.delete_stream("AUDIT").await.unwrap();
    jetstream.create_stream(stream_config(-1)).await.unwrap();
    until("published to the right one", || spool.waiting() == 0).await;
    publisher.stop().await;
    assert_eq!(nats.messages().await.len(), 1);
    assert_eq!(spool.why_publish_refused(), None);
}

#[tokio::test]
async fn the_agents_user_publishes_and_another_is_told_what_it_may_not() {
    let (nats, folder) = (NatsServer::start_with_users("").await, TempDir::new().unwrap());
    nats.operator().await.create_stream(stream_config(-1)).await.unwrap();
    let spool = open(folder.path());
    spool.begin(session("doors")).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    let (web, inbox) = (nats.seed_file(NatsUser::Web), "_INBOX_web");
    let flags = ["--nats-nkey-file", &web, "--nats-inbox-prefix", inbox];
    let stranger = Publisher::start_with(&nats.url(), &flags, &spool);
    let said = "permissions violation: the user of NATS may not publish to sessions.ended.v1";
    until("it is said", || spool.why_publish_refused().is_some_and(|why| why.starts_with(said))).await;
    stranger.stop().await;
    only_file(folder.path(), "outbox");

    let agent =
        Publisher::start_with(&nats.url(), &["--nats-nkey-file", &nats.seed_file(NatsUser::Agent)], &spool);
    until("published", || spool.waiting() == 0).await;
    agent.stop().await;
    assert_eq!(spool.why_publish_refused(), None);
}
