//! Settings that have another name by now.

use anyhow::bail;

/// Refuses variables of the environment that have another name by now: a setting that is not read any more would be missed.
/// Each is given with what it is called instead.
///
/// # Errors
/// Such a variable is set.
pub fn ensure_not_renamed(settings: &[(&str, &str)]) -> anyhow::Result<()> {
    for (before, now) in settings {
        if std::env::var_os(before).is_some() {
            bail!("{before} is not a setting any more: it is called {now}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_by_its_former_name_is_refused_with_its_name_of_today() {
        assert!(ensure_not_renamed(&[("NOBODY_SETS_THIS", "THAT")]).is_ok());
        // Cargo sets it for every test.
        let refused = ensure_not_renamed(&[("CARGO_MANIFEST_DIR", "THE_NEW_NAME")]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CARGO_MANIFEST_DIR is not a setting any more: it is called THE_NEW_NAME"
        );
    }
}
