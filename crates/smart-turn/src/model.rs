//! The model in memory, and one decision of it.

use std::path::Path;
use std::sync::Arc;

use rten::{LoadError, ModelOptions, NodeId, RunError, RunOptions, ThreadPool, op_registry};
use rten_tensor::NdTensor;

use crate::features::{BANDS, FRAMES, Features};
use crate::graph::{self, Malformed};

/// The model, loaded once. A clone is the same model and costs nothing.
///
/// All clones share one thread of their own, on which it runs for one decision after another: however many conversations ask,
/// it takes no more than one core. A decision needs some 40 ms of a server's core, and the model some 55 MB of memory.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

struct Shared {
    model: rten::Model,
    input: NodeId,
    output: NodeId,
    thread: Arc<ThreadPool>,
    features: Features,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("read the model's file")]
    Read(#[from] std::io::Error),
    #[error("it is no ONNX file, or not all of it")]
    Malformed,
    #[error("load the model")]
    Load(#[from] LoadError),
    #[error("run the model")]
    Run(#[from] RunError),
    #[error(
        "the model does not take {BANDS} × {FRAMES} features and answer one probability: it is not Smart Turn v3"
    )]
    OtherModel,
}

impl Model {
    /// Loads `smart-turn-v3.2-cpu.onnx` from a file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::load(std::fs::read(path)?)
    }

    /// Loads it from the file's content. It is tried once, so that what loads also answers.
    pub fn load(onnx: Vec<u8>) -> Result<Self, Error> {
        let unrounded = graph::without_rounding(&onnx).map_err(|Malformed| Error::Malformed)?;
        drop(onnx);
        // Only what the model uses is linked in.
        let operators = op_registry!(
            Add,
            Concat,
            Conv,
            DequantizeLinear,
            Div,
            Erf,
            Gather,
            Gemm,
            LayerNormalization,
            MatMul,
            Mul,
            ReduceSum,
            Reshape,
            Shape,
            Sigmoid,
            Slice,
            Softmax,
            Tanh,
            Transpose
        );
        let model = ModelOptions::with_ops(operators).load(unrounded)?;
        let (&[input], &[output]) = (model.input_ids(), model.output_ids()) else {
            return Err(Error::OtherModel);
        };
        let thread = Arc::new(ThreadPool::with_num_threads(1));
        let shared = Arc::new(Shared { model, input, output, thread, features: Features::new() });
        let model = Self { shared };
        model.probability(&[])?;
        Ok(model)
    }

    /// How probable it is that the speaker has finished, from 0 to 1; the model's authors decide at 0.5.
    ///
    /// The samples are mono, [`SAMPLE_RATE`](crate::SAMPLE_RATE) of them a second; [`WINDOW`](crate::WINDOW) says how many count.
    ///
    /// It computes for some 40 ms and waits for the decisions before it: call it where blocking is allowed, as on
    /// `tokio::task::spawn_blocking`, and never on a thread that has sound to move.
    pub fn probability(&self, samples: &[i16]) -> Result<f32, Error> {
        let Shared { model, input, output, thread, features } = &*self.shared;
        let spectrogram = NdTensor::from_data([1, BANDS, FRAMES], features.log_mel(samples));
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(thread)));
        let [answer] = model.run_n(vec![(*input, spectrogram.into())], [*output], Some(options))?;
        let answer: NdTensor<f32, 2> = answer.try_into().map_err(|_| Error::OtherModel)?;
        match answer.into_data()[..] {
            [probability] if (0.0..=1.0).contains(&probability) => Ok(probability),
            _ => Err(Error::OtherModel),
        }
    }
}
