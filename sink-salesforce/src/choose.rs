//! Which record belongs to an e-mail address.

use crate::records::LeadRow;

/// The record that a session with some address is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This Lead.
    Lead(&'a LeadRow),
    /// The Contact with this id, which a Lead with the address was converted to.
    Contact(&'a str),
    /// No record has the address.
    Nobody,
}

/// Chooses among the Leads with one address: the open one changed last; without an open one, the Contact of the
/// converted one changed last. Among those changed at the same time the one made last is taken, then the highest id,
/// so that the order of the rows does not matter.
pub fn choose<'a>(leads: &[&'a LeadRow]) -> Choice<'a> {
    let changed_last = |lead: &&LeadRow| (lead.last_modified_date, lead.created_date, lead.id.clone());
    let open = leads.iter().copied().filter(|lead| !lead.is_converted).max_by_key(changed_last);
    if let Some(lead) = open {
        return Choice::Lead(lead);
    }
    let has_contact = |lead: &&LeadRow| lead.converted_contact_id.is_some();
    let converted = leads.iter().copied().filter(has_contact).max_by_key(changed_last);
    converted.and_then(|lead| lead.converted_contact_id.as_deref()).map_or(Choice::Nobody, Choice::Contact)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::voice::Voice;

    fn lead(id: &str, contact: Option<&str>, modified: i64) -> LeadRow {
        let time = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
        LeadRow {
            id: id.to_owned(),
            email: None,
            is_converted: contact.is_some(),
            converted_contact_id: contact.filter(|id| !id.is_empty()).map(str::to_owned),
            created_date: time(0),
            last_modified_date: time(modified),
            voice: Voice::default(),
        }
    }

    #[test]
    fn an_open_lead_comes_before_a_newer_converted_one() {
        let (old, new, converted) = (lead("1", None, 1), lead("2", None, 2), lead("3", Some("c"), 9));
        assert_eq!(choose(&[&old, &converted, &new]), Choice::Lead(&new));
        assert_eq!(choose(&[&converted]), Choice::Contact("c"));
        assert_eq!(choose(&[]), Choice::Nobody);
    }

    #[test]
    fn a_converted_lead_without_a_contact_is_nobody() {
        let (lost, older) = (lead("1", Some(""), 9), lead("2", Some("c"), 1));
        assert_eq!(choose(&[&lost]), Choice::Nobody);
        assert_eq!(choose(&[&lost, &older]), Choice::Contact("c"));
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(
            rows in prop::collection::vec((prop::option::of("[c-d]?"), 0_i64..3), 0..6),
            rotation in 0_usize..6,
        ) {
            let rows: Vec<_> = rows.iter().enumerate()
                .map(|(index, (contact, modified))| lead(&index.to_string(), contact.as_deref(), *modified))
                .collect();
            let mut turned: Vec<_> = rows.iter().collect();
            let chosen = choose(&turned);
            if !turned.is_empty() {
                let middle = rotation % turned.len();
                turned.rotate_left(middle);
            }
            prop_assert_eq!(choose(&turned), chosen);
            turned.reverse();
            prop_assert_eq!(choose(&turned), chosen);
        }
    }
}
