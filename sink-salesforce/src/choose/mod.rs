//! Which records belong to an e-mail address.

#[cfg(test)]
mod tests;

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

/// Most records of one address that are written: as many as fit into a call.
const MOST_RECORDS: usize = 200;

/// The records that a session with some address is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Open Leads, the newest last.
    Leads(Vec<&'a LeadRow>),
    /// Contacts, the newest last.
    Contacts(Vec<&'a ContactRow>),
    /// So many records have the address, and nobody may choose.
    Ambiguous(usize),
    /// No record has the address.
    Nobody,
}

/// Whether one of some Leads can be written itself.
pub fn has_open(leads: &[&LeadRow]) -> bool {
    leads.iter().any(|lead| !lead.is_converted)
}

/// Ids of the Contacts that some Leads became, each once; last that of the Lead changed last.
pub fn became<'a>(leads: &[&'a LeadRow]) -> Vec<&'a str> {
    let mut converted: Vec<_> = leads.iter().copied().filter(|lead| lead.is_converted).collect();
    converted.sort_by_key(|lead| (lead.last_modified_date, lead.created_date, &lead.id));
    let mut seen = HashSet::new();
    let ids = converted.into_iter().rev().filter_map(|lead| lead.converted_contact_id.as_deref());
    let mut ids: Vec<_> = ids.filter(|id| seen.insert(*id)).collect();
    ids.reverse();
    ids
}

/// Chooses among the records with one address: open Leads, before the Contacts that converted ones became (in the order of
/// [`became`]), before Contacts that have the address themselves. Among those changed at the same time the one made last
/// counts as the newest, then the highest id, so that the order of the rows does not matter.
pub fn choose<'a>(
    leads: &[&'a LeadRow],
    became: Vec<&'a ContactRow>,
    contacts: &[&'a ContactRow],
    several: Several,
) -> Choice<'a> {
    let mut open: Vec<_> = leads.iter().copied().filter(|lead| !lead.is_converted).collect();
    open.sort_by_key(|lead| (lead.last_modified_date, lead.created_date, &lead.id));
    let mut contacts = contacts.to_vec();
    contacts.sort_by_key(|contact| (contact.last_modified_date, contact.created_date, &contact.id));

    let kinds = [
        pick(open, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Leads)),
        pick(became, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Contacts)),
        pick(contacts, several).map(|picked| picked.map_or_else(Choice::Ambiguous, Choice::Contacts)),
    ];
    kinds.into_iter().flatten().next().unwrap_or(Choice::Nobody)
}

/// Of records of one kind, the newest last: those to be written, or how many there are where nobody may choose; `None` of none.
fn pick<T>(mut records: Vec<T>, several: Several) -> Option<Result<Vec<T>, usize>> {
    match (records.len(), several) {
        (0, _) => None,
        (1, _) => Some(Ok(records)),
        (2..=MOST_RECORDS, Several::All) => Some(Ok(records)),
        (_, Several::NewestOpen) => Some(Ok(records.split_off(records.len() - 1))),
        (count, Several::All | Several::Reject) => Some(Err(count)),
    }
}
