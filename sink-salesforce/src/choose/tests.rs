//! Which of several records with an address are chosen.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::fields::Row;

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn lead(id: &str, contact: Option<&str>, modified: i64) -> LeadRow {
    LeadRow {
        id: id.to_owned(),
        email: None,
        is_converted: contact.is_some(),
        converted_contact_id: contact.filter(|id| !id.is_empty()).map(str::to_owned),
        created_date: time(0),
        last_modified_date: time(modified),
        fields: Row::new(),
    }
}

fn contact(id: &str, modified: i64) -> ContactRow {
    ContactRow {
        id: id.to_owned(),
        email: None,
        is_person_account: false,
        account_id: None,
        created_date: time(0),
        last_modified_date: time(modified),
        fields: Row::new(),
    }
}

#[test]
fn an_open_lead_comes_before_what_a_newer_one_became_and_that_before_other_contacts() {
    let (old, new, converted) = (lead("1", None, 1), lead("2", None, 2), lead("3", Some("c"), 9));
    let (customer, person) = (contact("c", 3), contact("d", 99));
    let newest = Several::NewestOpen;
    let leads = [&old, &converted, &new];
    assert_eq!(choose(&leads, vec![&customer], &[&person], newest), Choice::Leads(vec![&new]));
    let only = choose(&[&converted], vec![&customer], &[&person], newest);
    assert_eq!(only, Choice::Contacts(vec![&customer]));
    assert_eq!(choose(&[&converted], vec![], &[&person], newest), Choice::Contacts(vec![&person]));
    assert_eq!(choose(&[&converted], vec![], &[], newest), Choice::Nobody);
}

#[test]
fn several_are_all_written_or_none_where_that_is_wanted() {
    let (one, two, converted) = (lead("1", None, 2), lead("2", None, 1), lead("3", Some("c"), 9));
    let leads = [&one, &converted, &two];
    assert_eq!(choose(&leads, vec![], &[], Several::All), Choice::Leads(vec![&two, &one]));
    assert_eq!(choose(&leads, vec![], &[], Several::Reject), Choice::Ambiguous(2));
    assert_eq!(choose(&[&one, &converted], vec![], &[], Several::Reject), Choice::Leads(vec![&one]));
    let many = vec![&one; MOST_RECORDS + 1];
    assert_eq!(choose(&many, vec![], &[], Several::All), Choice::Ambiguous(MOST_RECORDS + 1));
}

#[test]
fn what_leads_became_is_named_once_and_the_newest_last() {
    let rows = [lead("1", Some("c"), 1), lead("2", Some("d"), 2), lead("3", Some("c"), 3)];
    let (lost, open) = (lead("4", Some(""), 9), lead("5", None, 9));
    assert_eq!(became(&[&rows[2], &open, &rows[0], &lost, &rows[1]]), ["d", "c"]);
    assert!(has_open(&[&lost, &open]) && !has_open(&[&lost]));
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter(
        rows in prop::collection::vec((prop::option::of("[c-d]?"), 0_i64..3), 0..6),
        rotation in 0_usize..6,
        several in prop::sample::select(vec![Several::NewestOpen, Several::All, Several::Reject]),
    ) {
        let rows: Vec<_> = rows.iter().enumerate()
            .map(|(index, (contact, modified))| lead(&index.to_string(), contact.as_deref(), *modified))
            .collect();
        let mut turned: Vec<_> = rows.iter().collect();
        let chosen = (became(&turned), choose(&turned, vec![], &[], several));
        if !turned.is_empty() {
            let middle = rotation % turned.len();
            turned.rotate_left(middle);
        }
        prop_assert_eq!((became(&turned), choose(&turned, vec![], &[], several)), chosen.clone());
        turned.reverse();
        prop_assert_eq!((became(&turned), choose(&turned, vec![], &[], several)), chosen);
    }
}
