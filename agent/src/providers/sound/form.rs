//! How samples stand in bytes: rate, channels, and the encoding of one sample.

/// Rates that speech is made at; what says another one is damaged.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MOST_CHANNELS: u16 = 8;

/// The form of PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Samples a second of each channel.
    pub(super) rate: u32,
    pub(super) channels: u16,
    pub(super) encoding: Encoding,
}

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Unsigned8,
    Signed16,
    Signed16BigEndian,
    /// 16 bit in the order of bytes that looks like sound: many who have to send the bigger byte first do not.
    Signed16Either,
    Signed24,
    Signed32,
    Float32,
    Float64,
    MuLaw,
    ALaw,
}

impl Form {
    /// # Errors
    /// No sound has this form.
    pub(super) fn checked(self) -> Result<Self, String> {
        if !RATES.contains(&self.rate) {
            return Err(format!("it says that it has {} samples a second, which no speech has", self.rate));
        }
        if !(1..=MOST_CHANNELS).contains(&self.channels) {
            return Err(format!("it says that it has {} channels", self.channels));
        }
        Ok(self)
    }

    /// Bytes of one moment: a sample of each channel.
    pub(super) fn moment(self) -> usize {
        self.encoding.bytes() * usize::from(self.channels)
    }

    /// The mean of the channels, full scale is 1; `moment` has [`Self::moment`] bytes.
    pub(super) fn mono(self, moment: &[u8]) -> f32 {
        let sum: f32 =
            moment.chunks_exact(self.encoding.bytes()).map(|sample| self.encoding.value(sample)).sum();
        sum / f32::from(self.channels)
    }
}

/// 16 bit of a value whose full scale is 1.
pub(super) fn to_sample(value: f32) -> i16 {
    (value * 32_768.0).round() as i16
}

impl Encoding {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::MuLaw | Self::ALaw => 1,
            Self::Signed16 | Self::Signed16BigEndian | Self::Signed16Either => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    fn value(self, bytes: &[u8]) -> f32 {
        let value = match (self, bytes) {
            (Self::Unsigned8, &[byte]) => (f32::from(byte) - 128.0) / 128.0,
            (Self::MuLaw, &[byte]) => f32::from(mu_law(byte)) / 32_768.0,
            (Self::ALaw, &[byte]) => f32::from(a_law(byte)) / 32_768.0,
            (Self::Signed16 | Self::Signed16Either, &[a, b]) => {
                f32::from(i16::from_le_bytes([a, b])) / 32_768.0
            }
            (Self::Signed16BigEndian, &[a, b]) => f32::from(i16::from_be_bytes([a, b])) / 32_768.0,
            (Self::Signed24, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (Self::Signed32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::Float32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::Float64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            _ => 0.0,
        };
        // What is no number would spoil all that a filter makes of it.
        if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// As ITU-T G.711 has it.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i16::from(byte & 0x0f) << 3) + 0x84) << ((byte >> 4) & 7);
    if byte & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// As ITU-T G.711 has it.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 7, i16::from(byte & 0x0f) << 4);
    let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_has_its_scale() {
        for (encoding, half, zero) in [
            (Encoding::Unsigned8, vec![192], vec![128]),
            (Encoding::Signed16, 16_384_i16.to_le_bytes().to_vec(), vec![0, 0]),
            (Encoding::Signed16BigEndian, 16_384_i16.to_be_bytes().to_vec(), vec![0, 0]),
            (Encoding::Signed24, vec![0, 0, 64], vec![0, 0, 0]),
            (Encoding::Signed32, (1_i32 << 30).to_le_bytes().to_vec(), vec![0; 4]),
            (Encoding::Float32, 0.5_f32.to_le_bytes().to_vec(), vec![0; 4]),
            (Encoding::Float64, 0.5_f64.to_le_bytes().to_vec(), vec![0; 8]),
            (Encoding::MuLaw, vec![0x8f], vec![0xff]),
            (Encoding::ALaw, vec![0xa5], vec![0xd5]),
        ] {
            assert_eq!(half.len(), encoding.bytes());
            let (half, zero) = (encoding.value(&half), encoding.value(&zero));
            assert!((0.45..0.55).contains(&half) && zero.abs() < 0.001, "{encoding:?}: {half} and {zero}");
        }
        assert_eq!(Encoding::Float32.value(&f32::NAN.to_le_bytes()), 0.0);
        assert_eq!(Encoding::Float32.value(&9e9_f32.to_le_bytes()), 1.0);
    }
}
