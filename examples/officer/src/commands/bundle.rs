//! `bundle`: work and receipts as sealed files.

use loket_core::client::{ClientError, Phone, Receiver};
use loket_core::journal::AuthorId;
use serde_json::json;

use crate::arguments::Bundle;
use crate::output::{Answer, complain};

pub fn run(phone: &mut Phone, asked: &Bundle) -> Result<Answer, ClientError> {
    match asked {
        Bundle::Export { out, device } => {
            let receiver = receiver(device.as_deref())?;
            let packed = phone.pack(receiver, out)?;
            let text = format!(
                "bundel dengan {} entri dan {} lampiran ditulis ke {}; hanya penerimanya yang dapat membukanya",
                packed.entries,
                packed.attachments,
                out.display()
            );
            Ok(Answer::new(json!(packed), text))
        }
        Bundle::Import { file } => {
            let unpacked = phone.unpack(file)?;
            if unpacked.refused > 0 {
                complain(
                    "sebagian bundel melanjutkan data yang belum ada di sini: minta bundel yang lebih lengkap",
                );
            }
            let text =
                format!("{} entri baru dan {} lampiran diterima", unpacked.entries, unpacked.attachments);
            Ok(Answer::new(json!(unpacked), text))
        }
    }
}

fn receiver(device: Option<&str>) -> Result<Receiver, ClientError> {
    let Some(text) = device else { return Ok(Receiver::Office) };
    let device = AuthorId::from_hex(text.trim()).ok_or_else(|| {
        ClientError::refused("kode perangkat tidak dikenali: 64 huruf dan angka, seperti dicetak `enroll`")
    })?;
    Ok(Receiver::Device(device))
}
