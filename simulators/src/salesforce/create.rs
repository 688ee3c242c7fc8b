//! Calls that can create a row. They do create it, and count it, so that a test can assert that none was made.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::collections::{Row, SaveResult, changes, rows};
use super::objects::Object;
use super::records::{Record, RowError};
use super::{Org, Salesforce};

/// `POST /services/data/v68.0/sobjects/Lead`
pub(crate) async fn one(
    State(salesforce): State<Salesforce>,
    Path((_, object)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let row = read(&object, &body)?;
    let id = create(&mut salesforce.org(), &row)?;
    Ok(created(&id))
}

/// `POST /services/data/v68.0/composite/sobjects`
pub(crate) async fn collection(
    State(salesforce): State<Salesforce>,
    body: Bytes,
) -> Result<Json<Vec<SaveResult>>, ApiError> {
    let mut org = salesforce.org();
    let results = rows(&body)?.into_iter().map(|row| match create(&mut org, &row) {
        Ok(id) => SaveResult { id: Some(id), success: true, errors: Vec::new() },
        Err(error) => SaveResult { id: None, success: false, errors: vec![error] },
    });
    Ok(Json(results.collect()))
}

/// `PATCH /services/data/v68.0/sobjects/Lead/Email/a@x.org`: no row is created, one is updated, several are listed.
pub(crate) async fn upsert(
    State(salesforce): State<Salesforce>,
    Path((version, object, field, value)): Path<(String, String, String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut row = read(&object, &body)?;
    let field = row.object.field(&field).ok_or_else(ApiError::not_found)?;
    let mut org = salesforce.org();
    let equals = |record: &&Record| {
        record.get(field.name).as_str().is_some_and(|text| text.to_lowercase() == value.to_lowercase())
    };
    let ids = org.records.of(row.object).filter(equals).filter_map(|record| record.get("Id").as_str());
    let ids: Vec<_> = ids.map(str::to_owned).collect();
    match ids.as_slice() {
        [] => {
            row.values.insert(field.name.to_owned(), json!(value));
            Ok(created(&create(&mut org, &row)?))
        }
        [id] => {
            org.records.update(row.object, id, &changes(&row)?, Utc::now())?;
            org.counters.updated += 1;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        several => {
            let url = |id| format!("/services/data/{version}/sobjects/{object}/{id}");
            let urls: Vec<_> = several.iter().map(url).collect();
            Ok((StatusCode::MULTIPLE_CHOICES, Json(urls)).into_response())
        }
    }
}

fn read(object: &str, body: &[u8]) -> Result<Row, ApiError> {
    let object = Object::named(object).ok_or_else(ApiError::not_found)?;
    let values: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request("JSON_PARSER_ERROR", error.to_string()))?;
    Ok(Row { object, id: None, values })
}

fn create(org: &mut Org, row: &Row) -> Result<String, RowError> {
    let id = org.records.create(row.object, &changes(row)?, Utc::now())?;
    org.counters.created += 1;
    Ok(id)
}

fn created(id: &str) -> Response {
    (StatusCode::CREATED, Json(json!({ "id": id, "success": true, "errors": [], "created": true })))
        .into_response()
}
