//! Audio devices: there are none, and every attempt to use one fails.

use std::sync::atomic::{AtomicBool, Ordering};

use super::PeerConnectionFactory;

/// What the program would like devices to do.
#[derive(Default)]
pub(super) struct Wishes {
    recording: AtomicBool,
    playout: AtomicBool,
}

macro_rules! refused {
    ($($name:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(
            /// Answers `false`, with an error in the log.
            pub fn $name(&self $(, $argument: $type)*) -> bool {
                tracing::error!($(?$argument,)* "audio devices are not supported: {} failed", stringify!($name));
                false
            }
        )+
    };
}

macro_rules! absent {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $value:expr),+ $(,)?) => {
        $(
            pub fn $name(&self $(, $argument: $type)*) -> $result {
                $value
            }
        )+
    };
}

impl PeerConnectionFactory {
    refused! {
        acquire_platform_adm(),
        set_playout_device(_index: u16),
        set_recording_device(_index: u16),
        set_playout_device_by_guid(_guid: &str),
        set_recording_device_by_guid(_guid: &str),
        init_recording(),
        start_recording(),
        stop_recording(),
        init_playout(),
        start_playout(),
        stop_playout(),
        enable_builtin_aec(_enable: bool),
        enable_builtin_agc(_enable: bool),
        enable_builtin_ns(_enable: bool),
    }

    absent! {
        playout_devices() -> i16 = 0,
        recording_devices() -> i16 = 0,
        playout_device_name(_index: u16) -> String = String::new(),
        recording_device_name(_index: u16) -> String = String::new(),
        playout_device_guid(_index: u16) -> String = String::new(),
        recording_device_guid(_index: u16) -> String = String::new(),
        recording_is_initialized() -> bool = false,
        playout_is_initialized() -> bool = false,
        builtin_aec_is_available() -> bool = false,
        builtin_agc_is_available() -> bool = false,
        builtin_ns_is_available() -> bool = false,
        platform_adm_ref_count() -> i32 = 0,
        is_platform_adm_active() -> bool = false,
    }

    /// Keeps the wish, and logs an error when it is one: nothing will be recorded.
    pub fn set_adm_recording_enabled(&self, enabled: bool) {
        self.devices.recording.store(enabled, Ordering::Release);
        report(enabled);
    }

    /// The wish, not whether anything is recorded.
    pub fn adm_recording_enabled(&self) -> bool {
        self.devices.recording.load(Ordering::Acquire)
    }

    /// Keeps the wish, and logs an error when it is one: nothing will be played.
    pub fn set_adm_playout_enabled(&self, enabled: bool) {
        self.devices.playout.store(enabled, Ordering::Release);
        report(enabled);
    }

    /// The wish, not whether anything is played.
    pub fn adm_playout_enabled(&self) -> bool {
        self.devices.playout.load(Ordering::Acquire)
    }

    /// Releases nothing, since nothing is ever acquired.
    pub fn release_platform_adm(&self) {}
}

fn report(enabled: bool) {
    if enabled {
        tracing::error!("audio devices are not supported");
    }
}
