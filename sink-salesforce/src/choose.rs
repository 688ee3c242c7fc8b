//! Which records belong to an e-mail address.

use std::collections::HashSet;

use crate::records::{ContactRow, LeadRow};

/// What is done where several records have the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Several {
    /// The open Lead that was changed last is written.
    #[default]
    NewestOpen,
    /// All of them are written.
    All,
    /// None is written, and the session becomes a dead letter.
    Reject,
}

/// The records that a session with some address is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// These Leads.
    Leads(Vec<&'a LeadRow>),
    /// The Contacts with these ids, which Leads with the address were converted to.
    Converted(Vec<&'a str>),
    /// These Contacts, which have the address themselves.
    Contacts(Vec<&'a ContactRow>),
    /// So many records have the address, and nobody may choose.
    Ambiguous(usize),
    /// No record has the address.
    Nobody,
}

impl<'a> Choice<'a> {
    /// Ids of the Contacts that are to be looked up.
    pub(crate) fn converted(&self) -> &[&'a str] {
        if let Self::Converted(ids) = self { ids } else { &[] }
    }
}

/// Chooses among the records with one address: open Leads before the Contacts of converted ones, and these before Contacts
/// that have the address themselves. Among those changed at the same time the one made last counts as the newest, then the
/// highest id, so that the order of the rows does not matter.
pub fn choose<'a>(leads: &[&'a LeadRow], contacts: &[&'a ContactRow], several: Several) -> Choice<'a> {
    let mut open: Vec<_> = leads.iter().copied().filter(|lead| !lead.is_converted).collect();
    open.sort_by_key(|lead| (lead.last_modified_date, lead.created_date, &lead.id));
    let mut converted: Vec<_> = leads.iter().copied().filter(|lead| lead.is_converted).collect();
    converted.sort_by_key(|lead| (lead.last_modified_date, lead.created_date, &lead.id));
    let mut converted: Vec<_> =
        converted.into_iter().filter_map(|lead| lead.converted_contact_id.as_deref()).collect();
    // Leads can be converted to the same Contact; the one converted last decides where it stands.
    let mut seen = HashSet::new();
    converted.reverse();
    converted.retain(|id| seen.insert(*id));
    converted.reverse();
    let mut contacts = contacts.to_vec();
    contacts.sort_by_key(|contact| (contact.last_modified_date, contact.created_date, &contact.id));

    let kinds = [
        pick(open, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Leads)),
        pick(converted, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Converted)),
        pick(contacts, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Contacts)),
    ];
    kinds.into_iter().flatten().next().unwrap_or(Choice::Nobody)
}

/// Of records of one kind, the newest last: those to be written, or how many there are where nobody may choose; `None` of none.
fn pick<T>(mut records: Vec<T>, several: Several) -> Option<Result<Vec<T>, usize>> {
    match (records.len(), several) {
        (0, _) => None,
        (1, _) | (_, Several::All) => Some(Ok(records)),
        (_, Several::NewestOpen) => Some(Ok(records.split_off(records.len() - 1))),
        (count, Several::Reject) => Some(Err(count)),
    }
}

#[cfg(test)]
mod tests {
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
    fn an_open_lead_comes_before_a_newer_converted_one_and_before_contacts() {
        let (old, new, converted) = (lead("1", None, 1), lead("2", None, 2), lead("3", Some("c"), 9));
        let person = contact("d", 99);
        assert_eq!(
            choose(&[&old, &converted, &new], &[&person], Several::NewestOpen),
            Choice::Leads(vec![&new])
        );
        assert_eq!(choose(&[&converted], &[&person], Several::NewestOpen), Choice::Converted(vec!["c"]));
        assert_eq!(choose(&[], &[&person], Several::NewestOpen), Choice::Contacts(vec![&person]));
        assert_eq!(choose(&[], &[], Several::NewestOpen), Choice::Nobody);
    }

    #[test]
    fn several_are_all_written_or_none_where_that_is_wanted() {
        let (one, two, converted) = (lead("1", None, 2), lead("2", None, 1), lead("3", Some("c"), 9));
        let leads = [&one, &converted, &two];
        assert_eq!(choose(&leads, &[], Several::All), Choice::Leads(vec![&two, &one]));
        assert_eq!(choose(&leads, &[], Several::Reject), Choice::Ambiguous(2));
        assert_eq!(choose(&[&one, &converted], &[], Several::Reject), Choice::Leads(vec![&one]));
    }

    #[test]
    fn a_converted_lead_without_a_contact_is_nobody_and_one_contact_counts_once() {
        let (lost, older, same) = (lead("1", Some(""), 9), lead("2", Some("c"), 1), lead("3", Some("c"), 2));
        assert_eq!(choose(&[&lost], &[], Several::All), Choice::Nobody);
        assert_eq!(choose(&[&lost, &older, &same], &[], Several::Reject), Choice::Converted(vec!["c"]));
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
            let chosen = choose(&turned, &[], several);
            if !turned.is_empty() {
                let middle = rotation % turned.len();
                turned.rotate_left(middle);
            }
            prop_assert_eq!(choose(&turned, &[], several), chosen.clone());
            turned.reverse();
            prop_assert_eq!(choose(&turned, &[], several), chosen);
        }
    }
}
