//! What of strangers reaches the log: the fuzz target in `fuzz/` calls this with any bytes, the test with those that it begins
//! with.

/// A line of the log.
///
/// # Panics
/// When it is more than one line, or shows an e-mail address.
pub fn log_line(bytes: &[u8]) {
    crate::logging::hostile::line(&String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_does_harm() {
        fuzz_seeds::feed(&[("log_line", log_line)]);
    }
}
