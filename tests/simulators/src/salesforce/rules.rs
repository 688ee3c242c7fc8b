//! What the org checks once a row's values are in place.

use super::record::Record;
use super::row_error::RowError;
use super::value::parse_time;

/// Text by which the org's validation rule says that the row already has a newer call.
pub const STALE_MARKER: &str = "VOICE_STALE_WRITE";

/// Whether a row may become another one.
pub(crate) fn validate(before: &Record, after: &Record) -> Result<(), RowError> {
    let emptied = |name: &str| before.get(name) != after.get(name) && after.get(name).is_null();
    require(after, emptied)?;
    refuse_older_call(before, after)
}

/// Whether a row has all that it must have; only what is `new` about it is asked for.
pub(crate) fn require(record: &Record, new: impl Fn(&str) -> bool) -> Result<(), RowError> {
    let fields = record.object.fields().filter(|field| field.required);
    let missing: Vec<_> =
        fields.map(|field| field.name).filter(|name| new(name) && record.get(name).is_null()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(RowError::new("REQUIRED_FIELD_MISSING", message, &missing))
}

/// The rule `AND(ISCHANGED(D), NOT(ISBLANK(PRIORVALUE(D))), D < PRIORVALUE(D))`.
fn refuse_older_call(before: &Record, after: &Record) -> Result<(), RowError> {
    for date in ["Last_Voice_Call_Date__c", "Last_Voice_Call_Date__pc"] {
        let time = |record: &Record| parse_time(record.text(date));
        if let (Some(before), Some(after)) = (time(before), time(after))
            && after < before
        {
            let message = format!("{STALE_MARKER}: the record has a newer voice call");
            return Err(RowError::new("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, &[date]));
        }
    }
    Ok(())
}
