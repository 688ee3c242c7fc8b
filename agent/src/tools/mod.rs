//! The tools of a persona: what the model is told of them, what may be called, and the calls that go out over HTTP.
//!
//! A model can only name a tool and propose arguments. [`Toolbox::check`] turns both into a [`CheckedCall`]; nothing else
//! can be called, and nothing leaves before it was checked.

mod fault;
mod http_call;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use jsonschema::Validator;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use service::{SecretSource, ensure_stays_on_this_machine};

pub use fault::CallFault;
pub use http_call::HttpCall;

use crate::persona::{HttpTool, Persona};
use crate::providers::arguments::ALLOW_PLAIN_TEXT;

/// Most bytes of a call's arguments.
const ARGUMENTS_LIMIT: usize = 16 * 1024;

/// The tools of one persona, for all sessions.
#[derive(Clone)]
pub struct Toolbox {
    persona: Arc<Persona>,
    http: reqwest::Client,
    tools: Arc<[PreparedTool]>,
}

struct PreparedTool {
    tool: HttpTool,
    arguments: Validator,
    /// Where it is in a file, it is read at each call, so that it may be renewed there.
    token: Option<SecretSource>,
}

/// A call that may be made.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckedCall {
    /// `record_signals`: see [`Persona::validate_signals`] for both.
    RecordSignals {
        /// Values to keep, by signal.
        accepted: Map<String, Value>,
        /// Names of what was not taken, and why; fit to be handed to the model.
        rejected: Vec<(String, String)>,
    },
    /// `end_call`: the caller wants to go.
    EndCall,
    /// A tool of the persona's, for [`Toolbox::call`].
    Http(HttpCall),
}

impl Toolbox {
    /// `environment` gives the value of a variable; tokens come from there.
    ///
    /// # Errors
    /// A token is missing, has characters that none has, or would cross a network in plain text; or a client for HTTP cannot be
    /// made.
    pub async fn new(
        persona: Arc<Persona>,
        environment: impl Fn(&str) -> Option<String>,
        allow_plain_text: bool,
    ) -> anyhow::Result<Self> {
        let mut tools = Vec::new();
        for tool in persona.tools() {
            tools.push(prepare(tool, &environment, allow_plain_text).await?);
        }
        // A redirect would take the token, and what a caller said, to a place that the persona does not name.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("postcall/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("set up the HTTP client of the tools")?;
        Ok(Self { persona, http, tools: tools.into() })
    }

    /// What the model is told: the entries of `tools` in OpenAI's form, the built-in ones first.
    pub fn definitions(&self) -> Vec<Value> {
        let record =
            "Notes what the caller has said about one or more of these. Leave out what they have not said.";
        let end = "Ends the call, after you have said goodbye.";
        let nothing = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let mut definitions = vec![
            definition("record_signals", record, &self.persona.record_signals_schema()),
            definition("end_call", end, &nothing),
        ];
        let own = self.persona.tools().iter();
        definitions.extend(own.map(|tool| definition(tool.name(), tool.description(), tool.parameters())));
        definitions
    }

    /// Whether a call that the model proposes may be made. `arguments` are JSON as the model wrote it; where it wrote
    /// nothing, that is an object without fields.
    ///
    /// # Errors
    /// The persona has no such tool, or the arguments are not as its schema wants them.
    pub fn check(&self, name: &str, arguments: &str) -> Result<CheckedCall, CallFault> {
        let tool = self.tools.iter().position(|prepared| prepared.tool.name() == name);
        if tool.is_none() && !crate::persona::BUILT_IN.contains(&name) {
            return Err(CallFault::UnknownTool);
        }
        let arguments = parse(arguments)?;
        let Some(index) = tool else {
            if name == "end_call" {
                return Ok(CheckedCall::EndCall);
            }
            let (accepted, rejected) = self.persona.validate_signals(&arguments);
            return Ok(CheckedCall::RecordSignals { accepted, rejected });
        };
        fault::check(&self.tools[index].arguments, &arguments)?;
        Ok(CheckedCall::Http(HttpCall { index, tool: name.to_owned(), arguments }))
    }

    /// Makes a call that [`Self::check`] of this toolbox has passed, and returns the answer's text, 8 KiB at most.
    ///
    /// # Errors
    /// The tool's server cannot be reached, takes too long, refuses, or answers what cannot be handed on.
    pub async fn call(&self, call: &HttpCall, session_id: &str) -> Result<String, CallFault> {
        let prepared = self.tools.get(call.index).ok_or(CallFault::UnknownTool)?;
        let limit = prepared.tool.time_limit();
        let answer = http_call::post(&self.http, &prepared.tool, prepared.token.as_ref(), call, session_id);
        tokio::time::timeout(limit, answer).await.map_err(|_| CallFault::TimedOut(limit))?
    }
}

async fn prepare(
    tool: &HttpTool,
    environment: &impl Fn(&str) -> Option<String>,
    allow_plain_text: bool,
) -> anyhow::Result<PreparedTool> {
    let name = tool.name();
    let arguments = jsonschema::validator_for(tool.parameters())
        .map_err(|error| anyhow::anyhow!("read the parameters of the tool {name}: {error}"))?;
    let token = match tool.authorization_env() {
        None => None,
        Some(variable) => {
            let value = environment(variable).map(SecretString::from);
            let file = environment(&format!("{variable}_FILE")).map(PathBuf::from);
            let token = SecretSource::of(variable, value.as_ref(), file.as_ref())?.with_context(|| {
                format!("set {variable} or {variable}_FILE: the tool {name} needs its token")
            })?;
            let read = token.read().await?;
            anyhow::ensure!(
                HeaderValue::from_str(read.expose_secret()).is_ok(),
                "{variable} has characters that no token has: set it again, without line breaks"
            );
            if let Some(host) =
                tool.url().host_str().filter(|_| tool.url().scheme() == "http" && !allow_plain_text)
            {
                let secret = format!("the token of the tool {name}");
                ensure_stays_on_this_machine(&secret, host, "use https:// in its `url`", ALLOW_PLAIN_TEXT)?;
            }
            Some(token)
        }
    };
    Ok(PreparedTool { tool: tool.clone(), arguments, token })
}

fn definition(name: &str, description: &str, parameters: &Value) -> Value {
    json!({
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    })
}

fn parse(arguments: &str) -> Result<Value, CallFault> {
    if arguments.len() > ARGUMENTS_LIMIT {
        return Err(CallFault::TooLong { limit: ARGUMENTS_LIMIT });
    }
    if arguments.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let parsed: Value = serde_json::from_str(arguments)
        .map_err(|error| CallFault::NotJson { line: error.line(), column: error.column() })?;
    if parsed.is_object() { Ok(parsed) } else { Err(CallFault::NotAnObject) }
}
