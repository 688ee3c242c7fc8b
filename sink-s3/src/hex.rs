/// Bytes in small hexadecimal digits, as in the entity tag of a single put.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
