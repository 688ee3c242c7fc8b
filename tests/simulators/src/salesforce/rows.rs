//! One row by its id: `/services/data/v68.0/sobjects/Lead/00Q…`, and one to be made: `…/sobjects/Lead`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{IF_UNMODIFIED_SINCE, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::api_error::ApiError;
use super::objects::{Field, Object};
use super::query::render;
use super::record::Record;
use super::row::Row;
use super::row_error::RowError;
use super::settings::Settings;
use super::write::{self, conditions};
use super::{Org, Salesforce};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Fields {
    /// Names with commas between them.
    fields: Option<String>,
}

/// `GET`
pub(crate) async fn get(
    State(salesforce): State<Salesforce>,
    Path((version, object, id)): Path<(String, String, String)>,
    Query(wanted): Query<Fields>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let org = salesforce.org();
    let record = find(&org, &object, &id)?;
    show(&org.settings, record, &wanted, &headers, &version)
}

/// `PATCH`
pub(crate) async fn update(
    State(salesforce): State<Salesforce>,
    Path((_, object, id)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut org = salesforce.org();
    let object = known(&org.settings, &object)?;
    let row = Row::from_body(&org.settings, object, &body)?;
    unmodified(&headers, find(&org, object.name(), &id)?)?;
    let conditions = conditions(&headers, &salesforce.config().username);
    write::update(&mut org, &row, &id, &conditions)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST`
pub(crate) async fn create(
    State(salesforce): State<Salesforce>,
    Path((_, object)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut org = salesforce.org();
    let object = known(&org.settings, &object)?;
    let row = Row::from_body(&org.settings, object, &body)?;
    let id = write::create(&mut org, &row)?;
    Ok(created(&id))
}

pub(crate) fn created(id: &str) -> Response {
    (StatusCode::CREATED, Json(json!({ "id": id, "success": true, "errors": [], "created": true })))
        .into_response()
}

pub(crate) fn known(settings: &Settings, object: &str) -> Result<Object, ApiError> {
    settings.object(object).ok_or_else(ApiError::not_found)
}

/// A row, the fields that were asked for, and when it was last changed.
pub(crate) fn show(
    settings: &Settings,
    record: &Record,
    wanted: &Fields,
    headers: &HeaderMap,
    version: &str,
) -> Result<Response, ApiError> {
    unmodified(headers, record)?;
    let fields = match &wanted.fields {
        None => settings.fields(record.object).collect(),
        Some(names) => names
            .split(',')
            .map(|name| field(settings, record.object, name))
            .collect::<Result<Vec<_>, _>>()?,
    };
    let modified = record.last_modified().map(http_date).unwrap_or_default();
    Ok(([(LAST_MODIFIED, modified)], Json(render(record, &fields, version))).into_response())
}

fn field(settings: &Settings, object: Object, name: &str) -> Result<&'static Field, ApiError> {
    settings.field(object, name.trim()).ok_or_else(|| {
        let message = format!("No such column '{}' on sobject of type {}", name.trim(), object.name());
        ApiError::bad_request("INVALID_FIELD", message)
    })
}

fn find<'a>(org: &'a Org, object: &str, id: &str) -> Result<&'a Record, ApiError> {
    let object = known(&org.settings, object)?;
    let record = org.records.get(id).filter(|record| record.object == object);
    match record.ok_or_else(ApiError::not_found)? {
        record if record.behaviour.deleted => Err(RowError::deleted().into()),
        record => Ok(record),
    }
}

/// Whether a row is as old as the caller's `If-Unmodified-Since` says; a date that cannot be read says nothing.
fn unmodified(headers: &HeaderMap, record: &Record) -> Result<(), ApiError> {
    let since = headers.get(IF_UNMODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    match (since, record.last_modified()) {
        (Some(since), Some(modified)) if modified > since => {
            let message = "The record was modified since the given time";
            Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message))
        }
        _ => Ok(()),
    }
}

fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
