//! `new`: applications are opened, one or a whole file of them.

use loket_core::client::{ClientError, Created, Draft, Phone};
use loket_core::journal::Place;
use serde_json::{Value, json};

use crate::arguments::New;
use crate::output::{Answer, bar, table};

pub fn run(phone: &mut Phone, asked: &New) -> Result<Answer, ClientError> {
    let place = asked.village.as_deref().map(place).transpose()?;
    let draft = Draft {
        service: asked.service.clone(),
        variant: asked.variant.clone(),
        place,
        link: asked.link.clone(),
        ..Draft::default()
    };
    if let Some(path) = &asked.from {
        let ready = super::import::read(phone, &draft, path)?;
        let bar = bar(ready.len() as u64, "membuka permohonan");
        let created = phone.create(&ready, &mut |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        return Ok(many(&created?));
    }
    let ready = phone.check(&draft)?;
    let created = phone.create(&[ready], &mut |_| {})?;
    let Some(one) = created.first() else {
        return Err(ClientError::refused("tidak ada permohonan yang dibuka: ulangi"));
    };
    let text = format!("Permohonan {} dibuka dengan nomor {}\nid {}", one.service, one.number, one.id);
    Ok(Answer::new(document(one), text))
}

fn place(code: &str) -> Result<Place, ClientError> {
    Place::parse(code).ok_or_else(|| {
        ClientError::refused("kode wilayah tidak dikenali: tulis misalnya --village 33.12.08.2002")
    })
}

fn many(created: &[Created]) -> Answer {
    let rows: Vec<Vec<String>> =
        created.iter().map(|one| vec![one.number.clone(), one.id.to_hex()]).collect();
    let text = format!("{} permohonan dibuka\n{}", created.len(), table(&["NOMOR", "ID"], &rows));
    Answer::new(Value::Array(created.iter().map(document).collect()), text)
}

fn document(one: &Created) -> Value {
    json!({ "id": one.id.to_hex(), "number": one.number, "service": one.service, "variant": one.variant })
}
