//! Where the tasks and timers of this crate run.

use std::sync::Mutex;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::RtcError;

/// The runtime the caller is in. Outside of one, as in programs with another executor, it is one of this crate's own, which
/// is started with the first call and lasts as long as the process.
pub(crate) fn handle() -> Result<Handle, RtcError> {
    if let Ok(current) = Handle::try_current() {
        return Ok(current);
    }
    static OWN: Mutex<Option<Runtime>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(runtime) = &*own {
        return Ok(runtime.handle().clone());
    }
    let started = Builder::new_multi_thread().worker_threads(1).thread_name("libwebrtc").enable_all().build();
    let runtime = started.map_err(|error| RtcError::internal(format!("start a tokio runtime: {error}")))?;
    Ok(own.insert(runtime).handle().clone())
}
