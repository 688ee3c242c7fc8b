//! The pages for people.

use serde_json::{Value, json};

use crate::salesforce::org::{LEAD, Org, row};

async fn page(org: &Org, path: &str) -> (u16, String) {
    let answer = org.http.get(format!("{}{path}", org.url)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_list_shows_the_rows_and_its_filter_narrows_it() {
    let org = Org::start().await;
    let (status, all) = page(&org, "/").await;
    assert_eq!(status, 200);
    assert!(
        all.contains("Leads (12)") && all.contains("Contacts (2)") && all.contains("Last voice session"),
        "{all}"
    );
    assert!(!all.contains("gone@deleted.example"), "a deleted row is not there");
    let (_, some) = page(&org, "/?filter=NAVY").await;
    assert!(some.contains("Leads (1)") && some.contains("grace@navy.example"), "{some}");
    assert!(!some.contains("test@company.com"), "{some}");
    assert!(some.contains(r#"value="NAVY""#), "{some}");
}

#[tokio::test]
async fn a_row_s_page_shows_what_changed_when_and_by_whom() {
    let org = Org::start().await;
    for (session, tier) in [("first", "cold"), ("second", "hot")] {
        let fields = json!({ "Last_Voice_Session__c": session, "Voice_Qualification_Tier__c": tier });
        assert_eq!(org.update(&[row(LEAD, fields)]).await, ["ok"]);
    }
    let (status, shown) = page(&org, &format!("/records/{LEAD}")).await;
    assert_eq!(status, 200);
    let history = shown.split_once("History").unwrap().1;
    let cell = |text: &str| format!("<td>{text}</td>\n");
    let change = |label, old, new| [label, old, new, "integration@postcall.example"].map(cell).concat();
    let newer = history.find(&change("Last Voice Session", "first", "second")).unwrap();
    let older = history.find(&change("Last Voice Session", "", "first")).unwrap();
    assert!(newer < older, "the newest comes first");
    assert!(history.contains(&change("Voice Qualification Tier", "cold", "hot")), "{history}");
    assert!(history.contains("assignment rule"), "{history}");

    let admin = org
        .http
        .get(format!("{}/simulator/records/{LEAD}", org.url))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let admin: Value = serde_json::from_str(&admin).unwrap();
    assert_eq!(admin["fields"]["Last_Voice_Session__c"], "second");
    let sessions = admin["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["field"] == "Last_Voice_Session__c");
    let sessions: Vec<_> = sessions.map(|change| (change["old"].clone(), change["new"].clone())).collect();
    assert_eq!(sessions, [(Value::Null, json!("first")), (json!("first"), json!("second"))]);
}

#[tokio::test]
async fn what_a_row_holds_cannot_become_part_of_a_page() {
    let hostile = r#"<img src=x onerror="alert('x')">&"#;
    let lead = json!({ "Id": LEAD, "LastName": hostile, "Email": "a@x.org", "Company": hostile });
    let org = Org::with(json!({ "Lead": [lead] }).to_string().as_bytes(), |_| {}).await;
    assert_eq!(org.update(&[row(LEAD, json!({ "Last_Voice_Session__c": hostile }))]).await, ["ok"]);
    for path in ["/", &format!("/records/{LEAD}"), "/?filter=%3Cimg%20src=x%20onerror"] {
        let (_, shown) = page(&org, path).await;
        assert!(!shown.contains("<img"), "{path}: {shown}");
        assert!(
            shown.contains("&lt;img src=x onerror=&quot;alert(&#39;x&#39;)&quot;&gt;&amp;"),
            "{path}: {shown}"
        );
    }
}

#[tokio::test]
async fn a_row_that_is_not_there_has_no_page() {
    let org = Org::start().await;
    assert_eq!(page(&org, "/records/00Q5f00000A9999").await.0, 404);
    assert_eq!(page(&org, "/records/%3Cscript%3E").await.0, 404);
}
