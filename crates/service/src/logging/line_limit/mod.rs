//! How often one place of the code may write its line.
//!
//! A stranger can make a library warn for every datagram or request. Each place has so many lines a minute; what it says
//! beyond them is counted, and the number is logged when the minute is over, whether or not the flood goes on.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Event, Level, Metadata, Subscriber, warn};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

/// Lines a minute of one place in a library.
const MOST_OF_LIBRARIES: u32 = 30;
/// Troubles a minute of one place in our own crates, which say one thing about one session, message or request.
const MOST_OF_OURS: u32 = 1_000;
const MINUTE: Duration = Duration::from_secs(60);
/// Places that are counted apart; the code has a few hundred that can be reached.
const MOST_PLACES: usize = 4_096;
/// The key of all places beyond those.
const ELSEWHERE: u64 = 0;

/// Lets the first lines of each place and minute pass. Levels below `info` always pass: whoever asks for them wants all. So
/// does `info` of our crates: it is the record of what was done, a line for each session, however many there are.
pub(super) struct LineLimit(Arc<Mutex<CodePlaces>>);

struct CodePlaces {
    /// Crates whose lines are ours.
    own: Vec<String>,
    by_place: HashMap<u64, CodePlace>,
    /// Whether the thread runs that tells what was left out.
    telling: bool,
}

struct CodePlace {
    /// For example `str0m::session`, and the line in its file.
    target: String,
    line: u32,
    /// When its minute began, and the lines since then.
    since: Instant,
    passed: u32,
    left_out: u64,
    /// Lines left out in minutes before that were not told yet.
    untold: u64,
}

/// What a place said beyond its lines.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    target: String,
    line: u32,
    lines: u64,
}

impl LineLimit {
    /// `own`: names of our crates.
    pub(super) fn new<'a>(own: impl IntoIterator<Item = &'a str>) -> Self {
        let own = own.into_iter().map(str::to_owned).collect();
        Self(Arc::new(Mutex::new(CodePlaces { own, by_place: HashMap::new(), telling: false })))
    }

    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut places = lock(&self.0);
        if *metadata.level() == Level::INFO && places.is_own(metadata.target()) {
            return true;
        }
        let passes = places.admit(metadata.target(), metadata.file(), metadata.line(), Instant::now());
        if !passes && !std::mem::replace(&mut places.telling, true) {
            drop(places);
            self.tell_when_over();
        }
        passes
    }

    /// A thread that lives as long as lines are left out, so that the last minute of a flood is told as well.
    fn tell_when_over(&self) {
        let places = self.0.clone();
        let tell = move || {
            loop {
                std::thread::sleep(MINUTE / 4);
                let left_out = lock(&places).take_left_out(Instant::now());
                for LeftOut { target, line, lines } in left_out {
                    warn!(place = format!("{target}:{line}"), lines, "lines of one place were left out");
                }
                let mut places = lock(&places);
                if places.nothing_left_out() {
                    places.telling = false;
                    return;
                }
            }
        };
        if std::thread::Builder::new().name("log-limit".to_owned()).spawn(tell).is_err() {
            lock(&self.0).telling = false;
        }
    }
}

impl<S: Subscriber> Filter<S> for LineLimit {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        // Records of the `log` crate share a callsite; their own place is among their fields.
        match event.normalized_metadata() {
            Some(metadata) => self.passes(&metadata),
            None => self.passes(event.metadata()),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

impl CodePlaces {
    fn admit(&mut self, target: &str, file: Option<&str>, line: Option<u32>, now: Instant) -> bool {
        let most = if self.is_own(target) { MOST_OF_OURS } else { MOST_OF_LIBRARIES };
        let mut key = DefaultHasher::new();
        (target, file, line).hash(&mut key);
        let mut key = key.finish();
        if self.by_place.len() >= MOST_PLACES && !self.by_place.contains_key(&key) {
            self.by_place.retain(|_, place| place.has_left_out() || !place.is_over(now));
            if self.by_place.len() >= MOST_PLACES {
                key = ELSEWHERE;
            }
        }
        let place = self.by_place.entry(key).or_insert_with(|| CodePlace {
            target: target.to_owned(),
            line: line.unwrap_or_default(),
            since: now,
            passed: 0,
            left_out: 0,
            untold: 0,
        });
        if place.is_over(now) {
            place.untold += std::mem::take(&mut place.left_out);
            (place.since, place.passed) = (now, 0);
        }
        if place.passed < most {
            place.passed += 1;
            return true;
        }
        place.left_out += 1;
        false
    }

    fn is_own(&self, target: &str) -> bool {
        let krate = target.split("::").next().unwrap_or(target);
        self.own.iter().any(|own| own == krate)
    }

    /// What was left out in minutes that are over, each line once.
    fn take_left_out(&mut self, now: Instant) -> Vec<LeftOut> {
        let mut taken = Vec::new();
        for place in self.by_place.values_mut() {
            let mut lines = std::mem::take(&mut place.untold);
            if place.is_over(now) {
                lines += std::mem::take(&mut place.left_out);
            }
            if lines > 0 {
                taken.push(LeftOut { target: place.target.clone(), line: place.line, lines });
            }
        }
        taken
    }

    fn nothing_left_out(&self) -> bool {
        !self.by_place.values().any(CodePlace::has_left_out)
    }
}

impl CodePlace {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= MINUTE
    }

    fn has_left_out(&self) -> bool {
        self.left_out > 0 || self.untold > 0
    }
}

/// The counts are whole at any time, whatever became of the thread that held them.
fn lock(places: &Mutex<CodePlaces>) -> MutexGuard<'_, CodePlaces> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
