//! What the peer's reports of loss mean for the encoder.

/// Above this share of lost packets less is sent; below the other one, more again (the limits of loss-based congestion
/// control in draft-ietf-rmcat-gcc, section 6).
const HIGH_LOSS: f64 = 0.10;
const LOW_LOSS: f64 = 0.02;
/// Share by which the bitrate grows at each report without loss.
const GROWTH: f64 = 1.05;
/// Bits per second below which speech is no longer worth sending.
const MIN_BITRATE: f64 = 12_000.0;
/// Weight of a new report in the loss the encoder protects against.
const NEWS: f64 = 0.3;

/// Bits per second to send, and the loss to protect against; knows no IO.
#[derive(Debug, Default)]
pub(super) struct LossControl {
    /// Share of the wanted bitrate that loss leaves; `None`: all of it.
    share: Option<f64>,
    /// The peer's estimate of what the way to it carries.
    limit: Option<f64>,
    loss: f64,
}

impl LossControl {
    /// Takes the share of packets, 0 to 1, lost since the last report.
    pub(super) fn report(&mut self, lost: f64, wanted: u32) {
        self.loss += (lost - self.loss) * NEWS;
        let share = self.share.unwrap_or(1.0);
        let share = if lost > HIGH_LOSS {
            share * (1.0 - 0.5 * lost)
        } else if lost < LOW_LOSS {
            share * GROWTH
        } else {
            share
        };
        let lowest = (MIN_BITRATE / f64::from(wanted.max(1))).min(1.0);
        self.share = (share < 1.0).then_some(share.max(lowest));
    }

    /// Takes the peer's estimate, in bits per second.
    pub(super) fn limit(&mut self, bitrate: f64) {
        self.limit = Some(bitrate.max(MIN_BITRATE));
    }

    /// Bits per second, at most `wanted`.
    pub(super) fn bitrate(&self, wanted: u32) -> u32 {
        let left = f64::from(wanted) * self.share.unwrap_or(1.0);
        self.limit.map_or(left, |limit| limit.min(left)).round() as u32
    }

    /// What the encoder is to expect, in per cent of the packets.
    pub(super) fn expected_loss(&self) -> u8 {
        (self.loss * 100.0).round().clamp(0.0, 100.0) as u8
    }

    pub(super) fn is_limiting(&self) -> bool {
        self.share.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_loss_lowers_the_bitrate_and_its_end_raises_it_again() {
        let mut control = LossControl::default();
        assert_eq!(control.bitrate(32_000), 32_000);
        for _ in 0..5 {
            control.report(0.05, 32_000);
        }
        assert_eq!(control.bitrate(32_000), 32_000);
        assert_eq!(control.expected_loss(), 4);
        for _ in 0..50 {
            control.report(0.3, 32_000);
        }
        assert_eq!(control.bitrate(32_000), 12_000);
        assert!(control.is_limiting());
        for _ in 0..50 {
            control.report(0.0, 32_000);
        }
        assert_eq!(control.bitrate(32_000), 32_000);
        assert_eq!(control.expected_loss(), 0);
        assert!(!control.is_limiting());
    }

    #[test]
    fn the_peers_estimate_is_a_limit() {
        let mut control = LossControl::default();
        control.limit(20_000.0);
        assert_eq!(control.bitrate(32_000), 20_000);
        control.limit(100.0);
        assert_eq!(control.bitrate(32_000), 12_000);
    }
}
