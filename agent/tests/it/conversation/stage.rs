//! All that a conversation needs: livekit-server, the agent, its services with a hand on their faults, and callers.

use schemas::SessionEnded;
use serde_json::{Value, json};
use simulators::openai::Answers;
use simulators::openai::grammar::Grammar;
use simulators::openai::persona::Persona;
use simulators::openai::recogniser::Recognisers;
use tempfile::NamedTempFile;
use test_servers::{LiveKitServer, tool};

use super::call::Call;
use crate::callers::Callers;
use crate::providers::Providers;
use crate::servers::{AGENT_NAME, Agent, http, start_livekit, wait_for};

/// The persona that is built in.
pub(crate) const PERSONA: &str = include_str!("../../../personas/pandadoc-trial.toml");

/// Everything that a call needs. A provider that is silent for two seconds has failed.
pub(crate) struct Stage {
    callers: Callers,
    pub(crate) agent: Agent,
    providers: Providers,
    _livekit: LiveKitServer,
    _persona: NamedTempFile,
}

impl Stage {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        Self::with_persona(PERSONA, environment)
    }

    /// With the text of a persona's file, and further environment variables of the agent.
    pub(crate) fn with_persona(persona: &str, environment: &[(&str, &str)]) -> Self {
        Self::on(start_livekit(), persona, environment)
    }

    /// On a server that runs already.
    pub(crate) fn on(livekit: LiveKitServer, persona: &str, environment: &[(&str, &str)]) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(&file, persona).expect("write the persona");
        let path = file.path().to_str().expect("a path");
        let expected = Persona::parse(persona).expect("a persona");
        let providers = Providers::start(move || made(expected));
        let settings = ["--agent-persona", path, "--provider-time-limit", "2s"];
        // What fails is the test's to settle: nothing is tried beside it.
        let environment = [&[("PROVIDER_CHECK_INTERVAL", "1h")], environment].concat();
        let agent = Agent::start_with(&livekit, &providers, &settings, &environment);
        let callers = Callers::start(&livekit.url());
        Self { callers, agent, providers, _livekit: livekit, _persona: file }
    }

    /// A call in which the agent has begun to speak.
    pub(crate) fn call<'a>(&'a mut self, room: &'a str) -> Call<'a> {
        let mut call = self.silent_call(room);
        wait_for("the greeting", || call.captions().states.contains(&"speaking".to_owned()).then_some(()));
        call
    }

    /// The same, joined like this.
    pub(crate) fn call_with<'a>(&'a mut self, room: &'a str, mut arguments: Value) -> Call<'a> {
        arguments["room"] = json!(room);
        self.callers.run("join", arguments);
        self.callers.run("see_agent", json!({"room": room}));
        let mut call = Call::new(&mut self.callers, room);
        wait_for("the greeting", || call.captions().states.contains(&"speaking".to_owned()).then_some(()));
        call
    }

    /// A call that has its agent, which may have nothing to say.
    pub(crate) fn silent_call<'a>(&'a mut self, room: &'a str) -> Call<'a> {
        let arguments = json!({"room": room, "agent": AGENT_NAME, "tone": false});
        self.callers.run("join", arguments);
        self.callers.run("see_agent", json!({"room": room}));
        Call::new(&mut self.callers, room)
    }

    pub(crate) fn simulator(&self) -> Simulator {
        Simulator(self.providers.port())
    }

    pub(crate) fn exported(&self, room: &str) -> SessionEnded {
        self.agent.exported(room)
    }

    pub(crate) fn hang_up(&mut self, room: &str) -> SessionEnded {
        self.callers.run("leave", json!({"room": room}));
        self.exported(room)
    }
}

/// A hand on the providers, beside a call.
#[derive(Clone, Copy)]
pub(crate) struct Simulator(u16);

impl Simulator {
    /// Takes the place of the faults there were.
    pub(crate) fn inject(self, faults: &Value) {
        let answer = http(self.0, "PUT", "/simulator/faults", &faults.to_string());
        let (status, body) = answer.expect("the simulator serves");
        assert_eq!(status, 200, "{body}");
    }

    /// Faults of one endpoint.
    pub(crate) fn inject_one(self, endpoint: &str, mut fault: Value) {
        fault["endpoint"] = json!(endpoint);
        self.inject(&json!([fault]));
    }

    pub(crate) fn faults_left(self) -> Value {
        self.ask("/simulator/faults")
    }

    /// How often the providers were called, and the last requests, the newest first.
    pub(crate) fn requests(self) -> Value {
        self.ask("/simulator/requests")
    }

    /// What was asked so far.
    pub(crate) fn forget(self) {
        let (status, _) = http(self.0, "DELETE", "/simulator/requests", "").expect("the simulator serves");
        assert_eq!(status, 204);
    }

    fn ask(self, page: &str) -> Value {
        let (_, body) = http(self.0, "GET", page, "").expect("the simulator serves");
        serde_json::from_str(&body).expect("JSON")
    }
}

async fn made(persona: Persona) -> Answers {
    let python = tool("python/bin/python");
    let recognisers = Recognisers::start(python, Grammar::new(&persona), 1).await;
    Answers::Made { persona, recognisers: recognisers.expect("a recogniser: run «make tools»") }
}
