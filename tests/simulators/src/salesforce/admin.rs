//! What a test sees of the org; a real Salesforce has none of it.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Salesforce;
use super::api_error::ApiError;
use super::objects::Object;
use super::record::Record;

/// `GET /healthz`
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /simulator/records`: all rows with all fields, and the counters.
pub(crate) async fn records(State(salesforce): State<Salesforce>) -> Json<Value> {
    let org = salesforce.org();
    let rows = |object| org.records.of(object).map(Record::to_json).collect::<Vec<_>>();
    let objects = Object::ALL.into_iter().map(|object| (object.name().to_owned(), json!(rows(object))));
    let mut answer = Value::Object(objects.collect());
    answer["counters"] = json!(org.counters);
    Json(answer)
}

/// `GET /simulator/records/00Q…`: one row, and the history of its tracked fields.
pub(crate) async fn record(
    State(salesforce): State<Salesforce>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let org = salesforce.org();
    let record = org.records.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "object": record.object.name(),
        "deleted": record.behaviour.deleted,
        "fields": record.to_json(),
        "history": record.history,
    })))
}
