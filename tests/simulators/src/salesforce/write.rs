//! The change of one row, whichever call it comes by.

use axum::http::HeaderMap;
use chrono::Utc;

use super::Org;
use super::faults::Fault;
use super::records::Conditions;
use super::row::Row;
use super::row_error::RowError;

/// What the headers of a call ask for.
pub(crate) fn conditions(headers: &HeaderMap, by: &str) -> Conditions {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Conditions {
        by: by.to_owned(),
        now: Utc::now(),
        // The org's active assignment rule is applied, unless the caller says no.
        assigns: !header("Sforce-Auto-Assign").eq_ignore_ascii_case("false"),
        allows_duplicates: allows_save(header("Sforce-Duplicate-Rule-Header")),
    }
}

/// `allowSave=true`, among other options.
fn allows_save(header: &str) -> bool {
    header.split([',', ';']).filter_map(|option| option.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("allowSave") && value.trim().eq_ignore_ascii_case("true")
    })
}

/// Updates the row with an id.
pub(crate) fn update(org: &mut Org, row: &Row, id: &str, conditions: &Conditions) -> Result<(), RowError> {
    if org.strikes(Fault::LockedRows) {
        return Err(RowError::locked(id));
    }
    if org.strikes(Fault::LocksWithinTriggers) {
        return Err(RowError::lock_within_a_trigger(id));
    }
    let changes = row.changes(&org.settings)?;
    org.records.update(row.object, id, &changes, conditions)?;
    org.counters.updated += 1;
    Ok(())
}

/// Creates a row, and counts it, so that a test can assert that none was made.
pub(crate) fn create(org: &mut Org, row: &Row) -> Result<String, RowError> {
    let changes = row.changes(&org.settings)?;
    let id = org.records.create(row.object, &changes, Utc::now())?;
    org.counters.created += 1;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_allowed_by_the_option_alone() {
        for header in ["allowSave=true", "includeRecordDetails=false, AllowSave = TRUE"] {
            assert!(allows_save(header), "{header}");
        }
        for header in ["", "true", "allowSave", "allowSave=false", "runAsCurrentUser=true"] {
            assert!(!allows_save(header), "{header}");
        }
    }
}
