//! `meet`: another phone on the same network, without the office.

use std::fs;
use std::io::IsTerminal;

use loket_core::client::meet::{Met, Place as Code, Waiting, call};
use loket_core::client::{ClientError, Phone};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use super::Place;
use crate::arguments::{Meet, Wait};
use crate::output::{Answer, complain, wheel};

pub fn run(place: &Place<'_>, asked: &Meet) -> Result<Answer, ClientError> {
    let phone = place.open()?;
    let runtime = super::runtime()?;
    let met = match asked {
        Meet::Wait(asked) => runtime.block_on(wait(phone, asked))?,
        Meet::Call { code } => {
            let code: Code = code.parse().map_err(|error: loket_core::client::meet::NotAPlace| {
                ClientError::refused(error.to_string())
            })?;
            let wheel = wheel("menghubungi HP itu");
            let met = runtime.block_on(call(phone, &code));
            wheel.finish_and_clear();
            met?
        }
    };
    let text = told(&met);
    Ok(Answer::new(json!(met), text))
}

async fn wait(phone: Phone, asked: &Wait) -> Result<Met, ClientError> {
    let waiting = Waiting::at(phone.author(), asked.at).await?;
    let code = waiting.place().to_string();
    if let Some(file) = &asked.code {
        // Under another name first: who looks for it finds all of it.
        let new = file.with_extension("baru");
        fs::write(&new, &code)?;
        fs::rename(&new, file)?;
    }
    if std::io::stderr().is_terminal()
        && let Ok(picture) = QrCode::new(&code)
    {
        complain(&picture.render::<Dense1x2>().build());
    }
    complain(&format!("menunggu HP lain; kodenya: {code}"));
    waiting.meet(phone).await
}

fn told(met: &Met) -> String {
    format!(
        "bertemu {}: {} entri diberikan, {} diterima; {} lampiran diberikan, {} diterima",
        met.officer, met.entries_sent, met.entries_received, met.attachments_sent, met.attachments_received
    )
}
