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
use crate::providers::{Providers, SpokenTo};
use crate::servers::{AGENT_NAME, Agent, http, start_livekit, wait_for};

/// The persona that is built in.
pub(crate) const PERSONA: &str = include_str!("../../../personas/pandadoc-trial.toml");

/// Everything that a call needs. A provider that is silent for two seconds has failed, unless the test says otherwise.
pub(crate) struct Stage {
    callers: Callers,
    pub(crate) agent: Agent,
    providers: Providers,
    _livekit: LiveKitServer,
    _persona: NamedTempFile,
    _services: Option<NamedTempFile>,
}

impl Stage {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        Self::with_persona(PERSONA, environment)
    }

    /// With the text of a persona's file, and further environment variables of the agent.
    pub(crate) fn with_persona(persona: &str, environment: &[(&str, &str)]) -> Self {
        Self::on(start_livekit(), persona, environment)
    }

    /// Over services that are spoken to as LiveKit Inference is.
    pub(crate) fn on_the_gateway(environment: &[(&str, &str)]) -> Self {
        Self::speaking(SpokenTo::Gateway, environment)
    }

    /// Over services that are spoken to like this.
    pub(crate) fn speaking(spoken_to: SpokenTo, environment: &[(&str, &str)]) -> Self {
        Self::speaking_as(spoken_to, PERSONA, environment)
    }

    /// The same, with the text of a persona's file. Words are heard as the built-in one expects them, in English.
    pub(crate) fn speaking_as(spoken_to: SpokenTo, persona: &str, environment: &[(&str, &str)]) -> Self {
        let expected = Persona::parse(PERSONA).expect("a persona");
        let providers = Providers::start(move || made(expected)).spoken_to(spoken_to);
        Self::over(start_livekit(), persona, providers, environment)
    }

    /// Over a gateway that always says and hears the same.
    pub(crate) fn on_a_canned_gateway(environment: &[(&str, &str)]) -> Self {
        // Who came first waits for the last one without a word.
        let persona = format!("{PERSONA}\n[turn_taking]\nuser_away_timeout = 600.0\n");
        Self::over(start_livekit(), &persona, Providers::canned().spoken_to(SpokenTo::Gateway), environment)
    }

    /// Over services as a list says, in which `PORT` is where they are.
    pub(crate) fn on_lists(services: &str) -> Self {
        let expected = Persona::parse(PERSONA).expect("a persona");
        let providers = Providers::start(move || made(expected)).spoken_to(SpokenTo::List);
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(&file, services.replace("PORT", &providers.port().to_string())).expect("write it");
        let path = file.path().to_str().expect("a path");
        let stage = Self::over(start_livekit(), PERSONA, providers, &[("SERVICES_FILE", path)]);
        Self { _services: Some(file), ..stage }
    }

    /// Over speech services of other kinds, which `environment` names; they may take long. The language model is simulated.
    pub(crate) fn with_speech_services(persona: &str, environment: &[(&str, &str)]) -> Self {
        let expected = Persona::parse(persona).expect("a persona");
        let providers = Providers::start(move || made(expected));
        let environment = [&[("PROVIDER_TIME_LIMIT", "30s")], environment].concat();
        Self::over(start_livekit(), persona, providers, &environment)
    }

    /// On a server that runs already.
    pub(crate) fn on(livekit: LiveKitServer, persona: &str, environment: &[(&str, &str)]) -> Self {
        let expected = Persona::parse(persona).expect("a persona");
        Self::over(livekit, persona, Providers::start(move || made(expected)), environment)
    }

    fn over(
        livekit: LiveKitServer,
        persona: &str,
        providers: Providers,
        environment: &[(&str, &str)],
    ) -> Self {
        let file = NamedTempFile::new().expect("a temporary file");
        std::fs::write(&file, persona).expect("write the persona");
        let path = file.path().to_str().expect("a path");
        // What fails is the test's to settle: nothing is tried beside it.
        let usual = [("PROVIDER_TIME_LIMIT", "2s"), ("PROVIDER_CHECK_INTERVAL", "1h")];
        let environment = [&usual[..], environment].concat();
        let agent = Agent::start_with(&livekit, &providers, &["--agent-persona", path], &environment);
        let callers = Callers::start(&livekit.url());
        Self { callers, agent, providers, _livekit: livekit, _persona: file, _services: None }
    }

    /// A call in which the agent has begun to speak.
    pub(crate) fn call<'a>(&'a mut self, room: &'a str) -> Call<'a> {
        self.call_with(room, json!({"agent": AGENT_NAME, "tone": false}))
    }

    /// The same, joined like this.
    pub(crate) fn call_with<'a>(&'a mut self, room: &'a str, arguments: Value) -> Call<'a> {
        let mut call = self.silent_call(room, arguments);
        wait_for("the greeting", || call.captions().states.contains(&"speaking".to_owned()).then_some(()));
        call
    }

    /// Runs a command for each of many rooms, at the same time.
    pub(crate) fn all(&mut self, rooms: &[String], command: &str, arguments: &Value) {
        let begun: Vec<_> = rooms
            .iter()
            .map(|room| {
                let mut arguments = arguments.clone();
                arguments["room"] = json!(room);
                self.callers.begin(command, arguments)
            })
            .collect();
        for number in begun {
            self.callers.finish(number).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }

    /// A call, joined like this, that has its agent, which may have nothing to say.
    pub(crate) fn silent_call<'a>(&'a mut self, room: &'a str, mut arguments: Value) -> Call<'a> {
        arguments["room"] = json!(room);
        self.callers.run("join", arguments);
        self.callers.run("see_agent", json!({"room": room}));
        Call::new(&mut self.callers, room)
    }

    /// A call of which all that the agent says is recorded, and when the recording began, in seconds of the epoch.
    pub(crate) fn recorded_call<'a>(&'a mut self, room: &'a str) -> (Call<'a>, f64) {
        self.callers.run("join", json!({"room": room, "agent": AGENT_NAME, "tone": false}));
        let began = self.callers.run("record", json!({"room": room}))["at"].as_f64().expect("a time");
        self.callers.run("see_agent", json!({"room": room}));
        (Call::new(&mut self.callers, room), began)
    }

    pub(crate) fn simulator(&self) -> Simulator {
        Simulator(self.providers.port())
    }

    /// Value of a metric of the agent.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        self.agent.metric(name)
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

    /// Changes how the services are.
    pub(crate) fn set(self, settings: &Value) {
        let answer = http(self.0, "POST", "/simulator/settings", &settings.to_string());
        let (status, body) = answer.expect("the simulator serves");
        assert_eq!(status, 200, "{body}");
    }

    /// Waits until all faults of an endpoint have struck.
    pub(crate) fn has_struck(self, endpoint: &str) {
        wait_for(&format!("the faults of {endpoint}"), || {
            let faults = self.faults_left();
            let mut left = faults.as_array().expect("a list").iter();
            (!left.any(|fault| fault["endpoint"] == endpoint)).then_some(())
        });
    }

    /// The messages of the last requests to the language model, the newest first.
    pub(crate) fn prompts(self) -> Vec<Value> {
        let requests = self.requests();
        let last = requests["last"].as_array().expect("requests").iter();
        let chat = last.filter(|kept| kept["endpoint"] == "chat");
        chat.map(|kept| kept["request"]["messages"].clone()).collect()
    }

    /// What was asked so far.
    pub(crate) fn forget(self) {
        let (status, _) = http(self.0, "DELETE", "/simulator/requests", "").expect("the simulator serves");
        assert_eq!(status, 204);
    }

    /// How many sockets were opened, closed, and are open, by their kind.
    pub(crate) fn sockets(self) -> Value {
        self.ask("/simulator/sockets")
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
