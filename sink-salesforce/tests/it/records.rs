//! Which record is written, and what then stands in it.

use serde_json::{Value, json};
use simulators::salesforce::Config;
use sink::Writer as _;
use sink_salesforce::choose::Several;
use sink_salesforce::field_map;
use sink_salesforce::writer::SalesforceWriter;

use crate::org::{LEAD, Org, session, with_tier, write};

const CONVERTED: &str = "00Q5f00000A0003";
const CONTACT: &str = "0035f00000A0001";

fn voice(session_id: &str, second: u8, tier: Option<&str>) -> [Value; 3] {
    [json!(session_id), json!(format!("2025-10-29T12:00:{second:02}.000+0000")), json!(tier)]
}

#[tokio::test]
async fn a_lead_learns_of_the_session_and_keeps_its_owner() {
    let org = Org::start().await;
    let writer = org.writer();
    let owner = org.field(LEAD, "OwnerId");
    assert_eq!(write(&writer, &[session("room", "Test@Company.com", 7)]).await, ["updated"]);
    assert_eq!(org.voice(LEAD), voice("room", 7, Some("hot")));
    assert_eq!(org.field(LEAD, "OwnerId"), owner);
    assert_eq!(write(&writer, &[session("room", "test@company.com", 7)]).await, ["unchanged"]);
    let counters = org.counters();
    assert_eq!((counters.updated, counters.created, counters.tokens), (1, 0, 1));
}

#[tokio::test]
async fn a_session_without_a_tier_leaves_the_earlier_one() {
    let org = Org::start().await;
    let writer = org.writer();
    write(&writer, &[session("first", "test@company.com", 1)]).await;
    write(&writer, &[with_tier("second", "test@company.com", 2, None)]).await;
    assert_eq!(org.voice(LEAD), voice("second", 2, Some("hot")));
}

#[tokio::test]
async fn nobody_is_created_for_an_unknown_address_or_none() {
    let org = Org::start().await;
    let writer = org.writer();
    assert_eq!(
        write(&writer, &[session("a", "", 1), session("b", " \u{200b}", 1)]).await,
        ["no_email", "no_email"]
    );
    assert_eq!(org.counters().api_calls, 0);
    let batch = [session("c", "nobody@nowhere.example", 1), session("d", "gone@deleted.example", 1)];
    assert_eq!(write(&writer, &batch).await, ["no_match", "no_match"]);
    let counters = org.counters();
    assert_eq!((counters.created, counters.update_calls), (0, 0));
}

#[tokio::test]
async fn a_converted_lead_s_contact_is_written() {
    let org = Org::start().await;
    assert_eq!(write(&org.writer(), &[session("room", "carla@converted.example", 7)]).await, ["updated"]);
    assert_eq!(org.voice(CONTACT), voice("room", 7, Some("hot")));
    assert_eq!(org.voice(CONVERTED), [Value::Null, Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_contact_without_a_lead_is_written_where_that_is_wanted() {
    let contacts = json!([
        { "Id": CONTACT, "Email": "a@x.org" },
        { "Id": "0035f00000A0002", "Email": "b@x.org", "simulator": { "deleted": true } },
    ]);
    let org = Org::with_seed(json!({ "Contact": contacts })).await;
    let batch = ["a@x.org", "b@x.org", "c@x.org"].map(|email| session("room", email, 7));
    assert_eq!(write(&org.writer(), &batch).await, ["no_match"; 3]);
    let mut args = org.args();
    args.salesforce_match_contacts = true;
    let writer = SalesforceWriter::new(&args).unwrap();
    assert_eq!(write(&writer, &batch).await, ["updated", "no_match", "no_match"]);
    assert_eq!(org.voice(CONTACT), voice("room", 7, Some("hot")));
    assert_eq!(org.counters().created, 0);
}

#[tokio::test]
async fn a_lead_whose_contact_is_gone_gives_way_to_the_next() {
    let lead = |id, contact, modified| {
        json!({ "Id": id, "Email": "a@x.org", "IsConverted": true, "ConvertedContactId": contact,
            "LastModifiedDate": modified })
    };
    let seed = json!({
        "Lead": [
            lead("00Q5f00000A0001", CONTACT, "2025-01-01T00:00:00Z"),
            lead("00Q5f00000A0002", "0035f00000A0002", "2025-02-01T00:00:00Z"),
        ],
        "Contact": [
            { "Id": CONTACT, "Email": "a@x.org" },
            { "Id": "0035f00000A0002", "Email": "a@x.org", "simulator": { "deleted": true } },
        ],
    });
    let org = Org::with_seed(seed).await;
    assert_eq!(write(&org.writer(), &[session("room", "a@x.org", 7)]).await, ["updated"]);
    assert_eq!(org.voice(CONTACT), voice("room", 7, Some("hot")));
}

#[tokio::test]
async fn of_a_person_account_its_account_is_written() {
    const ACCOUNT: &str = "0015f00000A0001";
    let seed = json!({
        "Lead": [{ "Id": CONVERTED, "Email": "a@x.org", "IsConverted": true, "ConvertedContactId": CONTACT }],
        "Contact": [{ "Id": CONTACT, "Email": "a@x.org", "IsPersonAccount": true, "AccountId": ACCOUNT }],
        "Account": [{ "Id": ACCOUNT, "IsPersonAccount": true, "PersonContactId": CONTACT }],
    });
    let with_person_accounts = |config: &mut Config| config.settings.person_accounts = true;
    let org = Org::with(seed.to_string().as_bytes(), with_person_accounts).await;
    let writer = org.writer();
    assert_eq!(write(&writer, &[session("room", "a@x.org", 7)]).await, ["updated"]);
    assert_eq!(org.field(ACCOUNT, "Last_Voice_Session__pc"), "room");
    // The Contact holds the same, whichever is written; the history tells.
    assert_eq!(org.voice(CONTACT), voice("room", 7, Some("hot")));
    let history = |id| {
        let org = org.salesforce.org();
        let changes = org.records.get(id).unwrap().history.iter();
        changes.map(|change| (change.field, change.by.clone())).collect::<Vec<_>>()
    };
    let user = Config::new(Vec::new()).username;
    let fields = ["Last_Voice_Session__pc", "Last_Voice_Call_Date__pc", "Voice_Qualification_Tier__pc"];
    assert_eq!(history(ACCOUNT), fields.map(|field| (field, user.clone())));
    assert_eq!(history(CONTACT), []);
    let batch = [session("older", "a@x.org", 6), session("room", "a@x.org", 7)];
    assert_eq!(write(&writer, &batch).await, ["superseded", "unchanged"]);
}

#[tokio::test]
async fn an_org_whose_accounts_may_not_be_edited_is_not_as_it_must_be() {
    let settings = json!({ "person_accounts": true, "read_only": ["Account"] });
    let org = Org::start().await;
    org.set(settings).await;
    let outcome = write(&org.writer(), &[session("room", "test@company.com", 7)]).await.remove(0);
    let fault = "unavailable: the integration user may not edit Account.Last_Voice_Call_Date__pc";
    assert!(outcome.starts_with(fault), "{outcome}");
}

#[tokio::test]
async fn of_several_leads_the_open_one_changed_last_is_written() {
    let org = Org::start().await;
    assert_eq!(write(&org.writer(), &[session("room", "dora@double.example", 7)]).await, ["updated"]);
    assert_eq!(org.voice("00Q5f00000A0005"), voice("room", 7, Some("hot")));
    assert_eq!(org.counters().updated, 1);
}

#[tokio::test]
async fn several_leads_are_all_written_or_none_where_that_is_wanted() {
    let org = Org::start().await;
    let mut args = org.args();
    args.salesforce_several = Several::Reject;
    let writer = SalesforceWriter::new(&args).unwrap();
    let outcome = write(&writer, &[session("room", "dora@double.example", 7)]).await.remove(0);
    assert!(outcome.starts_with("ambiguous: ") && outcome.contains("records have the address"), "{outcome}");
    assert_eq!(org.counters().updated, 0);

    args.salesforce_several = Several::All;
    let writer = SalesforceWriter::new(&args).unwrap();
    assert_eq!(write(&writer, &[session("room", "dora@double.example", 7)]).await, ["updated"]);
    assert!(org.counters().updated > 1, "{:?}", org.counters().updated);
    assert_eq!(write(&writer, &[session("room", "dora@double.example", 7)]).await, ["unchanged"]);
}

#[tokio::test]
async fn a_map_of_ones_own_writes_its_fields() {
    let org = Org::start().await;
    let map = tempfile::NamedTempFile::new().unwrap();
    let text =
        field_map::DEFAULT.replace("/discovered_signals/qualification_tier", "/discovered_signals/mood");
    std::fs::write(map.path(), text.replace("absent = \"omit\"", "absent = \"null\"")).unwrap();
    let mut args = org.args();
    args.salesforce_fields = Some(map.path().to_owned());
    let writer = SalesforceWriter::new(&args).unwrap();
    assert_eq!(write(&writer, &[session("room", "test@company.com", 7)]).await, ["updated"]);
    assert_eq!(org.voice(LEAD), voice("room", 7, None));

    std::fs::write(map.path(), field_map::DEFAULT.replace("Voice_Qualification_Tier__c", "Nowhere__c"))
        .unwrap();
    let writer = SalesforceWriter::new(&args).unwrap();
    let outcome = write(&writer, &[session("room", "test@company.com", 8)]).await.remove(0);
    assert!(outcome.starts_with("unavailable: Lead has no field Nowhere__c"), "{outcome}");
    assert_eq!(writer.probe().await.unwrap_err(), outcome.trim_start_matches("unavailable: "));
}

#[tokio::test]
async fn an_older_session_never_overwrites_a_newer_one() {
    let org = Org::start().await;
    let writer = org.writer();
    let email = "test@company.com";
    assert_eq!(write(&writer, &[session("newer", email, 9)]).await, ["updated"]);
    assert_eq!(write(&writer, &[session("older", email, 8)]).await, ["stale"]);
    assert_eq!(write(&writer, &[session("nora", "nora@newer.example", 8)]).await, ["stale"]);
    let batch = [session("b", email, 11), session("c", email, 12), session("a", email, 10)];
    assert_eq!(write(&writer, &batch).await, ["superseded", "updated", "superseded"]);
    assert_eq!(org.voice(LEAD), voice("c", 12, Some("hot")));
    assert_eq!(org.counters().updated, 2);
}

#[tokio::test]
async fn the_org_s_rule_holds_where_somebody_writes_a_newer_session_in_between() {
    let newer = "2030-01-01T00:00:00.000+0000";
    let org = Org::with_lead("a@x.org", json!({ "before_update": { "newer_call": newer } })).await;
    let batch = [session("old", "a@x.org", 1), session("older", "a@x.org", 0)];
    assert_eq!(write(&org.writer(), &batch).await, ["stale", "stale"]);
    assert_eq!(org.field(LEAD, "Last_Voice_Call_Date__c"), newer);
}

#[tokio::test]
async fn a_record_that_moved_in_between_is_looked_up_again() {
    let contact = json!([{ "Id": CONTACT, "Email": "a@x.org" }]);
    let lead = |simulator| json!([{ "Id": LEAD, "Email": "a@x.org", "simulator": simulator }]);
    let converted = lead(json!({ "before_update": { "convert_to": CONTACT } }));
    let org = Org::with_seed(json!({ "Lead": converted, "Contact": contact })).await;
    assert_eq!(write(&org.writer(), &[session("room", "a@x.org", 7)]).await, ["updated"]);
    assert_eq!(org.voice(CONTACT), voice("room", 7, Some("hot")));

    let org = Org::with_seed(json!({ "Lead": lead(json!({ "before_update": "delete" })) })).await;
    assert_eq!(write(&org.writer(), &[session("room", "a@x.org", 7)]).await, ["no_match"]);
    assert_eq!(org.counters().created, 0);
}

#[tokio::test]
async fn hostile_addresses_match_their_own_record_or_none() {
    // As long as an Email field takes; and as long as an address can be, with that one at its beginning.
    let long = format!("{}@x.org", "l".repeat(74));
    let longest = format!("{long}.{}", "l".repeat(173));
    let hostile = [
        "o'brien+x@y.inc",
        r#""a b"@x.org"#,
        &long,
        r"a'@x.org",
        r"a\@x.org",
        r"a\'@x.org",
        r#""a"@x.org"#,
        r"')or(Email!='@x.org",
        r"%@x.org",
        r"_@x.org",
        r"a%27@x.org",
        r"a&q=SELECT@x.org",
        r#""x' OR Email != '"@x.org"#,
        "zoë@müller.example",
        "🦀@x.org",
    ];
    let lead = |(index, email)| json!({ "Id": format!("00Q5f0000{index:06}"), "Email": email });
    let leads: Vec<_> = hostile.iter().enumerate().map(lead).collect();
    let org = Org::with_seed(json!({ "Lead": leads })).await;
    let writer = org.writer();
    let others = ["a@x.org", r"b'@x.org", r"b\@x.org", "A%@x.org", "zoe@muller.example", &longest];
    let batch: Vec<_> = others.iter().map(|email| session("room", email, 1)).collect();
    assert_eq!(write(&writer, &batch).await, ["no_match"; 6]);
    let too_long = format!("l{longest}");
    let batch = ["x' OR Name != '", "a b@x.org", "a@b@x.org", &too_long].map(|text| session("room", text, 1));
    let outcomes = write(&writer, &batch).await;
    assert!(outcomes.iter().all(|outcome| outcome.starts_with("unreadable_email: ")), "{outcomes:?}");

    let sessions = hostile.iter().enumerate();
    let batch: Vec<_> = sessions.map(|(index, email)| session(&format!("s{index}"), email, 1)).collect();
    assert_eq!(write(&writer, &batch).await, vec!["updated"; hostile.len()]);
    for (index, email) in hostile.iter().enumerate() {
        let id = format!("00Q5f0000{index:06}");
        assert_eq!(org.field(&id, "Last_Voice_Session__c"), json!(format!("s{index}")), "{email}");
    }
}

#[tokio::test]
async fn a_full_batch_of_long_addresses_takes_several_queries_and_one_update() {
    let email = |index: usize| format!("{}{index}@x.org", "ü".repeat(60));
    let lead = |index| json!({ "Id": format!("00Q5f0000{index:06}"), "Email": email(index) });
    let seed = json!({ "Lead": (0..200).map(lead).collect::<Vec<_>>() });
    // Small pages, so that results are followed over several.
    let org = Org::with(seed.to_string().as_bytes(), |config| config.settings.page_size = 7).await;
    let batch: Vec<_> = (0..200).map(|index| session(&format!("s{index}"), &email(index), 1)).collect();
    assert_eq!(write(&org.writer(), &batch).await, ["updated"; 200]);
    let counters = org.counters();
    assert_eq!((counters.updated, counters.update_calls, counters.created), (200, 1, 0));
    assert!(counters.queries > 10, "{counters:?}");
    assert_eq!(org.field("00Q5f0000000199", "Last_Voice_Session__c"), "s199");
}

#[tokio::test]
async fn a_session_name_longer_than_the_field_is_cut() {
    let org = Org::start().await;
    let writer = org.writer();
    let long = [session(&"🦀".repeat(300), "test@company.com", 7)];
    assert_eq!(write(&writer, &long).await, ["updated"]);
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "🦀".repeat(127));
    assert_eq!(write(&writer, &long).await, ["unchanged"]);
}

#[tokio::test]
async fn leads_and_contacts_go_into_one_call() {
    let org = Org::start().await;
    let writer = org.writer();
    writer.probe().await.unwrap();
    let emails = ["carla@converted.example", "test@company.com", "grace@navy.example"];
    let batch = emails.map(|email| session("room", email, 7));
    assert_eq!(write(&writer, &batch).await, ["updated"; 3]);
    assert_eq!(org.counters().update_calls, 1);
}
