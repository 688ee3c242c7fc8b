//! What a packet says about itself, without decoding it (RFC 6716, sections 3 and 4.2).

use std::ptr;

use unsafe_libopus::{opus_packet_get_nb_samples, opus_packet_parse};

use crate::audio::RTP_CLOCK_RATE;

/// The most frames in a packet.
const MAX_FRAMES: usize = 48;

/// Ticks of the RTP clock a packet lasts; `None` for one that is malformed.
pub(in crate::audio) fn duration(payload: &[u8]) -> Option<u32> {
    if payload.is_empty() {
        return None;
    }
    let length = i32::try_from(payload.len()).ok()?;
    // SAFETY: the pointer is valid for the length, which is not 0.
    let ticks = unsafe { opus_packet_get_nb_samples(payload.as_ptr(), length, RTP_CLOCK_RATE.cast_signed()) };
    u32::try_from(ticks).ok().filter(|ticks| *ticks > 0)
}

/// Whether a packet has the speech layer (SILK), alone or below music's.
pub(super) fn has_speech(payload: &[u8]) -> bool {
    payload.first().is_some_and(|toc| speech_frames(toc >> 3).is_some())
}

/// Whether a frame of the packet says nothing, as during a pause of the sender.
pub(super) fn has_empty_frame(payload: &[u8]) -> bool {
    let mut lengths = [0; MAX_FRAMES];
    let length = i32::try_from(payload.len()).unwrap_or_default();
    // SAFETY: the pointer is valid for the length, there is room for all lengths, and null asks for nothing.
    let count = unsafe {
        opus_packet_parse(
            payload.as_ptr(),
            length,
            ptr::null_mut(),
            ptr::null_mut(),
            lengths.as_mut_ptr(),
            ptr::null_mut(),
        )
    };
    lengths.iter().take(usize::try_from(count).unwrap_or_default()).any(|length| *length <= 1)
}

/// Milliseconds of a frame with the speech layer.
pub(super) fn speech_frame_ms(payload: &[u8]) -> Option<u32> {
    let config = payload.first()? >> 3;
    let short = config % if config < 12 { 4 } else { 2 } == 0;
    speech_frames(config).map(|frames| if short { 10 } else { frames * 20 })
}

/// Whether a packet has a second, coarser coding of the time before it, for when the packet before is lost.
///
/// Only the speech layer (SILK) has one, announced in the first byte of a frame: one bit of voice activity for each
/// 20 ms, then the flag that is asked for; in stereo the same once more for the side channel.
pub(in crate::audio) fn has_fec(payload: &[u8]) -> bool {
    let Some((toc, rest)) = payload.split_first() else { return false };
    let Some(speech_frames) = speech_frames(toc >> 3) else { return false };
    let Some(flags) = first_frame(toc & 3, rest).and_then(<[u8]>::first) else { return false };
    let flag = 0x80 >> speech_frames;
    let stereo = toc & 4 != 0;
    flags & flag != 0 || stereo && flags & (flag >> (speech_frames + 1)) != 0
}

/// How many SILK frames each channel has in an Opus frame; `None` without SILK.
fn speech_frames(config: u8) -> Option<u32> {
    match (config, config % 4) {
        (0..=11, 0 | 1) | (12..=15, _) => Some(1),
        (0..=11, 2) => Some(2),
        (0..=11, _) => Some(3),
        _ => None,
    }
}

/// The first frame of the packet, possibly empty, from `rest`, which follows the first byte. Frames behind it may be in
/// what is answered where its length does not matter.
fn first_frame(code: u8, rest: &[u8]) -> Option<&[u8]> {
    match code {
        // One frame, or two of the same length.
        0 => Some(rest),
        1 => rest.get(..rest.len() / 2),
        2 => with_length(rest),
        _ => {
            let (count, rest) = rest.split_first()?;
            let (varying, padded, frames) = (count & 0x80 != 0, count & 0x40 != 0, usize::from(count & 0x3f));
            let (rest, padding) = if padded { skip_padding_length(rest)? } else { (rest, 0) };
            let rest = rest.get(..rest.len().checked_sub(padding)?)?;
            if frames == 0 {
                return None;
            }
            if !varying {
                return rest.get(..rest.len() / frames);
            }
            // The lengths of all frames but the last come first.
            let (mut lengths, mut first) = (rest, None);
            for _ in 1..frames {
                let (length, behind) = take_length(lengths)?;
                first.get_or_insert(length);
                lengths = behind;
            }
            lengths.get(..first.unwrap_or(lengths.len()))
        }
    }
}

fn with_length(rest: &[u8]) -> Option<&[u8]> {
    let (length, rest) = take_length(rest)?;
    rest.get(..length)
}

/// A frame's length in one or two bytes, and what follows them.
fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 252 {
        return Some((usize::from(*first), rest));
    }
    let (second, rest) = rest.split_first()?;
    Some((usize::from(*second) * 4 + usize::from(*first), rest))
}

/// What follows the length of the padding, and that length: each 255 stands for 254 bytes and a further byte.
fn skip_padding_length(mut bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut padding = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        if *byte < 255 {
            return Some((bytes, padding + usize::from(*byte)));
        }
        padding += 254;
    }
}
