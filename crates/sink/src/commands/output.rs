//! What commands print: results on standard output, progress for a person who waits.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

/// A line of results.
///
/// # Errors
/// Nobody reads them any more.
pub fn print_line(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("print")
}

/// How far a command is; shown on a terminal only.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar up to `all`, where that is known.
    pub fn new(what: &'static str, all: Option<u64>) -> Self {
        let (bar, form) = match all {
            Some(all) => (ProgressBar::new(all), "{wide_bar} {human_pos} of {human_len} {msg}, {eta} left"),
            None => (ProgressBar::no_length(), "{spinner} {human_pos} {msg}, {per_sec}"),
        };
        // The form is a constant, so it is one.
        let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// One more is done.
    pub fn one_more(&self) {
        self.0.inc(1);
    }

    /// Prints above the bar, which would be torn otherwise.
    pub fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Takes it from the screen.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
