//! sObject Collections: `/services/data/v68.0/composite/sobjects` changes up to 200 rows, each on its own or all
//! together.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::api_error::ApiError;
use super::objects::long_id;
use super::record::Record;
use super::records::Conditions;
use super::row::Row;
use super::row_error::RowError;
use super::settings::Settings;
use super::write::{self, conditions};
use super::{Org, Salesforce};

/// Most rows in a call.
const MOST_RECORDS: usize = 200;
/// Most runs of rows of one object in a call.
const MOST_CHUNKS: usize = 10;

/// What became of one row.
#[derive(Debug, Serialize)]
pub(crate) struct SaveResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    success: bool,
    errors: Vec<RowError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

/// `PATCH`
pub(crate) async fn update(
    State(salesforce): State<Salesforce>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Vec<SaveResult>>, ApiError> {
    let conditions = conditions(&headers, &salesforce.config().username);
    let mut org = salesforce.org();
    org.counters.update_calls += 1;
    let (all_or_none, rows) = read(&org.settings, &body)?;
    let before: Vec<_> = match all_or_none {
        true => rows.iter().map(|row| org.records.with_twin(row.id.as_deref().unwrap_or_default())).collect(),
        false => Vec::new(),
    };
    let mut results: Vec<_> =
        (0..rows.len()).map(|index| result(update_row(&mut org, &rows, index, &conditions))).collect();
    if all_or_none && results.iter().any(|result| !result.success) {
        take_back_updates(&mut org, before, &mut results);
    }
    Ok(Json(results))
}

fn update_row(
    org: &mut Org,
    rows: &[Row],
    index: usize,
    conditions: &Conditions,
) -> Result<String, RowError> {
    let row = &rows[index];
    let id = row
        .id
        .as_deref()
        .ok_or_else(|| RowError::new("MISSING_ARGUMENT", "Id not specified in an update call", &[]))?;
    let long = row.long_id();
    if long.is_some() && rows[..index].iter().any(|other| other.long_id() == long) {
        return Err(RowError::new("DUPLICATE_VALUE", format!("duplicate id in the list: {id}"), &["Id"]));
    }
    write::update(org, row, id, conditions)?;
    Ok(long.unwrap_or_default())
}

fn take_back_updates(org: &mut Org, before: Vec<Vec<Record>>, results: &mut [SaveResult]) {
    for (result, before) in results.iter_mut().zip(before) {
        if result.success {
            org.records.take_back(before);
            org.counters.updated -= 1;
        }
        result.take_back();
    }
}

/// `POST`
pub(crate) async fn create(
    State(salesforce): State<Salesforce>,
    body: Bytes,
) -> Result<Json<Vec<SaveResult>>, ApiError> {
    let mut org = salesforce.org();
    let (all_or_none, rows) = read(&org.settings, &body)?;
    let mut results: Vec<_> = rows.iter().map(|row| result(write::create(&mut org, row))).collect();
    if all_or_none && results.iter().any(|result| !result.success) {
        for result in &mut results {
            if let Some(id) = &result.id {
                org.records.remove(id);
                org.counters.created -= 1;
            }
            result.take_back();
        }
    }
    Ok(Json(results))
}

fn read(settings: &Settings, body: &[u8]) -> Result<(bool, Vec<Row>), ApiError> {
    let request: Request = serde_json::from_slice(body).map_err(ApiError::unreadable_json)?;
    if request.records.len() > MOST_RECORDS {
        let message = "record limit reached. cannot submit more than 200 records in this call";
        return Err(ApiError::bad_request("EXCEEDED_ID_LIMIT", message));
    }
    let rows = request.records.into_iter().map(|row| Row::from_list(settings, row));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.chunk_by(|one, other| one.object == other.object).count() > MOST_CHUNKS {
        let message = "cannot process more than 10 chunks of objects in this call";
        return Err(ApiError::bad_request("LIMIT_EXCEEDED", message));
    }
    Ok((request.all_or_none, rows))
}

fn result(result: Result<String, RowError>) -> SaveResult {
    match result {
        Ok(id) => SaveResult { id: long_id(&id), success: true, errors: Vec::new() },
        Err(error) => SaveResult { id: None, success: false, errors: vec![error] },
    }
}

impl SaveResult {
    /// What the caller is told of a row that was fine, where another one was not.
    fn take_back(&mut self) {
        if self.success {
            let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
            let error = RowError::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]);
            *self = Self { id: None, success: false, errors: vec![error] };
        }
    }
}
