//! Archives session-end payloads: each event is one object, the published bytes gzipped, in the UTC day of the session's
//! end. The key is made of the event's identity, so an event that is delivered twice is still one object.
//!
//! [`Archive`] is the writer, and `commands` says what it needs and what its program can do.

mod answer;
mod archive;
mod bounded;
mod bucket;
mod bucket_args;
mod check;
#[cfg(feature = "parquet")]
mod columns;
mod commands;
#[cfg(feature = "parquet")]
mod compact;
mod credentials;
#[cfg(feature = "parquet")]
mod ddl;
mod endpoint;
#[cfg(all(feature = "parquet", any(test, fuzzing)))]
pub mod fuzzing;
mod gzip;
mod hex;
mod list;
mod put;
mod store_error;
mod verify;

pub use archive::Archive;
