//! What the org tells of itself: versions, objects, fields, limits.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::objects::{Field, Kind, Object};
use super::rows::known;
use super::settings::Settings;
use super::{NEWEST_VERSION, OLDEST_VERSION, Salesforce};

/// `GET /services/data`, which needs no token.
pub(crate) async fn versions() -> Json<Value> {
    let version = |number| {
        let version = format!("{number}.0");
        json!({ "label": format!("Release {number}"), "url": format!("/services/data/v{version}"), "version": version })
    };
    Json((OLDEST_VERSION..=NEWEST_VERSION).map(version).collect())
}

/// `GET /services/data/v68.0`
pub(crate) async fn resources(Path(version): Path<String>) -> Json<Value> {
    let names = ["composite", "limits", "query", "sobjects"];
    Json(
        names
            .iter()
            .map(|name| ((*name).to_owned(), json!(format!("/services/data/{version}/{name}"))))
            .collect(),
    )
}

/// `GET /services/data/v68.0/sobjects`
pub(crate) async fn objects(
    State(salesforce): State<Salesforce>,
    Path(version): Path<String>,
) -> Json<Value> {
    let org = salesforce.org();
    let seen = Object::ALL.into_iter().filter(|object| org.settings.object(object.name()).is_some());
    let sobjects: Vec<_> = seen
        .map(|object| {
            let url = format!("/services/data/{version}/sobjects/{}", object.name());
            let mut summary = summary(&org.settings, object);
            summary["urls"] = json!({ "sobject": url, "describe": format!("{url}/describe") });
            summary
        })
        .collect();
    Json(json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects }))
}

/// `GET /services/data/v68.0/sobjects/Lead/describe`
pub(crate) async fn object(
    State(salesforce): State<Salesforce>,
    Path((_, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let org = salesforce.org();
    let object = known(&org.settings, &name)?;
    let mut description = summary(&org.settings, object);
    let fields = org.settings.fields(object).map(|one| field(&org.settings, object, one));
    description["fields"] = fields.collect();
    Ok(Json(description))
}

/// `GET /services/data/v68.0/limits`
pub(crate) async fn limits(State(salesforce): State<Salesforce>) -> Json<Value> {
    let org = salesforce.org();
    let most = org.settings.daily_api_calls;
    Json(json!({ "DailyApiRequests": { "Max": most, "Remaining": most.saturating_sub(org.calls_used) } }))
}

fn summary(settings: &Settings, object: Object) -> Value {
    json!({
        "name": object.name(),
        "label": object.name(),
        "keyPrefix": object.key_prefix(),
        "custom": false,
        "createable": settings.may_edit(object),
        "queryable": true,
        "updateable": settings.may_edit(object),
    })
}

fn field(settings: &Settings, object: Object, field: &Field) -> Value {
    let kind = match field.kind {
        Kind::Id => "id",
        Kind::Reference => "reference",
        Kind::Text(_) => "string",
        Kind::Email => "email",
        Kind::Picklist => "picklist",
        Kind::Boolean => "boolean",
        Kind::DateTime => "datetime",
    };
    let may_set = settings.may_edit(object) && settings.may_set(object, field);
    json!({
        "name": field.name,
        "label": field.label,
        "type": kind,
        "length": field.length(),
        "custom": field.name.ends_with("__c") || field.name.ends_with("__pc"),
        "createable": may_set,
        "updateable": may_set,
        "nillable": !field.required && !matches!(field.kind, Kind::Id | Kind::Boolean),
        "filterable": true,
        "restrictedPicklist": false,
        "externalId": field.external_id,
        "unique": false,
        "idLookup": field.names_a_row(),
    })
}
