//! What forms send: fields by name, and files.

use axum::extract::Multipart;

use super::page::Trouble;
use super::session::Entered;

/// Fields of one form.
const MAX_FIELDS: usize = 400;
/// The field with the session's key.
const KEY: &str = "kunci";
/// The field with a file.
const FILE: &str = "berkas";

/// Fields of a form of this session, in order.
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// What a form sent, where it is of this session.
    pub fn of(entered: &Entered, fields: Vec<(String, String)>) -> Result<Self, Trouble> {
        if fields.len() > MAX_FIELDS {
            return Err(Trouble::Bad("Formulir ini terlalu banyak isiannya.".into()));
        }
        let fields = Self(fields);
        entered.check(fields.get(KEY).unwrap_or_default())?;
        Ok(fields)
    }

    /// What it tells under a name, the first where there are several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A file of a form of this session, and what else the form tells.
pub async fn upload(entered: &Entered, mut form: Multipart) -> Result<(Fields, Vec<u8>), Trouble> {
    let unread = |_| Trouble::Bad("Berkas tidak terbaca: kirim lagi.".into());
    let (mut fields, mut bytes) = (Vec::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(unread)? {
        match part.name().unwrap_or_default().to_owned() {
            name if name == FILE => bytes = part.bytes().await.map_err(unread)?.to_vec(),
            name => fields.push((name, part.text().await.map_err(unread)?)),
        }
    }
    Ok((Fields::of(entered, fields)?, bytes))
}
