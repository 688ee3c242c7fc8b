//! What a query finds, and what is no query.

use serde_json::{Value, json};

use crate::salesforce::org::{LEAD, Org};

#[tokio::test]
async fn texts_are_found_whatever_their_case() {
    let org = Org::start().await;
    for (email, stored) in
        [("TEST@Company.com", "test@company.com"), ("ZOË@MÜLLER.example", "zoë@müller.example")]
    {
        let answer = org.query(&format!("SELECT Id, Email FROM Lead WHERE Email IN ('{email}')")).await;
        assert_eq!(answer.body["totalSize"], 1, "{answer:?}");
        assert_eq!(answer.body["records"][0]["Email"], stored);
    }
    let by_short_id = org.query(&format!("SELECT Id FROM Lead WHERE Id = '{}'", &LEAD[..15])).await;
    assert_eq!(by_short_id.body["records"][0]["Id"], LEAD);
}

#[tokio::test]
async fn a_text_that_is_missing_equals_an_empty_one() {
    let seed = json!({ "Lead": [{ "Id": LEAD }, { "Id": "00Q5f00000A0002", "Email": "a@x.org" }] });
    let org = Org::with(seed.to_string().as_bytes(), |_| {}).await;
    let found = async |condition: &str| {
        let answer = org.query(&format!("SELECT Id FROM Lead WHERE {condition}")).await.body;
        let rows = answer["records"].as_array().unwrap();
        rows.iter().map(|row| row["Id"].as_str().unwrap()[..15].to_owned()).collect::<Vec<_>>()
    };
    for field in ["Email", "Company", "Voice_Qualification_Tier__c"] {
        assert_eq!(found(&format!("{field} = ''")).await[0], LEAD[..15], "{field}");
    }
    assert_eq!(found("Email = ''").await.len(), 1);
    assert_eq!(found("Email IN ('', 'A@x.org')").await.len(), 2);
}

#[tokio::test]
async fn a_long_result_comes_in_pages_and_every_row_once() {
    let lead = |index| json!({ "Id": format!("00Q5f0000{index:06}"), "Email": "a@x.org" });
    let seed = json!({ "Lead": (0..4_500).map(lead).collect::<Vec<_>>() }).to_string();
    let org = Org::with(seed.as_bytes(), |_| {}).await;
    let mut page = org.query("SELECT Id FROM Lead").await.body;
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    loop {
        let rows = page["records"].as_array().unwrap();
        sizes.push(rows.len());
        ids.extend(rows.iter().map(|row| row["Id"].as_str().unwrap().to_owned()));
        assert_eq!(page["totalSize"], 4_500);
        assert_eq!(page["done"] == true, page["nextRecordsUrl"] == Value::Null);
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        let path = next.strip_prefix("/services/data/v68.0/").unwrap().to_owned();
        page = org.get(&path).await.body;
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((sizes, ids.len()), (vec![2_000, 2_000, 500], 4_500));
    assert_eq!(org.get("query/01gnone-2000").await.error(), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test]
async fn what_is_no_query_is_refused_and_says_why() {
    let org = Org::start().await;
    for (statement, code, message) in [
        ("SELECT Shoe__c FROM Lead", "INVALID_FIELD", "No such column 'Shoe__c' on entity 'Lead'."),
        (
            "SELECT Id FROM Lead WHERE Shoe__c = 'x'",
            "INVALID_FIELD",
            "No such column 'Shoe__c' on entity 'Lead'.",
        ),
        ("SELECT Id FROM Shoe", "INVALID_TYPE", "sObject type 'Shoe' is not supported."),
        ("SELECT Id, id FROM Lead", "MALFORMED_QUERY", "duplicate field selected: id"),
        ("SELECT Id FROM Lead WHERE Email = 'o'brien'", "MALFORMED_QUERY", "unterminated string literal"),
        (
            r"SELECT Id FROM Lead WHERE Email = 'a\qb'",
            "MALFORMED_QUERY",
            "illegal character sequence after a backslash",
        ),
        ("SELECT Id FROM Lead WHERE IsConverted = 'true'", "INVALID_FIELD", "must be of type boolean"),
        (
            "SELECT Id FROM Lead WHERE Id IN ('00Q5f00000A0001', '00Q')",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: 00Q",
        ),
        (
            "SELECT Id FROM Contact WHERE AccountId = 'nobody'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: nobody",
        ),
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ] {
        let answer = org.query(statement).await;
        assert_eq!(answer.error(), (400, code), "{statement}");
        assert!(answer.message().contains(message), "{}", answer.message());
    }
    assert_eq!(org.get("query").await.error(), (400, "MALFORMED_QUERY"));
}

#[tokio::test]
async fn texts_and_heads_have_a_longest_length() {
    let org = Org::start().await;
    let of_length = |length: usize| format!("SELECT Id FROM Lead WHERE Email = '{}'", "x".repeat(length));
    assert_eq!(org.query(&of_length(4_000)).await.status, 200);
    assert_eq!(org.query(&of_length(4_001)).await.error(), (400, "MALFORMED_QUERY"));
    assert_eq!(org.query(&of_length(16_200)).await.status, 431);
    assert_eq!(org.query(&of_length(16_400)).await.status, 414);
}

#[tokio::test]
async fn what_the_user_may_not_see_is_not_there() {
    let org = Org::start().await;
    org.set(json!({ "hidden": ["Contact", "Lead.Last_Voice_Session__c"] })).await;
    let answer = org.query("SELECT Id, Last_Voice_Session__c FROM Lead").await;
    assert_eq!(answer.error(), (400, "INVALID_FIELD"));
    assert_eq!(org.query("SELECT Id FROM Contact").await.error(), (400, "INVALID_TYPE"));
    assert_eq!(org.get("sobjects/Contact/describe").await.error(), (404, "NOT_FOUND"));
    let row = org.get(&format!("sobjects/Lead/{LEAD}")).await.body;
    assert_eq!((row.get("Last_Voice_Session__c"), &row["Email"]), (None, &json!("test@company.com")));
    org.set(json!({ "hidden": [] })).await;
    assert_eq!(org.query("SELECT Id, Last_Voice_Session__c FROM Lead").await.status, 200);
}
