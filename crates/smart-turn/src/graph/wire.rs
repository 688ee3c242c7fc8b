//! As much of the Protocol Buffers wire format as it takes to change one field and copy the others.

/// The bytes are no Protocol Buffers message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    /// Text, bytes or a message; nothing for a number.
    pub(super) content: Option<&'a [u8]>,
    /// The field as it stands in the message.
    pub(super) whole: &'a [u8],
}

/// The fields of a message in their order. After an error there are no more.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Malformed>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (field, after) = field(rest).unzip();
        rest = after.unwrap_or_default();
        Some(field.ok_or(Malformed))
    })
}

/// Appends a field that has content.
pub(super) fn write(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    write_varint(message, number << 3 | 2);
    write_varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

/// The first field and what follows it.
fn field(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (key, rest) = varint(bytes)?;
    let (content, rest) = match key & 7 {
        0 => (None, varint(rest)?.1),
        1 => (None, rest.get(8..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Some(content), rest)
        }
        5 => (None, rest.get(4..)?),
        _ => return None,
    };
    let whole = &bytes[..bytes.len() - rest.len()];
    Some((Field { number: key >> 3, content, whole }, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(length);
    Some((digits.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)), rest))
}

fn write_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
