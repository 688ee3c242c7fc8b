//! A recording that grows when it is decoded.

/// An Opus packet that says it is 120 ms of silence.
pub const SILENCE: [u8; 2] = [0x5b, 0x02];

/// A WebM file whose segment begins with a check sum and has nothing else: there are demuxers that look for what comes after
/// it where they have just been.
pub fn in_circles() -> Vec<u8> {
    [header(), element(&[0x18, 0x53, 0x80, 0x67], &element(&[0xbf], &[0; 4]))].concat()
}

/// A WebM file of about so many bytes: each block holds 256 packets of Opus.
pub fn laced(bytes: usize, packet: [u8; 2]) -> Vec<u8> {
    let opus_head = [b"OpusHead\x01\x01".as_slice(), &[0; 2], &48_000_u32.to_le_bytes(), &[0; 3]].concat();
    let audio = [element(&[0xb5], &48_000_f32.to_be_bytes()), element(&[0x9f], &[1])].concat();
    let entry = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[2]),
        element(&[0x86], b"A_OPUS"),
        element(&[0x63, 0xa2], &opus_head),
        element(&[0xe1], &audio),
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &entry.concat()));
    // Fixed-size lacing, and the number of packets but one.
    let block = element(&[0xa3], &[&[0x81, 0, 0, 0x04, 255][..], &packet.repeat(256)].concat());
    let cluster = [element(&[0xe7], &[0]), block.repeat(bytes / block.len())].concat();
    let times_and_programs = [
        element(&[0x2a, 0xd7, 0xb1], &[0x0f, 0x42, 0x40]),
        element(&[0x4d, 0x80], b"test"),
        element(&[0x57, 0x41], b"test"),
    ];
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &times_and_programs.concat());
    let segment = [info, tracks, element(&[0x1f, 0x43, 0xb6, 0x75], &cluster)].concat();
    [header(), element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat()
}

fn header() -> Vec<u8> {
    let children =
        [element(&[0x42, 0x82], b"webm"), element(&[0x42, 0x87], &[4]), element(&[0x42, 0x85], &[2])];
    element(&[0x1a, 0x45, 0xdf, 0xa3], &children.concat())
}

/// An EBML element with its size in eight bytes.
pub fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    [id, &(content.len() as u64 | 1 << 56).to_be_bytes(), content].concat()
}
