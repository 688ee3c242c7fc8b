//! What is in `deploy/`, read and run by other people's tools.

mod alerts;
mod aws;
mod booted;
mod chart;
mod cluster;
mod compose;
mod images;
mod linted;
mod monitoring;
mod prometheus;
mod releases;
mod settings;
mod units;
