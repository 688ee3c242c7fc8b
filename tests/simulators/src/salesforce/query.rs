//! `GET /services/data/v68.0/query?q=…`, and the further pages of its answer.

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_error::ApiError;
use super::objects::{Field, Kind, Object, long_id};
use super::record::Record;
use super::{Org, Salesforce, soql};

/// Results that the org keeps for further pages.
const MOST_CURSORS: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Statement {
    q: Option<String>,
}

/// The first page.
pub(crate) async fn first_page(
    State(salesforce): State<Salesforce>,
    Path(version): Path<String>,
    Query(statement): Query<Statement>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::bad_request("MALFORMED_QUERY", "SOQL statements cannot be empty or null");
    let statement = statement.q.ok_or_else(missing)?;
    let mut org = salesforce.org();
    org.counters.queries += 1;
    let rows = select(&org, &statement, &version)?;
    let cursor = format!("01g{:015x}", rand::random::<u64>() >> 4);
    let page = page(&rows, &cursor, 0, org.settings.page_size, &version);
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
    Ok(Json(page(rows, cursor, offset, org.settings.page_size, &version)))
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
fn select(org: &Org, statement: &str, version: &str) -> Result<Vec<Value>, ApiError> {
    let query = soql::parse(statement)
        .map_err(|error| ApiError::bad_request("MALFORMED_QUERY", error.to_string()))?;
    let object = org.settings.object(&query.object).ok_or_else(|| {
        let message = format!("{statement}\n^\nsObject type '{}' is not supported.", query.object);
        ApiError::bad_request("INVALID_TYPE", message)
    })?;
    let field = |name: &str| {
        org.settings.field(object, name).ok_or_else(|| {
            let message = format!("{statement}\n^\nNo such column '{name}' on entity '{}'.", object.name());
            ApiError::bad_request("INVALID_FIELD", message)
        })
    };
    let fields = distinct(&query.fields, field)?;
    let condition = match query.condition {
        Some(condition) => Some(Wanted::new(object, field(&condition.field)?, &condition.values)?),
        None => None,
    };
    let matches = |record: &&Record| condition.as_ref().is_none_or(|wanted| wanted.is(record));
    let rows = org.records.of(object).filter(matches).take(query.limit.unwrap_or(usize::MAX));
    Ok(rows.map(|record| render(record, &fields, version)).collect())
}

fn distinct(
    names: &[String],
    field: impl Fn(&str) -> Result<&'static Field, ApiError>,
) -> Result<Vec<&'static Field>, ApiError> {
    let mut fields: Vec<&Field> = Vec::new();
    for name in names {
        let field = field(name)?;
        if fields.iter().any(|other| other.name == field.name) {
            return Err(ApiError::bad_request(
                "MALFORMED_QUERY",
                format!("duplicate field selected: {name}"),
            ));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// A field that must have one of some values.
pub(crate) struct Wanted {
    field: &'static Field,
    /// In the form in which they are compared; a list is made once and asked for each row of the org.
    values: HashSet<String>,
}

impl Wanted {
    fn new(object: Object, field: &'static Field, values: &[String]) -> Result<Self, ApiError> {
        if !matches!(field.kind, Kind::DateTime | Kind::Boolean) {
            let value = |value: &String| {
                let invalid = || {
                    ApiError::bad_request(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        format!("invalid ID field: {value}"),
                    )
                };
                comparable(field, value).ok_or_else(invalid)
            };
            let values = values.iter().map(value).collect::<Result<_, _>>()?;
            return Ok(Self { field, values });
        }
        let kind = if field.kind == Kind::Boolean { "boolean" } else { "dateTime" };
        let message = format!(
            "value of filter criterion for field '{}' of {} must be of type {kind} and should not be enclosed in quotes",
            field.name,
            object.name()
        );
        Err(ApiError::bad_request("INVALID_FIELD", message))
    }

    /// Rows whose field has one value.
    pub(crate) fn one(field: &'static Field, value: &str) -> Self {
        Self { field, values: comparable(field, value).into_iter().collect() }
    }

    pub(crate) fn is(&self, record: &Record) -> bool {
        // A text that is missing equals an empty one; an id that is missing is none.
        comparable(self.field, record.text(self.field.name)).is_some_and(|text| self.values.contains(&text))
    }
}

/// Texts are compared whatever their case, ids by all their characters. `None` for what is no id.
fn comparable(field: &Field, text: &str) -> Option<String> {
    match field.kind {
        Kind::Id | Kind::Reference => long_id(text),
        _ => Some(text.to_lowercase()),
    }
}

/// Some fields of a row, as the API gives them.
pub(crate) fn render(record: &Record, fields: &[&Field], version: &str) -> Value {
    let object = record.object.name();
    let url = format!("/services/data/{version}/sobjects/{object}/{}", record.text("Id"));
    let mut row = Map::from_iter([("attributes".to_owned(), json!({ "type": object, "url": url }))]);
    row.extend(fields.iter().map(|field| (field.name.to_owned(), record.get(field.name).clone())));
    Value::Object(row)
}
