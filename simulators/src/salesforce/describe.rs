use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Salesforce;
use super::api_error::ApiError;
use super::objects::{Field, Kind, Object};

/// `GET /services/data/v68.0/sobjects/Lead/describe`
pub(crate) async fn object(Path((_, name)): Path<(String, String)>) -> Result<Json<Value>, ApiError> {
    let object = Object::named(&name).ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "name": object.name(),
        "label": object.name(),
        "keyPrefix": object.key_prefix(),
        "createable": true,
        "queryable": true,
        "updateable": true,
        "fields": object.fields().map(field).collect::<Vec<_>>(),
    })))
}

/// `GET /services/data/v68.0/limits`
pub(crate) async fn limits(State(salesforce): State<Salesforce>) -> Json<Value> {
    let most = salesforce.config().daily_api_calls;
    let left = most.saturating_sub(salesforce.org().counters.api_calls);
    Json(json!({ "DailyApiRequests": { "Max": most, "Remaining": left } }))
}

fn field(field: &Field) -> Value {
    let (kind, length) = match field.kind {
        Kind::Id => ("id", 18),
        Kind::Reference => ("reference", 18),
        Kind::Text(length) => ("string", length),
        Kind::Email => ("email", 80),
        Kind::Picklist => ("picklist", 255),
        Kind::Boolean => ("boolean", 0),
        Kind::DateTime => ("datetime", 0),
    };
    json!({
        "name": field.name,
        "label": field.label,
        "type": kind,
        "length": length,
        "custom": field.name.ends_with("__c"),
        "createable": field.updateable,
        "updateable": field.updateable,
        "filterable": true,
        "restrictedPicklist": false,
        "externalId": field.name == "Last_Voice_Session__c",
        "unique": false,
        "idLookup": matches!(field.kind, Kind::Id | Kind::Email),
    })
}
