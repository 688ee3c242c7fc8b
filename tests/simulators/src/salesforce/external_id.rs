//! Rows by a field that names them: `/services/data/v68.0/sobjects/Lead/Email/a@x.org`. No row is created, one is
//! updated, several are listed and left alone.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::api_error::ApiError;
use super::objects::{Field, Object};
use super::query::Wanted;
use super::record::Record;
use super::row::Row;
use super::rows::{Fields, created, known, show};
use super::write::{self, conditions};
use super::{Org, Salesforce};

/// Endings of a value that the server takes for the format of a file, and then finds nothing.
const FILE_ENDINGS: [&str; 1] = ["inc"];
/// Since when an update is answered with a body.
const ANSWERS_WITH_BODY: u32 = 46;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upsert {
    #[serde(default)]
    update_only: bool,
}

/// Version, object, field and value.
type Address = (String, String, String, String);

/// `GET`
pub(crate) async fn get(
    State(salesforce): State<Salesforce>,
    Path((version, object, field, value)): Path<Address>,
    Query(wanted): Query<Fields>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let org = salesforce.org();
    let (object, field) = names(&org, &object, &field, &value)?;
    match matches(&org, object, field, &value).as_slice() {
        [] => Err(ApiError::not_found()),
        [record] => show(&org.settings, record, &wanted, &headers, &version),
        several => Ok(choices(several, &version)),
    }
}

/// `PATCH`
pub(crate) async fn upsert(
    State(salesforce): State<Salesforce>,
    Path((version, object, field, value)): Path<Address>,
    Query(upsert): Query<Upsert>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut org = salesforce.org();
    let (object, field) = names(&org, &object, &field, &value)?;
    let mut row = Row::from_body(&org.settings, object, &body)?;
    if row.has(field) {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(ApiError::bad_request("INVALID_FIELD", message));
    }
    let id = match matches(&org, object, field, &value).as_slice() {
        [] => None,
        [record] => Some(record.text("Id").to_owned()),
        several => return Ok(choices(several, &version)),
    };
    match id {
        None if upsert.update_only => Err(ApiError::not_found()),
        None => {
            row.insert(field, json!(value));
            Ok(created(&write::create(&mut org, &row)?))
        }
        Some(id) => {
            let conditions = conditions(&headers, &salesforce.config().username);
            write::update(&mut org, &row, &id, &conditions)?;
            Ok(updated(&id, &version))
        }
    }
}

fn updated(id: &str, version: &str) -> Response {
    let number: u32 =
        version.trim_start_matches('v').split('.').next().unwrap_or_default().parse().unwrap_or_default();
    match number >= ANSWERS_WITH_BODY {
        true => Json(json!({ "id": id, "success": true, "errors": [], "created": false })).into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    }
}

fn names(org: &Org, object: &str, field: &str, value: &str) -> Result<(Object, &'static Field), ApiError> {
    let ending = value.rsplit_once('.').map_or("", |(_, ending)| ending);
    if FILE_ENDINGS.iter().any(|file| file.eq_ignore_ascii_case(ending)) {
        return Err(ApiError::not_found());
    }
    let object = known(&org.settings, object)?;
    let found = org.settings.field(object, field).filter(|field| field.names_a_row());
    let found = found.ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    })?;
    Ok((object, found))
}

fn matches<'a>(org: &'a Org, object: Object, field: &'static Field, value: &str) -> Vec<&'a Record> {
    let wanted = Wanted::one(field, value);
    org.records.of(object).filter(|record| wanted.is(record)).collect()
}

fn choices(records: &[&Record], version: &str) -> Response {
    let url = |record: &&Record| {
        format!("/services/data/{version}/sobjects/{}/{}", record.object.name(), record.text("Id"))
    };
    (StatusCode::MULTIPLE_CHOICES, Json(records.iter().map(url).collect::<Vec<_>>())).into_response()
}
