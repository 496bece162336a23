//! What a proxy in front of the office has to say: that the peer came by TLS, and from where.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::guests::Guests;

/// Lets in what a proxy brings, if it says that it came by TLS and from whom.
pub async fn let_in(State(guests): State<Guests>, mut request: Request<Body>, next: Next) -> Response {
    if let Some(peer) = peer(request.headers()) {
        request.extensions_mut().insert(guests.enter(peer));
        return next.run(request).await;
    }
    // What asks for health and figures, or reports of messages, from this machine itself came by no proxy.
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/metrics") || path.starts_with("/v1/sms/") {
        return next.run(request).await;
    }
    let sentence = "proxy di depan kantor harus memakai TLS dan mengirim X-Forwarded-Proto: https dan \
                    X-Forwarded-For: periksa pengaturannya";
    (StatusCode::MISDIRECTED_REQUEST, sentence).into_response()
}

/// Who is behind the proxy, if that came by TLS. The last of several is what the proxy itself added.
fn peer(headers: &HeaderMap) -> Option<IpAddr> {
    let last = |name: &str| {
        let text = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        text.rsplit(',').next().map(str::trim)
    };
    let private = last("x-forwarded-proto")?.eq_ignore_ascii_case("https");
    last("x-forwarded-for")?.parse().ok().filter(|_| private)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_peer_is_who_the_proxy_itself_named() {
        let told = |proto: &[&str], peers: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, values) in [("x-forwarded-proto", proto), ("x-forwarded-for", peers)] {
                for value in values {
                    headers.append(name, value.parse().unwrap());
                }
            }
            peer(&headers).map(|peer| peer.to_string())
        };
        assert_eq!(told(&["https"], &["10.0.0.1"]).as_deref(), Some("10.0.0.1"));
        assert_eq!(told(&["http", "HTTPS"], &["10.0.0.1, 10.0.0.2", "::1"]).as_deref(), Some("::1"));
        assert_eq!(told(&["https"], &["10.0.0.1, 10.0.0.2"]).as_deref(), Some("10.0.0.2"));
        for (proto, peers) in
            [(vec!["http"], vec!["10.0.0.1"]), (vec!["https"], vec![]), (vec![], vec!["10.0.0.1"])]
        {
            assert_eq!(told(&proto, &peers), None);
        }
        assert_eq!(told(&["https"], &["kantor"]), None);
    }
}
