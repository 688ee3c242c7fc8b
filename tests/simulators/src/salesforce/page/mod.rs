//! The pages for a person to watch: `GET /?filter=…` lists the rows, `GET /records/00Q…` shows one with its history.

mod markup;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use serde::Deserialize;
use serde_json::Value;

use super::objects::Object;
use super::record::Record;
use super::{Org, Salesforce};
use markup::{Markup, cells, document, element, link, text};

/// Most rows of an object that are shown.
const MOST_ROWS: usize = 500;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    filter: String,
}

/// `GET /`
pub(crate) async fn list(State(salesforce): State<Salesforce>, Query(filter): Query<Filter>) -> Html<String> {
    let org = salesforce.org();
    let counters = &org.counters;
    let state = format!(
        "{} rows updated, {} created, in {} calls; {} of {} calls of the day used. Refreshes every second; what changed \
         since you opened this page is highlighted.",
        counters.updated, counters.created, counters.api_calls, org.calls_used, org.settings.daily_api_calls
    );
    let mut main = element("p", text(&state));
    for object in Object::ALL {
        main = main + section(&org, object, filter.filter.trim());
    }
    Html(document("Simulated Salesforce", &filter.filter, main))
}

/// `GET /records/00Q…`
pub(crate) async fn detail(
    State(salesforce): State<Salesforce>,
    Path(id): Path<String>,
) -> (StatusCode, Html<String>) {
    let org = salesforce.org();
    let Some(record) = org.records.get(&id) else {
        let main = element("p", text("No such record."));
        return (StatusCode::NOT_FOUND, Html(document("No such record", "", main)));
    };
    let title = format!("{}: {}", record.object.name(), name(record));
    let main =
        element("h2", text(&title)) + fields(record) + element("h3", text("History")) + history(record);
    (StatusCode::OK, Html(document(&title, "", main)))
}

fn section(org: &Org, object: Object, filter: &str) -> Markup {
    let rows: Vec<_> = org.records.of(object).filter(|record| shows(record, filter)).collect();
    if rows.is_empty() && object == Object::Account {
        return Markup::default();
    }
    let heading = format!("{}s ({})", object.name(), rows.len());
    let hidden = rows.len().saturating_sub(MOST_ROWS);
    let head =
        ["Name", "Email", "Last voice call", "Voice tier", "Last voice session", "Status", "Last modified"];
    let mut table = element("tr", cells("th", head.map(text)));
    for record in rows.into_iter().take(MOST_ROWS) {
        table = table + row(record);
    }
    let note = match hidden {
        0 => Markup::default(),
        hidden => element("p", text(&format!("{hidden} more; narrow the list with the filter."))),
    };
    element("h2", text(&heading)) + markup::table(table) + note
}

fn row(record: &Record) -> Markup {
    let id = record.text("Id");
    let status = match record.get("IsConverted") {
        Value::Bool(true) => "Converted",
        _ => record.text("Status"),
    };
    let shown = [
        link(&format!("/records/{id}"), text(&name(record))),
        text(either(record, "Email", "PersonEmail")),
        text(&time(either(record, "Last_Voice_Call_Date__c", "Last_Voice_Call_Date__pc"))),
        text(either(record, "Voice_Qualification_Tier__c", "Voice_Qualification_Tier__pc")),
        text(either(record, "Last_Voice_Session__c", "Last_Voice_Session__pc")),
        text(status),
        text(&time(record.text("LastModifiedDate"))),
    ];
    markup::watched_row(id, record.text("LastModifiedDate"), cells("td", shown))
}

fn fields(record: &Record) -> Markup {
    let rows = record.object.fields().map(|field| {
        element("tr", cells("th", [text(field.label)]) + cells("td", [text(&plain(record.get(field.name)))]))
    });
    markup::table(rows.fold(Markup::default(), |all, row| all + row))
}

/// The changes of a record's tracked fields, the newest first.
fn history(record: &Record) -> Markup {
    if record.history.is_empty() {
        return element("p", text("No tracked field was changed."));
    }
    let head = ["When", "Field", "Old", "New", "By"];
    let mut table = element("tr", cells("th", head.map(text)));
    for change in record.history.iter().rev() {
        let label = record.object.field(change.field).map_or(change.field, |field| field.label);
        let shown = [&time(&change.at), label, &plain(&change.old), &plain(&change.new), &change.by];
        table = table + element("tr", cells("td", shown.map(text)));
    }
    markup::table(table)
}

/// Whether a filter is part of what the list shows of a row.
fn shows(record: &Record, filter: &str) -> bool {
    let filter = filter.to_lowercase();
    let values = record.fields.values().filter_map(Value::as_str);
    filter.is_empty()
        || name(record).to_lowercase().contains(&filter)
        || values.into_iter().any(|value| value.to_lowercase().contains(&filter))
}

fn name(record: &Record) -> String {
    let name = match record.object {
        Object::Account => record.text("Name").to_owned(),
        _ => format!("{} {}", record.text("FirstName"), record.text("LastName")),
    };
    match name.trim() {
        "" => record.text("Id").to_owned(),
        name => name.to_owned(),
    }
}

fn either<'a>(record: &'a Record, name: &str, of_persons: &str) -> &'a str {
    let text = record.text(name);
    if text.is_empty() { record.text(of_persons) } else { text }
}

/// A time of Salesforce's as people read it; any other text as it is.
fn time(text: &str) -> String {
    match text.strip_suffix(".000+0000") {
        Some(time) => format!("{} UTC", time.replace('T', " ")),
        None => text.to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => time(text),
        other => other.to_string(),
    }
}
