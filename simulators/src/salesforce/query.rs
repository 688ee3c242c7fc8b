use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::objects::{Field, Kind, Object, long_id};
use super::records::{Record, Records};
use super::{Org, Salesforce, soql};

/// Results that the org keeps for further pages.
const MOST_CURSORS: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Statement {
    q: Option<String>,
}

/// `GET /services/data/v68.0/query?q=…`
pub(crate) async fn first_page(
    State(salesforce): State<Salesforce>,
    Path(version): Path<String>,
    Query(statement): Query<Statement>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::bad_request("MALFORMED_QUERY", "SOQL statements cannot be empty or null");
    let statement = statement.q.ok_or_else(missing)?;
    let mut org = salesforce.org();
    org.counters.queries += 1;
    let rows = select(&org.records, &statement, &version)?;
    let cursor = format!("01g{:015x}", rand::random::<u64>() >> 4);
    let page = page(&rows, &cursor, 0, salesforce.config().page_size, &version);
    if !page["done"].as_bool().unwrap_or(true) {
        keep(&mut org, cursor, rows);
    }
    Ok(Json(page))
}

/// `GET /services/data/v68.0/query/01g…-2000`: the page that `nextRecordsUrl` names.
pub(crate) async fn next_page(
    State(salesforce): State<Salesforce>,
    Path((version, cursor)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let invalid = || ApiError::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator");
    let mut org = salesforce.org();
    org.counters.queries += 1;
    let (cursor, offset) = cursor.split_once('-').ok_or_else(invalid)?;
    let rows = org.cursors.get(cursor).ok_or_else(invalid)?;
    let offset = offset.parse().ok().filter(|offset| *offset < rows.len()).ok_or_else(invalid)?;
    Ok(Json(page(rows, cursor, offset, salesforce.config().page_size, &version)))
}

fn page(rows: &[Value], cursor: &str, offset: usize, page_size: usize, version: &str) -> Value {
    let end = rows.len().min(offset + page_size);
    let mut page =
        json!({ "totalSize": rows.len(), "done": end == rows.len(), "records": rows[offset..end] });
    if end < rows.len() {
        page["nextRecordsUrl"] = json!(format!("/services/data/{version}/query/{cursor}-{end}"));
    }
    page
}

fn keep(org: &mut Org, cursor: String, rows: Vec<Value>) {
    if org.cursors.len() >= MOST_CURSORS {
        org.cursors.clear();
    }
    org.cursors.insert(cursor, rows);
}

/// The rows that a statement asks for, as the API gives them.
fn select(records: &Records, statement: &str, version: &str) -> Result<Vec<Value>, ApiError> {
    let query = soql::parse(statement)
        .map_err(|error| ApiError::bad_request("MALFORMED_QUERY", error.to_string()))?;
    let object = Object::named(&query.object).ok_or_else(|| {
        let message = format!("{statement}\n^\nsObject type '{}' is not supported.", query.object);
        ApiError::bad_request("INVALID_TYPE", message)
    })?;
    let field = |name: &str| {
        object.field(name).ok_or_else(|| {
            let message = format!("{statement}\n^\nNo such column '{name}' on entity '{}'.", object.name());
            ApiError::bad_request("INVALID_FIELD", message)
        })
    };
    let mut fields: Vec<&Field> = Vec::new();
    for name in &query.fields {
        let field = field(name)?;
        if fields.iter().any(|other| other.name == field.name) {
            return Err(ApiError::bad_request(
                "MALFORMED_QUERY",
                format!("duplicate field selected: {name}"),
            ));
        }
        fields.push(field);
    }
    let condition = match query.condition {
        Some(condition) => Some((field(&condition.field)?, condition.values)),
        None => None,
    };
    let matches = |record: &&Record| {
        condition
            .as_ref()
            .is_none_or(|(field, values)| values.iter().any(|value| equals(record, field, value)))
    };
    let rows = records.of(object).filter(matches).take(query.limit.unwrap_or(usize::MAX));
    Ok(rows.map(|record| render(record, &fields, version)).collect())
}

/// Texts are compared whatever their case, ids by all their characters.
fn equals(record: &Record, field: &Field, value: &str) -> bool {
    let Some(text) = record.get(field.name).as_str() else { return false };
    match field.kind {
        Kind::Id | Kind::Reference => long_id(value).as_deref() == Some(text),
        _ => text.to_lowercase() == value.to_lowercase(),
    }
}

fn render(record: &Record, fields: &[&Field], version: &str) -> Value {
    let id = record.get("Id").as_str().unwrap_or_default();
    let object = record.object.name();
    let url = format!("/services/data/{version}/sobjects/{object}/{id}");
    let mut row = Map::from_iter([("attributes".to_owned(), json!({ "type": object, "url": url }))]);
    row.extend(fields.iter().map(|field| (field.name.to_owned(), record.get(field.name).clone())));
    Value::Object(row)
}
