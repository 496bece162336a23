//! Where the office is.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Longest address that is read, in bytes.
const MAX_ADDRESS: usize = 2048;

/// Where the office is: one address for the WebSocket and for HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

/// The text is no address of an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("alamat Dinas tidak dikenali: tulis misalnya https://loket.contoh.go.id atau ws://127.0.0.1:8080")]
pub struct NotAnAddress;

impl Address {
    /// The host's name or number.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether nobody listens on the way: TLS, or an address of this device itself.
    pub fn is_private(&self) -> bool {
        let loopback = match self.0.host() {
            Some(url::Host::Ipv4(four)) => four.is_loopback(),
            Some(url::Host::Ipv6(six)) => six.to_canonical().is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        loopback || self.0.scheme() == "https"
    }

    /// A path of the office over HTTP.
    pub fn http(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }

    /// A path of the office over a WebSocket.
    pub fn websocket(&self, path: &str) -> String {
        let url = self.http(path).to_string();
        // `http…` becomes `ws…`, with TLS where that has it.
        url.strip_prefix("http").map_or(url.clone(), |rest| format!("ws{rest}"))
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    /// Reads ws, wss, http or https addresses, also one that names the path of the sync.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim();
        if text.len() > MAX_ADDRESS {
            return Err(NotAnAddress);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAnAddress)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => "http",
            "wss" | "https" => "https",
            _ => return Err(NotAnAddress),
        };
        let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| NotAnAddress)?;
        if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some()
        {
            return Err(NotAnAddress);
        }
        url.set_query(None);
        url.set_fragment(None);
        let mut path = url.path().trim_end_matches('/');
        while let Some(shorter) = path.strip_suffix("/v1/sync") {
            path = shorter.trim_end_matches('/');
        }
        let path = path.to_owned();
        url.set_path(&path);
        // What is written in percent grows, and has to be read again.
        if url.as_str().len() > MAX_ADDRESS {
            return Err(NotAnAddress);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_all_four_kinds() {
        let table = [
            ("ws://127.0.0.1:8080", "http://127.0.0.1:8080/v1/x", "ws://127.0.0.1:8080/v1/x"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/x", "ws://127.0.0.1:8080/v1/x"),
            ("wss://contoh.go.id/v1/sync", "https://contoh.go.id/v1/x", "wss://contoh.go.id/v1/x"),
            (
                " HTTPS://contoh.go.id/loket/?a#b",
                "https://contoh.go.id/loket/v1/x",
                "wss://contoh.go.id/loket/v1/x",
            ),
            ("ws://127.0.0.1:1//v1/sync//v1/sync/", "http://127.0.0.1:1/v1/x", "ws://127.0.0.1:1/v1/x"),
            ("http://[::1]:9", "http://[::1]:9/v1/x", "ws://[::1]:9/v1/x"),
        ];
        for (given, http, websocket) in table {
            let address: Address = given.parse().unwrap();
            assert_eq!(address.http("/v1/x").as_str(), http);
            assert_eq!(address.websocket("/v1/x"), websocket);
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
        let address: Address = "wss://contoh.go.id".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("contoh.go.id", 443));
        let private = |address: &str| address.parse::<Address>().unwrap().is_private();
        for safe in ["wss://contoh.go.id", "http://127.8.0.1", "ws://[::1]:9", "http://localhost:80"] {
            assert!(private(safe), "{safe}");
        }
        for open in ["http://contoh.go.id", "ws://192.168.1.4:7312", "http://localhost.contoh.go.id"] {
            assert!(!private(open), "{open}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in
            ["", "contoh.go.id", "ftp://contoh.go.id", "http://", "http://a:b@contoh.go.id", "ws://:1"]
        {
            assert_eq!(wrong.parse::<Address>(), Err(NotAnAddress), "{wrong}");
        }
        let grows = format!("https://contoh.go.id/{}", "\u{fffd}".repeat(MAX_ADDRESS / 4));
        assert_eq!(grows.parse::<Address>(), Err(NotAnAddress));
    }
}
