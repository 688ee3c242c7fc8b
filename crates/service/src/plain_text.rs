//! Keeps secrets from crossing a network without encryption.

use std::net::IpAddr;

use anyhow::ensure;

/// Refuses what would send a secret over a network without encryption.
///
/// `secret` is such as "the password of NATS", `instead` such as "use tls://", and `allowed_by` the setting that allows it
/// all the same.
///
/// # Errors
/// The host is not this machine.
pub fn ensure_stays_on_this_machine(
    secret: &str,
    host: &str,
    instead: &str,
    allowed_by: &str,
) -> anyhow::Result<()> {
    ensure!(
        is_loopback(host),
        "{secret} would go to {host} in plain text: {instead}, or set {allowed_by}=true where the network is trusted"
    );
    Ok(())
}

/// Whether what is sent to a host, a name or an address, stays on this machine.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        // Connecting to the unspecified address reaches this machine.
        Ok(address) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
            "localhost",
            "LocalHost.",
            "nats.localhost",
            "0.0.0.0",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "10.0.0.1",
            "nats",
            "localhost.example.org",
            "notlocalhost",
            "2001:db8::1",
            "128.0.0.1",
            "",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
