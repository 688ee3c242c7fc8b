//! What the org tells of itself.

use serde_json::{Value, json};

use crate::salesforce::org::{LEAD, Org, answer, row};

async fn field(org: &Org, object: &str, name: &str) -> Option<Value> {
    let description = org.get(&format!("sobjects/{object}/describe")).await.body;
    description["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned()
}

#[tokio::test]
async fn a_field_says_how_long_it_is_and_what_may_be_done_with_it() {
    let org = Org::start().await;
    let told = async |object: &str, name: &str| {
        let field = field(&org, object, name).await.unwrap();
        ["type", "length", "updateable", "idLookup", "externalId"].map(|key| field[key].clone())
    };
    for object in ["Lead", "Contact"] {
        assert_eq!(
            told(object, "Email").await,
            [json!("email"), json!(80), json!(true), json!(true), json!(false)]
        );
        let session = [json!("string"), json!(255), json!(true), json!(true), json!(true)];
        assert_eq!(told(object, "Last_Voice_Session__c").await, session);
        let date = [json!("datetime"), json!(0), json!(true), json!(false), json!(false)];
        assert_eq!(told(object, "Last_Voice_Call_Date__c").await, date);
    }
    let converted = told("Lead", "IsConverted").await;
    assert_eq!(converted, [json!("boolean"), json!(0), json!(false), json!(false), json!(false)]);
    org.set(json!({ "read_only": ["Lead.Email"], "hidden": ["Contact.Email"] })).await;
    assert_eq!(told("Lead", "Email").await[2], false);
    assert_eq!(field(&org, "Contact", "Email").await, None);
}

#[tokio::test]
async fn person_accounts_are_there_once_they_are_switched_on() {
    let org = Org::start().await;
    let statement = "SELECT Id, IsPersonAccount FROM Contact";
    assert_eq!(field(&org, "Contact", "IsPersonAccount").await, None);
    assert_eq!(org.query(statement).await.error(), (400, "INVALID_FIELD"));
    let switched = json!({ "IsPersonAccount": true });
    assert_eq!(org.update(&[row("0035f00000A0001", switched)]).await, ["INVALID_FIELD"]);
    org.set(json!({ "person_accounts": true })).await;
    assert_eq!(org.query(statement).await.body["records"][0]["IsPersonAccount"], false);
    assert_eq!(field(&org, "Account", "Last_Voice_Session__pc").await.unwrap()["updateable"], true);
}

#[tokio::test]
async fn the_objects_and_versions_are_listed() {
    let org = Org::start().await;
    let names = async || {
        let list = org.get("sobjects").await.body["sobjects"].as_array().unwrap().clone();
        list.into_iter().map(|object| object["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["Lead", "Contact", "Account"]);
    org.set(json!({ "hidden": ["Contact"] })).await;
    assert_eq!(names().await, ["Lead", "Account"]);
    let versions = answer(org.http.get(format!("{}/services/data", org.url))).await.body;
    let newest = versions.as_array().unwrap().last().unwrap();
    assert_eq!((&newest["version"], &newest["url"]), (&json!("68.0"), &json!("/services/data/v68.0")));
    let of_version = async |version: &str| {
        let url = format!("{}/services/data/{version}/limits", org.url);
        let token = org.data(reqwest::Method::GET, "").build().unwrap().headers()["authorization"].clone();
        answer(org.http.get(url).header("Authorization", token)).await.error().1.to_owned()
    };
    assert_eq!(
        [of_version("v30.0").await, of_version("v69.0").await],
        ["UNSUPPORTED_API_VERSION", "NOT_FOUND"]
    );
}

#[tokio::test]
async fn every_answer_says_how_much_of_the_limit_is_used_and_then_there_is_no_more() {
    let org = Org::start().await;
    org.set(json!({ "daily_api_calls": 3 })).await;
    let usage = |answer: &crate::salesforce::org::Answer| {
        answer.headers["sforce-limit-info"].to_str().unwrap().to_owned()
    };
    let first = org.get("limits").await;
    assert_eq!(first.body["DailyApiRequests"], json!({ "Max": 3, "Remaining": 2 }));
    assert_eq!(usage(&first), "api-usage=1/3");
    assert_eq!(usage(&org.query("SELECT Shoe__c FROM Lead").await), "api-usage=2/3");
    assert_eq!(org.update(&[row(LEAD, json!({}))]).await, ["ok"]);
    let refused = org.get("limits").await;
    assert_eq!(
        (refused.error(), usage(&refused)),
        ((403, "REQUEST_LIMIT_EXCEEDED"), "api-usage=3/3".to_owned())
    );
    org.set(json!({ "daily_api_calls": 4 })).await;
    assert_eq!(org.get("limits").await.status, 200);
}

#[tokio::test]
async fn an_org_without_the_api_says_so() {
    let org = Org::start().await;
    org.set(json!({ "api_enabled": false })).await;
    assert_eq!(org.get("limits").await.error(), (403, "API_DISABLED_FOR_ORG"));
}

#[tokio::test]
async fn a_setting_or_a_fault_that_there_is_not_is_refused() {
    let org = Org::start().await;
    assert_eq!(org.set(json!({ "shoe": 1 })).await.status, 422);
    assert_eq!(org.set(json!({ "hidden": ["Lead.Shoe__c"] })).await.status, 422);
    assert_eq!(org.inject(json!({ "shoe": 1 })).await.status, 422);
}
