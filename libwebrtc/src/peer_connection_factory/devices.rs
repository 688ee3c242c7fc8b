//! Audio devices: there are none, and every attempt to use one fails.

use super::PeerConnectionFactory;

macro_rules! refused {
    ($($name:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(
            /// Fails.
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
        adm_recording_enabled() -> bool = false,
        adm_playout_enabled() -> bool = false,
        platform_adm_ref_count() -> i32 = 0,
        is_platform_adm_active() -> bool = false,
    }

    /// Logs an error when it is asked to record.
    pub fn set_adm_recording_enabled(&self, enabled: bool) {
        report(enabled);
    }

    /// Logs an error when it is asked to play.
    pub fn set_adm_playout_enabled(&self, enabled: bool) {
        report(enabled);
    }

    /// Releases nothing, since nothing is ever acquired.
    pub fn release_platform_adm(&self) {}
}

fn report(enabled: bool) {
    if enabled {
        tracing::error!("audio devices are not supported");
    }
}
