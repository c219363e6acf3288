//! What a request shows: its arguments, with what a file holds in the file's place.

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use otp::seed_file::{MakerSerial, serials};
use registry::Desk;
use serde_json::{Value, json};

use super::arguments::{self, REQUEST};
use super::parcel::{Content, Parcel};

/// The arguments of a command that is to wait, for whoever decides about it.
pub(super) fn shown(parcel: &Parcel, desk: &Desk) -> Result<Value> {
    let (_, shown) = arguments::object_with(parcel, |name, content| match name {
        REQUEST => key(content, desk),
        _ => list(content),
    })?;
    Ok(shown)
}

/// A certificate request says by its key whose it is.
fn key(content: &[u8], desk: &Desk) -> Result<Value> {
    let key = desk.requested_key(str::from_utf8(content)?)?;
    Ok(json!({ "key_sha256": HEXLOWER.encode(&key.0) }))
}

fn list(content: &[u8]) -> Result<Value> {
    let serials = serials_in(content)?;
    Ok(json!({
        "serials": serials.len(),
        "first": serials.first().map(MakerSerial::as_str),
        "last": serials.last().map(MakerSerial::as_str),
        "bytes": content.len(),
        "sha256": HEXLOWER.encode(digest(&SHA256, content).as_ref()),
    }))
}

/// The serials in the files of a command that waits.
pub(super) fn serials(command: &str, files: &[Content]) -> Result<Vec<MakerSerial>> {
    match (command, files) {
        ("import-hardware", [list]) => serials_in(list),
        _ => Ok(Vec::new()),
    }
}

fn serials_in(content: &[u8]) -> Result<Vec<MakerSerial>> {
    let entries = serials::read(str::from_utf8(content)?)?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| entry.token.ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_what_it_holds() {
        let text = b"# from the old contract\nFTK2000BHV1KRZCC\n\nFTK2000BHV1KRZCD\n";
        let shown = list(text).unwrap();
        let expected = [
            json!(2),
            json!("FTK2000BHV1KRZCC"),
            json!("FTK2000BHV1KRZCD"),
        ];
        assert_eq!(
            ["serials", "first", "last"].map(|it| shown[it].clone()),
            expected
        );
        assert_eq!(shown["bytes"], json!(text.len()));
        assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);
        assert!(!shown.to_string().contains("contract"), "{shown}");
    }
}
