//! Redemption certificates: what a customer gets of a licence, as text or on a page.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cli::render;
use gateway::qr::Qr;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};
use serde::Deserialize;

use super::new_file::NewFile;

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
/// An inch, as letters have it.
const MARGIN: f32 = 72.0;
/// Where the values begin beside their names.
const VALUES: f32 = 190.0;
const LINE: f32 = 22.0;
/// Side of the QR code: a module is then 2 mm wide, which any camera resolves.
const QR_SIDE: f32 = 160.0;

const PLAIN: Name<'static> = Name(b"Plain");
const BOLD: Name<'static> = Name(b"Bold");
const TITLE: &str = "Redemption certificate";

/// What the desk's answer says of a licence: with its code when that is made, and without it at any other time,
/// for codes are not kept.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Certificate {
    /// With the code.
    Original(Original),
    /// Without it.
    Copy(Copy),
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Original {
    licence: String,
    account: String,
    tokens: u32,
    code: String,
    redeem_until: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Copy {
    licence: String,
    account: String,
    tokens: u32,
    state: State,
    issued: String,
    redeem_until: Option<String>,
    activated: Option<String>,
    product: Option<String>,
    revoked: Option<String>,
}

/// How far the licence is, in the words of the answer.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Waiting,
    Expired,
    Activated,
    Moved,
    Revoked,
}

impl Original {
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Account", self.account.clone()),
            ("Licence", self.licence.clone()),
            ("Tokens", self.tokens.to_string()),
            ("Redeem until", shown(&self.redeem_until)),
            ("Code", self.code.clone()),
        ]
    }

    fn steps(&self) -> Vec<String> {
        vec![
            "On the gateway that is to have the tokens:".to_owned(),
            format!("execute fortitoken-mobile import {}", self.code),
        ]
    }
}

impl Copy {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let dates = [
            ("Issued", Some(&self.issued)),
            ("Redeem until", self.redeem_until.as_ref()),
            ("Redeemed", self.activated.as_ref()),
            ("Revoked", self.revoked.as_ref()),
        ];
        let mut fields = vec![
            ("Account", self.account.clone()),
            ("Licence", self.licence.clone()),
            ("Tokens", self.tokens.to_string()),
        ];
        fields.extend(
            dates
                .into_iter()
                .filter_map(|(name, at)| Some((name, shown(at?)))),
        );
        fields.extend(self.product.iter().map(|it| ("Gateway", it.clone())));
        fields
    }

    fn steps(&self) -> Vec<String> {
        let licence = &self.licence;
        match self.state {
            State::Waiting | State::Moved => vec![
                "Its code was told once, and is not kept. If it is lost, the desk makes another:"
                    .to_owned(),
                format!("symbolon desk renew-licence {licence} --lost-code"),
            ],
            State::Expired => vec![
                "Its code has ended. The desk makes another:".to_owned(),
                format!("symbolon desk renew-licence {licence}"),
            ],
            State::Activated => vec!["It is redeemed, and needs no code any more.".to_owned()],
            State::Revoked => vec!["It is revoked, with its tokens.".to_owned()],
        }
    }
}

/// A moment, for a person.
fn shown(moment: &str) -> String {
    moment.replace('T', " ")
}

impl Certificate {
    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Original(original) => original.fields(),
            Self::Copy(copy) => copy.fields(),
        }
    }

    fn steps(&self) -> Vec<String> {
        match self {
            Self::Original(original) => original.steps(),
            Self::Copy(copy) => copy.steps(),
        }
    }

    /// The code, where there is one.
    fn qr(&self) -> Result<Option<Qr>> {
        match self {
            Self::Original(Original { code, .. }) => {
                let qr = Qr::of(code).context("the code does not fit into a QR code")?;
                Ok(Some(qr))
            }
            Self::Copy(_) => Ok(None),
        }
    }

    fn text(&self) -> Result<String> {
        let mut text = format!("{TITLE}\n\n");
        for (name, value) in self.fields() {
            text += &format!("{:<14}{value}\n", format!("{name}:"));
        }
        text += &format!("\n{}\n", self.steps().join("\n    "));
        if let Some(Qr { modules, width }) = &self.qr()? {
            let drawn = render::Qr {
                modules,
                width: *width,
            };
            text += &format!("\n{}", drawn.print());
        }
        Ok(text)
    }

    /// One page with the fonts that every reader has, so that none goes along.
    fn pdf(&self) -> Result<Vec<u8>> {
        let [catalog, pages, page, drawing, plain, bold] = [1, 2, 3, 4, 5, 6].map(Ref::new);
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(pages);
        pdf.pages(pages).kids([page]).count(1);
        let mut sheet = pdf.page(page);
        sheet.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
        sheet.parent(pages).contents(drawing);
        sheet
            .resources()
            .fonts()
            .pair(PLAIN, plain)
            .pair(BOLD, bold);
        sheet.finish();
        for (font, base) in [(plain, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
            pdf.type1_font(font)
                .base_font(Name(base))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.stream(drawing, &self.drawing()?);
        Ok(pdf.finish())
    }

    fn drawing(&self) -> Result<Vec<u8>> {
        let mut content = Content::new();
        let mut y = PAGE.1 - 2.0 * MARGIN;
        write(&mut content, (BOLD, 22.0), (MARGIN, y), TITLE);
        y -= 2.0 * LINE;
        for (name, value) in self.fields() {
            write(&mut content, (PLAIN, 11.0), (MARGIN, y), name);
            write(&mut content, (BOLD, 11.0), (VALUES, y), &value);
            y -= LINE;
        }
        y -= LINE;
        for step in self.steps() {
            write(&mut content, (PLAIN, 11.0), (MARGIN, y), &step);
            y -= LINE;
        }
        if let Some(qr) = &self.qr()? {
            draw(&mut content, qr, (MARGIN, y));
        }
        Ok(content.finish().to_vec())
    }
}

fn write(content: &mut Content, (font, size): (Name<'_>, f32), at: (f32, f32), text: &str) {
    content.begin_text().set_font(font, size);
    content.next_line(at.0, at.1);
    content.show(Str(&win_ansi(text))).end_text();
}

/// In the encoding of the fonts that every reader has. It agrees with Unicode from U+00A0 to U+00FF;
/// other letters of a name are in the text form alone.
fn win_ansi(text: &str) -> Vec<u8> {
    let octet = |c: char| match u8::try_from(c) {
        Ok(octet) if !c.is_control() => octet,
        _ => b'?',
    };
    text.chars().map(octet).collect()
}

/// The dark modules, from the upper left corner.
fn draw(content: &mut Content, qr: &Qr, (left, top): (f32, f32)) {
    let place = |at: usize| u16::try_from(at).map_or(0.0, f32::from);
    let module = QR_SIDE / place(qr.width);
    for (at, _) in qr.modules.iter().enumerate().filter(|(_, dark)| **dark) {
        let (x, y) = (place(at % qr.width), place(at / qr.width));
        content.rect(left + x * module, top - (y + 1.0) * module, module, module);
    }
    content.fill_nonzero();
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    Pdf,
}

/// The file of a certificate, empty. It is there before the code is, which is told only once.
#[derive(Debug)]
pub(super) struct Blank {
    file: NewFile,
    form: Form,
}

impl Blank {
    /// Makes the file, for its owner alone. One that is there is somebody else's.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let form = match path.extension().and_then(OsStr::to_str) {
            Some("pdf") => Form::Pdf,
            Some("txt") => Form::Text,
            _ => bail!("{}: a certificate is a .pdf or a .txt file", path.display()),
        };
        let file = NewFile::create(path)?;
        Ok(Self { file, form })
    }

    /// Writes the certificate, through to the disk.
    pub(super) fn fill(self, certificate: &Certificate) -> Result<()> {
        let content = match self.form {
            Form::Text => certificate.text()?.into_bytes(),
            Form::Pdf => certificate.pdf()?,
        };
        self.file.write(&content)
    }

    /// Takes the file away: there is no code.
    pub(super) fn discard(self) -> Result<()> {
        self.file.discard()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn certificate() -> Certificate {
        Certificate::Original(Original {
            licence: "EFTM000000000001".into(),
            account: "Näh & Söhne 株式会社".into(),
            tokens: 50,
            code: "01AB-CDEF-0123-4567-89AB".into(),
            redeem_until: "2027-11-22T10:28:53Z".into(),
        })
    }

    #[test]
    fn a_copy_has_no_code_and_says_how_to_get_one() {
        let shown = json!({
            "licence": "EFTM000000000001", "account": "Example Ltd", "product": null, "tokens": 50,
            "state": "waiting", "issued": "2026-11-22T10:28:53Z", "redeem_until": "2027-11-22T10:28:53Z",
            "activated": null, "moved": null, "revoked": null, "stock": [],
        });
        let copy: Certificate = serde_json::from_value(shown.clone()).unwrap();
        let text = copy.text().unwrap();
        for fact in [
            "Issued:       2026-11-22 10:28:53Z\nRedeem until: 2027-11-22 10:28:53Z\n\n",
            "symbolon desk renew-licence EFTM000000000001 --lost-code\n",
        ] {
            assert!(text.contains(fact), "no {fact} in:\n{text}");
        }
        assert!(!text.contains("Code:") && !text.contains('█'), "{text}");
        assert!(copy.pdf().unwrap().starts_with(b"%PDF-"));
        for (state, says) in [
            ("expired", "renew-licence EFTM000000000001\n"),
            ("activated", "needs no code any more"),
            ("moved", "--lost-code"),
            ("revoked", "is revoked"),
        ] {
            let mut shown = shown.clone();
            shown["state"] = state.into();
            let copy: Certificate = serde_json::from_value(shown).unwrap();
            let text = copy.text().unwrap();
            assert!(text.contains(says), "{state}:\n{text}");
        }
    }

    #[test]
    fn a_code_that_stays_makes_no_certificate() {
        let renewed = json!({
            "licence": "EFTM000000000001", "account": "Example Ltd", "tokens": 50, "code": null,
            "redeem_until": "2027-11-22T10:28:53Z",
        });
        assert!(serde_json::from_value::<Certificate>(renewed).is_err());
    }

    #[test]
    fn the_text_has_the_code_twice_and_as_qr_code() {
        let text = certificate().text().unwrap();
        for fact in [
            "Näh & Söhne 株式会社",
            "EFTM000000000001",
            "50",
            "2027-11-22",
        ] {
            assert!(text.contains(fact), "no {fact} in:\n{text}");
        }
        assert_eq!(text.matches("01AB-CDEF-0123-4567-89AB").count(), 2);
        // 24 characters take a code of 25 modules, drawn two rows a line.
        let drawn = text
            .lines()
            .filter(|line| line.contains(['█', '▀']))
            .count();
        assert_eq!(drawn, 13, "{text}");
    }

    #[test]
    fn the_page_has_letters_that_its_fonts_have() {
        let pdf = certificate().pdf().unwrap();
        assert!(pdf.starts_with(b"%PDF-") && pdf.ends_with(b"%%EOF"));
        let has = |text: &[u8]| pdf.windows(text.len()).any(|window| window == text);
        assert!(has(b"01AB-CDEF-0123-4567-89AB"));
        assert!(!has("株".as_bytes()));
        assert_eq!(win_ansi("Näh\n株"), b"N\xe4h??");
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("licence.txt");
        Blank::create(&path).unwrap().fill(&certificate()).unwrap();
        let refused = Blank::create(&path).unwrap_err().to_string();
        assert!(refused.contains("licence.txt"), "{refused}");
        assert!(Blank::create(&home.path().join("licence.doc")).is_err());
        let other = home.path().join("other.pdf");
        Blank::create(&other).unwrap().discard().unwrap();
        assert!(!other.exists());
    }
}
