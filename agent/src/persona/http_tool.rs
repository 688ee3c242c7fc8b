//! Tools of a persona that call out over HTTP.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use service::document::{Faults, IDENTIFIER, Placed, Section, is_identifier, json};

/// Names of the tools that every agent has.
pub const BUILT_IN: [&str; 2] = ["record_signals", "end_call"];

/// Longest that a tool may take.
const LONGEST: Duration = Duration::from_secs(60);

const KEYS: [&str; 6] = ["name", "description", "url", "time_limit", "authorization_env", "parameters"];

/// A tool that is a request to somebody's server.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTool {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) url: Url,
    pub(super) time_limit: Duration,
    pub(super) authorization_env: Option<String>,
    pub(super) parameters: Value,
}

impl HttpTool {
    /// The name by which the model calls it, an identifier of 64 characters at most.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the model reads of it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where arguments are posted to: http or https.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Longest time for a call, from connecting to the last byte; 60 s at most.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Name of the environment variable with the bearer token.
    pub fn authorization_env(&self) -> Option<&str> {
        self.authorization_env.as_deref()
    }

    /// JSON Schema of its arguments: an object.
    pub fn parameters(&self) -> &Value {
        &self.parameters
    }
}

/// Reads the tools; those with faults are left out.
pub(super) fn read(file: &mut Section<'_>, faults: &mut Faults<'_>) -> Vec<HttpTool> {
    let mut tools: Vec<HttpTool> = Vec::new();
    let mut names = Vec::new();
    for (index, value) in file.list("tools", faults).into_iter().enumerate() {
        let Some(mut section) = Section::of(&format!("tool {}", index + 1), value, faults) else { continue };
        let name = read_name(&mut section, &names, faults);
        names.extend(name.clone());
        let description = section.text("description", faults);
        let url = read_url(&mut section, faults);
        let time_limit = read_time_limit(&mut section, faults);
        let authorization_env = read_variable(&mut section, faults);
        let parameters = read_parameters(&mut section, faults);
        section.finish(&KEYS, faults);
        if let (Some(name), Some(description), Some(url), Some(time_limit), Some(parameters)) =
            (name, description, url, time_limit, parameters)
        {
            let description = description.value;
            tools.push(HttpTool { name, description, url, time_limit, authorization_env, parameters });
        }
    }
    tools
}

fn read_name(section: &mut Section<'_>, names: &[String], faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value: name } = section.text("name", faults)?;
    section.title = format!("tool `{name}`");
    if !is_identifier(&name) {
        faults.add(at, format!("`{name}` cannot be a tool's name: {IDENTIFIER}"));
    } else if BUILT_IN.contains(&name.as_str()) {
        faults.add(at, format!("`{name}` is a tool that every agent has: take another name"));
    } else if names.contains(&name) {
        faults.add(at, format!("there is another tool `{name}`: names have to differ"));
    }
    Some(name)
}

fn read_url(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<Url> {
    let Placed { at, value } = section.text("url", faults)?;
    let url = Url::parse(&value).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let Some(url) = url else {
        faults.add(at, "`url` has to be an address such as https://example.org/book");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        faults.add(at, "`url` holds a secret: put it into an environment variable, and its name into `authorization_env`");
        return None;
    }
    Some(url)
}

fn read_time_limit(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<Duration> {
    let Placed { at, value } = section.text("time_limit", faults)?;
    match humantime::parse_duration(&value) {
        Ok(limit) if !limit.is_zero() && limit <= LONGEST => Some(limit),
        _ => {
            faults.add(at, "`time_limit` has to be more than 0 and at most 60s, such as \"5s\" or \"800ms\"");
            None
        }
    }
}

fn read_variable(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let Placed { at, value } = section.optional_text("authorization_env", faults)?;
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if value.starts_with(|character: char| character.is_ascii_digit()) || !value.chars().all(fits) {
        faults.add(
            at,
            "`authorization_env` has to be the name of an environment variable, such as BOOKING_TOKEN",
        );
        return None;
    }
    Some(value)
}

fn read_parameters(section: &mut Section<'_>, faults: &mut Faults<'_>) -> Option<Value> {
    let value = section.require("parameters", faults)?;
    let at = value.span().start;
    let schema = match json(&value) {
        Ok(schema) => schema,
        Err((at, why)) => {
            faults.add(at, why);
            return None;
        }
    };
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        faults.add(at, "`parameters` has to be the JSON Schema of an object: write type = \"object\"");
        return None;
    }
    if let Err(error) = jsonschema::validator_for(&schema) {
        let place = error.instance_path();
        faults.add(
            at,
            format!(
                "`parameters` is no valid JSON Schema, or refers to another file: {error} (at `{place}`)"
            ),
        );
        return None;
    }
    Some(schema)
}
