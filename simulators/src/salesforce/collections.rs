//! sObject Collections: `PATCH /services/data/v68.0/composite/sobjects` updates up to 200 rows, each on its own.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::objects::{Field, Object, long_id};
use super::records::{ASSIGNMENT_QUEUE, RowError};
use super::{Org, Salesforce};

/// Most rows in a call.
const MOST_RECORDS: usize = 200;
/// Most runs of rows of one object in a call.
const MOST_CHUNKS: usize = 10;

/// What became of one row.
#[derive(Debug, Serialize)]
pub(crate) struct SaveResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    pub(crate) errors: Vec<RowError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

/// One row of a request.
pub(crate) struct Row {
    pub(crate) object: Object,
    pub(crate) id: Option<String>,
    pub(crate) values: Map<String, Value>,
}

pub(crate) async fn update(
    State(salesforce): State<Salesforce>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Vec<SaveResult>>, ApiError> {
    let rows = rows(&body)?;
    let now = Utc::now();
    let mut org = salesforce.org();
    org.counters.update_calls += 1;
    let results = rows.iter().enumerate().map(|(index, row)| {
        let id = row.id.clone().unwrap_or_default();
        let twice =
            rows[..index].iter().any(|other| long_id(&id).is_some() && other.long_id() == row.long_id());
        let result = match twice {
            true => Err(RowError::new("DUPLICATE_VALUE", format!("duplicate id in the list: {id}"), &["Id"])),
            false => update_row(&mut org, row, &id, assigns(&headers), now),
        };
        match result {
            Ok(()) => SaveResult { id: long_id(&id), success: true, errors: Vec::new() },
            Err(error) => SaveResult { id: None, success: false, errors: vec![error] },
        }
    });
    Ok(Json(results.collect()))
}

fn update_row(org: &mut Org, row: &Row, id: &str, assigns: bool, now: DateTime<Utc>) -> Result<(), RowError> {
    let mut changes = changes(row)?;
    if assigns && let (Object::Lead, Some(owner)) = (row.object, row.object.field("OwnerId")) {
        changes.push((owner, json!(ASSIGNMENT_QUEUE)));
    }
    org.records.update(row.object, id, &changes, now)?;
    org.counters.updated += 1;
    Ok(())
}

/// The fields that a row wants to set.
pub(crate) fn changes(row: &Row) -> Result<Vec<(&'static Field, Value)>, RowError> {
    row.values
        .iter()
        .map(|(name, value)| {
            let field = row.object.field(name).ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {}", row.object.name());
                RowError::new("INVALID_FIELD", message, &[])
            })?;
            if field.updateable {
                return Ok((field, value.clone()));
            }
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings.",
                field.name
            );
            Err(RowError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field.name]))
        })
        .collect()
}

/// Reads a request's rows.
pub(crate) fn rows(body: &[u8]) -> Result<Vec<Row>, ApiError> {
    let parser = |error: serde_json::Error| ApiError::bad_request("JSON_PARSER_ERROR", error.to_string());
    let request: Request = serde_json::from_slice(body).map_err(parser)?;
    if request.all_or_none {
        let message = "the simulator only updates rows independently: allOrNone must be false";
        return Err(ApiError::bad_request("INVALID_INPUT", message));
    }
    if request.records.len() > MOST_RECORDS {
        let message = "record limit reached. cannot submit more than 200 records in this call";
        return Err(ApiError::bad_request("EXCEEDED_ID_LIMIT", message));
    }
    let rows = request.records.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    if rows.chunk_by(|one, other| one.object == other.object).count() > MOST_CHUNKS {
        let message = "cannot process more than 10 chunks of objects in this call";
        return Err(ApiError::bad_request("LIMIT_EXCEEDED", message));
    }
    Ok(rows)
}

impl Row {
    pub(crate) fn read(mut values: Map<String, Value>) -> Result<Self, ApiError> {
        let name =
            values.remove("attributes").unwrap_or_default()["type"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            let message = "Include attributes with a type in each record";
            return Err(ApiError::bad_request("INVALID_INPUT", message));
        }
        let object = Object::named(&name).ok_or_else(|| {
            ApiError::bad_request("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
        })?;
        let id = values.remove("id").or_else(|| values.remove("Id"));
        Ok(Self { object, id: id.and_then(|id| id.as_str().map(str::to_owned)), values })
    }

    fn long_id(&self) -> Option<String> {
        long_id(self.id.as_deref()?)
    }
}

/// Whether the org's active assignment rule is applied: it is, unless the caller says no.
fn assigns(headers: &HeaderMap) -> bool {
    let header = headers.get("Sforce-Auto-Assign").and_then(|value| value.to_str().ok());
    !header.is_some_and(|value| value.eq_ignore_ascii_case("false"))
}
