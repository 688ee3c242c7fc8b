//! What a peer says about the Opus it wants to get: `a=fmtp` (RFC 7587, section 6.1).

/// The defaults are those of a peer that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpusFormat {
    /// It uses in-band forward error correction.
    pub(crate) fec: bool,
    /// Packets of silence may be left out.
    pub(crate) dtx: bool,
    pub(crate) stereo: bool,
    pub(crate) constant_bitrate: bool,
    /// Bits per second, 6,000 to 510,000.
    pub(crate) max_bitrate: Option<u32>,
    /// Hz; what is above half of it is not heard.
    pub(crate) max_playback_rate: u32,
}

/// What the encoder is told: the peer's wishes, and what the network allows at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncoderSettings {
    /// In bits per second, 6,000 to 510,000.
    pub(crate) bitrate: u32,
    /// Per cent of packets.
    pub(crate) expected_loss: u8,
    pub(crate) format: OpusFormat,
}

impl Default for OpusFormat {
    fn default() -> Self {
        Self {
            fec: false,
            dtx: false,
            stereo: false,
            constant_bitrate: false,
            max_bitrate: None,
            max_playback_rate: 48_000,
        }
    }
}

impl OpusFormat {
    /// Reads the parameters, for example `minptime=10;useinbandfec=1`. Unknown ones and values out of range are read
    /// over; of a parameter that is there twice the last one counts.
    pub(crate) fn parse(parameters: &str) -> Self {
        let mut format = Self::default();
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let Ok(value) = value.trim().parse::<u32>() else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "useinbandfec" => format.fec = value == 1,
                "usedtx" => format.dtx = value == 1,
                "stereo" => format.stereo = value == 1,
                "cbr" => format.constant_bitrate = value == 1,
                "maxaveragebitrate" if (6_000..=510_000).contains(&value) => format.max_bitrate = Some(value),
                "maxplaybackrate" if (8_000..=48_000).contains(&value) => format.max_playback_rate = value,
                _ => {}
            }
        }
        format
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read_and_others_read_over() {
        assert_eq!(OpusFormat::parse(""), OpusFormat::default());
        let livekit =
            OpusFormat::parse("minptime=10;useinbandfec=1;usedtx=1;stereo=1;maxaveragebitrate=510000");
        let expected = OpusFormat {
            fec: true,
            dtx: true,
            stereo: true,
            max_bitrate: Some(510_000),
            ..OpusFormat::default()
        };
        assert_eq!(livekit, expected);
        let spaced = OpusFormat::parse("CBR=1; maxplaybackrate=16000; useinbandfec=1;useinbandfec=0");
        let expected =
            OpusFormat { constant_bitrate: true, max_playback_rate: 16_000, ..OpusFormat::default() };
        assert_eq!(spaced, expected);
    }

    #[test]
    fn values_out_of_range_do_not_count() {
        let format =
            OpusFormat::parse("usedtx=2;maxaveragebitrate=5999;maxplaybackrate=96000;stereo=-1;cbr=");
        assert_eq!(format, OpusFormat::default());
    }

    proptest! {
        #[test]
        fn any_parameters_are_read(text in "([a-z]{0,20}=?[0-9]{0,12};?|\\PC{0,10}){0,5}") {
            let format = OpusFormat::parse(&text);
            prop_assert!(format.max_bitrate.is_none_or(|bitrate| bitrate >= 6_000));
            prop_assert!((8_000..=48_000).contains(&format.max_playback_rate));
        }
    }
}
