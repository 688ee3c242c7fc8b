//! The addresses in `NATS_URL`, and the login that each may hold.

use anyhow::{Context as _, bail, ensure};
use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use super::login::Login;

/// What a person has to know who wrote an address that cannot be read.
const FORM: &str = "wanted: nats://host:4222 or tls://host:4222, with user:password@ or token@ before the host where it has \
                    them; there / ? # @ : , and % are written %2F %3F %23 %40 %3A %2C %25";

/// A server, without what stood before its host, and who one is there.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) address: ServerAddr,
    pub(super) login: Option<Login>,
}

/// The servers of a list with commas. No error holds what was given: it may be a password.
///
/// # Errors
/// An address cannot be read, or is named twice for different users.
pub(super) fn servers(urls: &str) -> anyhow::Result<Vec<Server>> {
    let mut servers: Vec<Server> = Vec::new();
    for (index, url) in urls.split(',').map(str::trim).filter(|url| !url.is_empty()).enumerate() {
        let server = server(url).with_context(|| format!("read server {} of NATS_URL", index + 1))?;
        match servers.iter().find(|known| known.address == server.address) {
            Some(known) if known.login == server.login => {}
            Some(_) => bail!("NATS_URL names {} twice, for different users", name(&server.address)),
            None => servers.push(server),
        }
    }
    ensure!(!servers.is_empty(), "NATS_URL names no server; {FORM}");
    Ok(servers)
}

/// How a server is called in a log.
pub(super) fn name(address: &ServerAddr) -> String {
    format!("{}:{}", address.host(), address.port())
}

fn server(url: &str) -> anyhow::Result<Server> {
    let address: ServerAddr = url.parse().with_context(|| FORM.to_owned())?;
    ensure!(!address.is_websocket(), "NATS over WebSocket is not supported; {FORM}");
    let mut url = address.into_inner();
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    ensure!(plain && url.host_str().is_some_and(|host| !host.is_empty()), FORM);
    let login = match (decoded(url.username())?, url.password().map(decoded).transpose()?) {
        (user, Some(password)) => {
            ensure!(!user.is_empty(), "there is a password without a user; {FORM}");
            Some(Login::user_and_password_of_url(user, password))
        }
        (token, None) if !token.is_empty() => Some(Login::token_of_url(token)),
        (_, None) => None,
    };
    url.set_path("");
    ensure!(url.set_password(None).is_ok() && url.set_username("").is_ok(), FORM);
    Ok(Server { address: ServerAddr::from_url(url)?, login })
}

/// RFC 3986, 3.2.1: user information is percent-encoded in a URL.
fn decoded(text: &str) -> anyhow::Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.ok().context("user or password are not UTF-8 when decoded")?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(urls: &str) -> Vec<Option<Login>> {
        servers(urls).unwrap().into_iter().map(|server| server.login).collect()
    }

    #[test]
    fn what_stands_before_the_host_is_decoded() {
        for (written, password) in [
            ("abc123", "abc123"),
            ("q83vEjRWeJA=", "q83vEjRWeJA="),
            ("q83vEjRWeJA%3D", "q83vEjRWeJA="),
            ("p%40ss%2Fword", "p@ss/word"),
            ("a;b|c^d e", "a;b|c^d e"),
            ("ä", "ä"),
            ("%C3%A4", "ä"),
            ("a:b", "a:b"),
            ("a%3Ab", "a:b"),
            ("a@b", "a@b"),
            ("%23%25%3F%2C", "#%?,"),
            ("100%", "100%"),
            ("a+b", "a+b"),
        ] {
            let url = format!("nats://m%C3%A4x:{written}@127.0.0.1:4222");
            let expected = Login::user_and_password_of_url("mäx".to_owned(), password.to_owned());
            assert_eq!(logins(&url), [Some(expected)], "{written}");
        }
        assert_eq!(logins("nats://t%3Dk%40n@h"), [Some(Login::token_of_url("t=k@n".to_owned()))]);
        assert_eq!(logins("nats://h, tls://[::1]:4333/ ,other:4444,"), [None, None, None]);
    }

    #[test]
    fn the_addresses_hold_no_secret_and_each_server_has_its_own() {
        let servers = servers("nats://a:secret@one:4222,tls://b:secret@two,nats://three").unwrap();
        assert!(!format!("{servers:?}").contains("secret"), "{servers:?}");
        let addresses: Vec<_> = servers.iter().map(|server| server.address.as_url_str()).collect();
        assert_eq!(addresses, ["nats://one:4222", "tls://two", "nats://three"]);
        assert!(servers[0].login != servers[1].login && servers[2].login.is_none());
    }

    #[test]
    fn what_cannot_be_read_is_told_without_the_secret() {
        for wrong in [
            "",
            " , ",
            "nats://mail:p@ss/secret@127.0.0.1",
            "nats://mail:secret#x@127.0.0.1",
            "nats://mail:1#secret@127.0.0.1",
            "nats://mail:1?secret@127.0.0.1",
            "nats://mail:a,secret@127.0.0.1",
            "nats://:secret@127.0.0.1",
            "nats://mail:%FFsecret@127.0.0.1",
            "ws://mail:secret@127.0.0.1",
            "http://mail:secret@127.0.0.1",
            "nats://mail:secret@",
            "nats://mail:secret@127.0.0.1:99999",
            "nats://a:secret@127.0.0.1:4222,nats://b:secret@127.0.0.1:4222",
        ] {
            let error = format!("{:#}", servers(wrong).unwrap_err());
            assert!(error.contains("NATS_URL") && !error.contains("secret"), "{wrong}: {error}");
        }
        assert_eq!(logins("nats://a:p@h:4222,nats://a:p@h:4222").len(), 1);
    }
}
