//! Addresses as people and other programs write them, and records that have another spelling.

use serde_json::json;

use crate::org::{LEAD, Org, session, write};

#[tokio::test]
async fn what_cannot_be_seen_or_is_around_an_address_hides_no_lead() {
    let org = Org::with_lead("plain@x.org", json!({})).await;
    let writer = org.writer();
    for (second, address) in [
        "plain@x.org\u{200b}",
        "\u{feff}plain@x.org",
        "pla\u{ad}in@x.org",
        "\u{202e}plain@x.org",
        "PLAIN\u{ff20}X\u{ff0e}ORG",
        "mailto:plain@x.org",
        "Pat <plain@x.org>",
        "plain@x.org.",
    ]
    .into_iter()
    .enumerate()
    {
        let room = format!("room-{second}");
        assert_eq!(
            write(&writer, &[session(&room, address, second as u8)]).await,
            ["updated"],
            "{address:?}"
        );
        assert_eq!(org.voice(LEAD)[0], room);
    }
}

#[tokio::test]
async fn a_domain_in_its_own_script_is_the_same_as_in_ascii() {
    for stored in ["ann@m\u{fc}nchen.example", "Ann@XN--MNCHEN-3YA.example"] {
        let org = Org::with_lead(stored, json!({})).await;
        let writer = org.writer();
        for (second, typed) in
            ["ann@xn--mnchen-3ya.example", "ann@M\u{dc}NCHEN.example", "ann@mu\u{308}nchen.example"]
                .into_iter()
                .enumerate()
        {
            let room = format!("room-{second}");
            assert_eq!(
                write(&writer, &[session(&room, typed, second as u8)]).await,
                ["updated"],
                "{stored} {typed}"
            );
        }
    }
}

#[tokio::test]
async fn an_address_that_no_door_would_take_today_is_still_looked_up() {
    for address in ["taro..yamada.@docomo.example", "ann@intranet", "ann@under_score.example"] {
        let org = Org::with_lead(address, json!({})).await;
        assert_eq!(write(&org.writer(), &[session("room", address, 1)]).await, ["updated"], "{address}");
    }
}
