//! Whether a turn is over by how it was said: asks a model that hears the end of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use smart_turn::Model;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{debug, info};

use crate::persona::Persona;

/// Where the model is.
#[derive(Debug, Clone, clap::Args)]
pub struct TurnDetectorArgs {
    /// File of the model that hears whether a turn is over: Smart Turn v3.2 as ONNX. Without one, words and silence tell
    #[arg(long, env)]
    pub turn_detector_model: Option<PathBuf>,
}

/// The model; clones share it.
#[derive(Clone, Default)]
pub struct TurnDetector(Option<Arc<Model>>);

/// What the model said of the silence that began then.
pub(super) struct Judgement {
    pub(super) silent_since: Instant,
    /// That the turn was over, 0 to 1.
    pub(super) probability: f32,
}

impl TurnDetector {
    /// Loads the model, where there is one.
    ///
    /// # Errors
    /// The file cannot be read, or is no such model.
    pub async fn load(args: &TurnDetectorArgs) -> anyhow::Result<Self> {
        let Some(file) = args.turn_detector_model.clone() else {
            info!("TURN_DETECTOR_MODEL is not set: turns end by words and silence alone");
            return Ok(Self::default());
        };
        let context = format!("load {} (TURN_DETECTOR_MODEL)", file.display());
        let loaded = spawn_blocking(move || Model::open(&file)).await.context("join the loading")?;
        Ok(Self(Some(Arc::new(loaded.context(context)?))))
    }

    /// Whether it judges the turns with a persona.
    pub(super) fn is_asked(&self, persona: &Persona) -> bool {
        self.0.is_some() && persona.turn_taking().turn_detector != Some(false)
    }

    /// Asks the model, where there is one. `heard` is the turn with the silence after it, 16 kHz, mono.
    pub(super) fn judge(
        &self,
        silent_since: Instant,
        heard: Vec<i16>,
    ) -> Option<JoinHandle<Option<Judgement>>> {
        let model = Arc::clone(self.0.as_ref()?);
        Some(spawn_blocking(move || match model.probability(&heard) {
            Ok(probability) => Some(Judgement { silent_since, probability }),
            Err(error) => {
                debug!("nobody says whether the turn is over: {error}");
                None
            }
        }))
    }
}
