//! Kills of a process that holds a spool: at random moments, and in every state that a kill can leave.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agent::spool::{Spool, SpoolError};
use chrono::{DateTime, Utc};
use schemas::EndReason;
use tempfile::TempDir;
use test_servers::Process;
use tokio::time::sleep;

use super::fixtures::{
    Publisher, arguments, decode, files, logs_with, only_file, open, publish_all, session, until,
};
use super::nats::Nats;

/// Environment variable with the folder of the child's spool.
const CHILD_FOLDER: &str = "SPOOL_TEST_CHILD_FOLDER";
/// Environment variable with the port of the server that a busy child publishes to.
const CHILD_NATS_PORT: &str = "SPOOL_TEST_CHILD_NATS_PORT";
/// Environment variable with the file in which a busy child notes, a line each, the sessions that have begun.
const CHILD_NOTES: &str = "SPOOL_TEST_CHILD_NOTES";

/// A process to kill: it holds the folder and a live session.
#[tokio::test]
#[ignore = "other tests run it as a process of its own"]
async fn child() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let spool = Spool::open(&arguments(Path::new(&folder))).unwrap();
    let _journal = spool.begin(session("killed")).await;
    sleep(Duration::from_secs(60)).await;
}

/// A process to kill: it begins, ends and publishes one session after another.
#[tokio::test]
#[ignore = "other tests run it as a process of its own"]
async fn busy_child() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let port = std::env::var(CHILD_NATS_PORT).unwrap().parse().unwrap();
    let mut notes = OpenOptions::new().append(true).open(std::env::var_os(CHILD_NOTES).unwrap()).unwrap();
    let spool = Spool::open(&arguments(Path::new(&folder))).unwrap();
    let _publisher = Publisher::start_at(port, &spool);
    for number in 0.. {
        let name = format!("busy-{}-{number}", std::process::id());
        let journal = spool.begin(session(&name)).await;
        // One write, which a kill cannot cut in two: `writeln!` makes two.
        notes.write_all(format!("{name}\n").as_bytes()).unwrap();
        journal.finish(Utc::now(), EndReason::ParticipantLeft).await;
    }
}

fn start(test: &str, folder: &Path, environment: &[(&str, String)]) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored"]).env(CHILD_FOLDER, folder);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap()
}

#[tokio::test]
async fn a_killed_process_holds_the_folder_until_it_dies_and_its_session_is_published() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let mut process = start("spool::crash::child", folder.path(), &[]);
    let mut beats = BTreeSet::new();
    until("some beats of the child's", || {
        beats.extend(last_beat(folder.path()));
        beats.len() > 2
    })
    .await;

    let error = Spool::open(&arguments(folder.path())).err().expect("locked");
    assert!(matches!(error, SpoolError::InUse(_)), "{error}");
    assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
    assert!(error.to_string().contains("--spool-dir"), "{error}");

    let last = beats.last().copied().unwrap();
    process.kill();
    let killed = Utc::now();
    let spool = open(folder.path());
    assert_eq!(spool.waiting(), 1);
    publish_all(&nats, &spool).await;
    let messages = nats.messages().await;
    assert_eq!(messages.len(), 1);
    let published = decode(&messages[0].payload);
    assert_eq!(published.end_reason, Some(EndReason::AgentRecovered));
    assert!((last..=killed).contains(&published.end_time), "{last} {} {killed}", published.end_time);
    assert!(published.duration_seconds > 1.0, "{}", published.duration_seconds);
}

/// When the only journal says that its session was alive.
fn last_beat(folder: &Path) -> Option<DateTime<Utc>> {
    let journals = std::fs::read_dir(folder.join("journal")).ok()?;
    let journal = journals.flatten().map(|entry| entry.path()).find(|path| is_journal(path))?;
    Some(decode(&std::fs::read(journal).ok()?).end_time)
}

/// The others are temporary files.
fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "json")
}

#[tokio::test]
async fn the_lock_is_freed_with_the_last_handle() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let journal = spool.begin(session("lock")).await;
    drop(spool);
    assert!(matches!(Spool::open(&arguments(folder.path())), Err(SpoolError::InUse(_))));
    drop(journal);
    let spool = open(folder.path());
    assert_eq!(spool.waiting(), 1);
}

#[tokio::test]
async fn kills_at_random_moments_lose_nothing_and_double_nothing() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let notes = folder.path().join("notes");
    File::create(&notes).unwrap();
    let begun = || std::fs::read_to_string(&notes).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let spool_folder = folder.path().join("spool");
    let environment =
        [(CHILD_NATS_PORT, nats.port().to_string()), (CHILD_NOTES, notes.to_string_lossy().into_owned())];
    for round in 0_u64..8 {
        let before = begun().len();
        let mut process = start("spool::crash::busy_child", &spool_folder, &environment);
        until("the child's first sessions", || begun().len() > before + 3).await;
        sleep(Duration::from_micros(13_700 * round)).await;
        process.kill();
    }

    publish_all(&nats, &open(&spool_folder)).await;
    let messages = nats.messages().await;
    let published: HashSet<_> =
        messages.iter().map(|message| decode(&message.payload).session_id.to_string()).collect();
    assert_eq!(published.len(), messages.len(), "a session is in the stream twice");
    let lost: Vec<_> = begun().into_iter().filter(|name| !published.contains(name)).collect();
    assert_eq!(lost, [""; 0]);
}

/// What a journal can hold when the process dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum JournalFile {
    None,
    Beat,
    Final,
}

/// Every state that a kill between two steps (temporary file, rename, rename into the outbox, publish, remove) can
/// leave, and a few that only a failing disk can: never lost, never twice, and the final payload wins.
#[tokio::test]
async fn a_kill_at_any_step_loses_nothing_and_doubles_nothing() {
    let nats = Nats::start().await;
    let mut sessions = 0;
    for journal in [JournalFile::None, JournalFile::Beat, JournalFile::Final] {
        for (temporary, in_outbox, published) in
            (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0))
        {
            let case = format!("{journal:?} temporary={temporary} outbox={in_outbox} published={published}");
            let folder = TempDir::new().unwrap();
            let mut ended = session(&format!("step-{sessions}"));
            let name = file_name(&ended).await;
            ended.end_reason = Some(EndReason::AgentRecovered);
            let beat = serde_json::to_vec(&ended).unwrap();
            ended.end_reason = Some(EndReason::ParticipantLeft);
            let last = serde_json::to_vec(&ended).unwrap();

            drop(open(folder.path()));
            let path = |place: &str| folder.path().join(place).join(&name);
            match journal {
                JournalFile::None => {}
                JournalFile::Beat => std::fs::write(path("journal"), &beat).unwrap(),
                JournalFile::Final => std::fs::write(path("journal"), &last).unwrap(),
            }
            if temporary {
                std::fs::write(folder.path().join(format!("journal/{name}.tmp")), &last[..last.len() / 2])
                    .unwrap();
            }
            if in_outbox {
                std::fs::write(path("outbox"), &last).unwrap();
            }
            if published {
                let message = async_nats::jetstream::message::PublishMessage::build()
                    .message_id(ended.identity().unwrap().message_id())
                    .payload(last.clone().into());
                let context = nats.jetstream().await;
                context.send_publish("sessions.ended.v1", message).await.unwrap().await.unwrap();
            }

            for _start in 0..2 {
                let spool = open(folder.path());
                publish_all(&nats, &spool).await;
                assert!(files(folder.path(), "journal").is_empty(), "{case}");
                assert!(files(folder.path(), "outbox").is_empty(), "{case}");
            }

            let begun = journal != JournalFile::None || in_outbox || published;
            let messages = nats.messages().await;
            assert_eq!(messages.len(), sessions + usize::from(begun), "{case}");
            if begun {
                let only_a_beat = journal == JournalFile::Beat && !in_outbox && !published;
                assert_eq!(messages[sessions].payload, if only_a_beat { beat } else { last }, "{case}");
                sessions += 1;
            }
        }
    }
    assert_eq!(sessions, 22);
}

/// The name that the spool gives a session's file.
async fn file_name(session: &schemas::SessionEnded) -> String {
    let folder = TempDir::new().unwrap();
    let _journal = open(folder.path()).begin(session.clone()).await;
    only_file(folder.path(), "journal").file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn files_that_are_no_payload_are_set_aside_and_block_nothing() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    drop(open(folder.path()));
    let write = |path: &str, content: &[u8]| std::fs::write(folder.path().join(path), content).unwrap();
    let good = serde_json::to_vec(&session("good")).unwrap();
    write("journal/empty.json", b"");
    write("journal/torn.json", &good[..good.len() / 2]);
    write("journal/good.json", &good);
    write("outbox/torn.json", &good[..good.len() / 3]);
    write("outbox/notes.txt", b"somebody else's");

    let spool = open(folder.path());
    publish_all(&nats, &spool).await;
    assert_eq!(nats.messages().await.len(), 1);
    let mut set_aside: Vec<PathBuf> = files(folder.path(), "unreadable");
    set_aside.sort();
    let names: Vec<_> = set_aside.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["empty.json", "torn.json", "torn.json.1"]);
    assert_eq!(std::fs::read(&set_aside[1]).unwrap(), good[..good.len() / 2]);
    let folder = folder.path().to_string_lossy();
    let logged =
        logs_with("holds no session-end payload").iter().filter(|line| line.contains(&*folder)).count();
    assert_eq!(logged, 3);
}

#[tokio::test]
async fn ids_of_any_length_and_content_have_a_file() {
    let (nats, folder) = (Nats::start().await, TempDir::new().unwrap());
    let spool = open(folder.path());
    for name in ["../../escape", "ü/".repeat(3_000).as_str()] {
        spool.begin(session(name)).await.finish(Utc::now(), EndReason::ParticipantLeft).await;
    }
    assert_eq!(files(folder.path(), "outbox").len(), 2);
    publish_all(&nats, &spool).await;
    assert_eq!(nats.messages().await.len(), 2);
}

#[tokio::test]
async fn live_sessions_beat_once_a_second_however_many_there_are() {
    const SESSIONS: usize = 100;
    const BEATS: usize = 4;
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let mut journals = Vec::new();
    for number in 0..SESSIONS {
        journals.push(spool.begin(session(&format!("beat-{number}"))).await);
    }
    let began = Instant::now();
    let mut beats: HashMap<PathBuf, BTreeSet<DateTime<Utc>>> = HashMap::new();
    until("every journal has beaten", || {
        for path in files(folder.path(), "journal").into_iter().filter(|path| is_journal(path)) {
            let beat = decode(&std::fs::read(&path).unwrap()).end_time;
            beats.entry(path).or_default().insert(beat);
        }
        beats.len() == SESSIONS && beats.values().all(|beats| beats.len() >= BEATS)
    })
    .await;
    let took = began.elapsed();
    // Seven times what it takes, for a machine and a disk that others keep busy.
    assert!(took <= Duration::from_secs(30), "{BEATS} beats of each took {took:?}");
    let most = 2 + took.as_secs() as usize;
    assert!(beats.values().all(|beats| beats.len() <= most), "more than a beat a second in {most} s");
}
