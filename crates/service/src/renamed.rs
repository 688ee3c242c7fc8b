//! Settings that have another name by now.

use anyhow::bail;

/// Refuses variables of the environment that have another name by now: a setting that is not read any more would be missed.
/// Each is given with what it is called instead.
///
/// # Errors
/// One of them is set.
pub fn ensure_not_renamed(settings: &[(&str, &str)]) -> anyhow::Result<()> {
    for (before, now) in settings {
        if std::env::var_os(before).is_some() {
            bail!("{before} is not a setting any more: it is called {now}");
        }
    }
    Ok(())
}
