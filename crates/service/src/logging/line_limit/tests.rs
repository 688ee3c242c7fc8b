//! Floods of lines, by a clock of the test's.

use std::io::Write;

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use super::*;

/// What `call` logs with the limit in place, and the limit.
fn log(call: impl FnOnce()) -> (Vec<String>, LineLimit) {
    let written = Written::default();
    let writer = written.clone();
    let limit = LineLimit::new(["own"]);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_filter(LineLimit(limit.0.clone()));
    // No thread: the tests say what time it is.
    lock(&limit.0).telling = true;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), call);
    let text = String::from_utf8(lock_written(&written).clone()).expect("read lines");
    (text.lines().map(str::to_owned).collect(), limit)
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

fn lock_written(written: &Written) -> MutexGuard<'_, Vec<u8>> {
    written.0.lock().expect("lock what was written")
}

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        lock_written(self).write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_place_that_floods_is_cut_off_and_all_others_are_heard() {
    let (lines, limit) = log(|| {
        for index in 0..10_000 {
            tracing::warn!(target: "str0m::session", index, "cannot be decrypted");
            if index % 1_000 == 0 {
                tracing::warn!(target: "str0m::session", "another line");
                tracing::info!(target: "own::calls", "a call");
            }
        }
    });
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("cannot be decrypted"), MOST_OF_LIBRARIES as usize);
    assert_eq!((count("another line"), count("a call")), (10, 10));
    let mut places = lock(&limit.0);
    assert_eq!(places.take_left_out(Instant::now()), []);
    let left_out = places.take_left_out(Instant::now() + MINUTE);
    let counts: Vec<_> = left_out.iter().map(|place| (place.target.as_str(), place.lines)).collect();
    assert_eq!(counts, [("str0m::session", 10_000 - u64::from(MOST_OF_LIBRARIES))]);
    assert!(places.nothing_left_out());
}

#[test]
fn records_of_the_log_crate_have_places_of_their_own() {
    let record = |line| {
        let logged = tracing_log::format_trace(
            &log::Record::builder()
                .args(format_args!("of line {line}"))
                .level(log::Level::Warn)
                .target("livekit::room")
                .file_static(Some("room.rs"))
                .line(Some(line))
                .build(),
        );
        logged.expect("log");
    };
    let (lines, _) = log(|| {
        (0..1_000).for_each(|_| record(7));
        record(8);
    });
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("of line 7"), count("of line 8")), (MOST_OF_LIBRARIES as usize, 1));
}

#[test]
fn our_own_troubles_have_a_wider_limit_and_the_record_and_what_one_asks_for_have_none() {
    let (lines, _) = log(|| {
        for _ in 0..2_000 {
            tracing::warn!(target: "own", "trouble");
            tracing::info!(target: "own", "record");
            tracing::debug!(target: "str0m", "asked for");
        }
    });
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    let counts = (count("trouble"), count("record"), count("asked for"));
    assert_eq!(counts, (MOST_OF_OURS as usize, 2_000, 2_000));
}

#[test]
fn each_minute_has_its_lines_and_a_flood_that_goes_on_is_told_each_minute() {
    let limit = LineLimit::new([]);
    let mut places = lock(&limit.0);
    let start = Instant::now();
    for minute in 0..3 {
        let now = start + MINUTE * minute;
        let passed = (0..100).filter(|_| places.admit("library", None, Some(1), now)).count();
        assert_eq!(passed, MOST_OF_LIBRARIES as usize);
        let told: Vec<u64> = places.take_left_out(now).iter().map(|place| place.lines).collect();
        assert_eq!(told, if minute == 0 { vec![] } else { vec![100 - u64::from(MOST_OF_LIBRARIES)] });
    }
}

#[test]
fn places_without_end_take_no_memory_without_end() {
    let limit = LineLimit::new([]);
    let mut places = lock(&limit.0);
    let start = Instant::now();
    let passed = (0..20_000).filter(|line| places.admit("library", None, Some(*line), start)).count();
    assert_eq!(places.by_place.len(), MOST_PLACES + 1);
    assert_eq!(passed, MOST_PLACES + MOST_OF_LIBRARIES as usize);
    // Places that were quiet for a minute give theirs back.
    assert!(places.admit("library", None, Some(30_000), start + MINUTE));
    assert!(places.by_place.len() <= 2);
}
