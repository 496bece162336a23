//! Who is at the browser: a cookie with a random token, whose hash the store knows.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use data_encoding::HEXLOWER;
use loket_core::catalogue::Role;
use loket_core::journal::{EntryHash, Partition};

use super::page::Trouble;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::access::{Entrance, SessionRow};
use crate::office::people::StaffRow;

/// The cookie. The prefix makes browsers refuse one that is not from here, or not for all of it.
const COOKIE: &str = "__Host-loket";
/// Bytes of a token.
const TOKEN: usize = 32;

/// Somebody who is signed in.
pub struct Entered {
    /// Who.
    pub staff: StaffRow,
    /// Their session.
    pub session: SessionRow,
    /// The hash of its token.
    pub token: [u8; 32],
    key: [u8; TOKEN],
}

impl Entered {
    /// What forms of this session carry, so that nobody else's page can send one in its name.
    pub fn form_key(&self) -> String {
        HEXLOWER.encode(blake3::derive_key("loket 1 console form", &self.key).get(..16).unwrap_or_default())
    }

    /// Checks what a form carries.
    pub fn check(&self, key: &str) -> Result<(), Trouble> {
        let same = constant_time(key.as_bytes(), self.form_key().as_bytes());
        same.then_some(()).ok_or(Trouble::Stale)
    }

    /// Whether this member of staff sees a desk's queue.
    pub fn sees(&self, desk: Role) -> bool {
        self.staff.role == desk || self.staff.role == Role::Admin
    }

    /// Whether they may know of an application filed there.
    pub fn covers(&self, place: &Partition) -> bool {
        self.staff.covers(place)
    }

    /// Whether a need-to-know application was opened in this session.
    pub fn has_opened(&self, application: &EntryHash) -> bool {
        self.session.opened.contains(application)
    }
}

fn constant_time(a: &[u8], b: &[u8]) -> bool {
    // Both are hashed, so that how long the comparison takes says nothing of what they have in common.
    blake3::hash(a) == blake3::hash(b)
}

impl FromRequestParts<Arc<App>> for Entered {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Trouble> {
        let jar = CookieJar::from_headers(&parts.headers);
        let key = read(&jar).ok_or(Trouble::SignIn)?;
        let token = hash(&key);
        let found = app.readers.run(move |replica| replica.session(&token, now())).await??;
        let (session, staff) = found.ok_or(Trouble::SignIn)?;
        if session.is_stale(now()) {
            // Where it cannot be written the session ends a little earlier.
            let _ = app.writer.write(false, move |office| office.see_session(&token, now())).await;
        }
        Ok(Self { staff, session, token, key })
    }
}

/// A new token and its hash.
pub fn make() -> ([u8; TOKEN], [u8; 32]) {
    let mut key = [0; TOKEN];
    dice(&mut key);
    (key, hash(&key))
}

fn hash(key: &[u8; TOKEN]) -> [u8; 32] {
    blake3::derive_key("loket 1 console session", key)
}

fn read(jar: &CookieJar) -> Option<[u8; TOKEN]> {
    HEXLOWER.decode(jar.get(COOKIE)?.value().as_bytes()).ok()?.try_into().ok()
}

/// The cookie of a token. It lives as long as the browser's window.
pub fn cookie(key: &[u8; TOKEN]) -> Cookie<'static> {
    Cookie::build((COOKIE, HEXLOWER.encode(key)))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .build()
}

/// What takes the cookie back.
pub fn no_cookie() -> Cookie<'static> {
    Cookie::build((COOKIE, "")).path("/").secure(true).build()
}
