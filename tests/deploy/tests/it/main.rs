//! What is in `deploy/`, read and run by other people's tools.

mod chart;
mod cluster;
mod images;
mod linted;
mod releases;
mod aws;
