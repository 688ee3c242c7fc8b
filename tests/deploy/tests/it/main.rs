//! What is in `deploy/`, read and run by other people's tools.

mod monitoring;
