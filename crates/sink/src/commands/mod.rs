//! What an operator does with a sink besides running it. No command pulls from the sink's consumer, and none publishes
//! an event.

pub(crate) mod check;
pub(crate) mod dead_letters;
pub(crate) mod dry_run;
pub(crate) mod output;
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod write_again;
