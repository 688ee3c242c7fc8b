use axum::Json;
use axum::extract::State;
use axum::response::Html;
use serde_json::{Value, json};

use super::Salesforce;
use super::objects::Object;

/// `GET /`: the Leads and Contacts, for a person to watch.
pub(crate) async fn html() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// `GET /healthz`
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /simulator/records`: all rows with all fields, and the counters.
pub(crate) async fn records(State(salesforce): State<Salesforce>) -> Json<Value> {
    let org = salesforce.org();
    let rows = |object| org.records.of(object).map(super::records::Record::to_json).collect::<Vec<_>>();
    Json(json!({ "Lead": rows(Object::Lead), "Contact": rows(Object::Contact), "counters": org.counters }))
}
