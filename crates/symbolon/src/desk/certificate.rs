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

/// What the desk's answer says of a licence with a code.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Certificate {
    licence: String,
    account: String,
    tokens: u32,
    code: String,
    redeem_until: String,
}

impl Certificate {
    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("Account", self.account.clone()),
            ("Licence", self.licence.clone()),
            ("Tokens", self.tokens.to_string()),
            ("Redeem until", self.redeem_until.replace('T', " ")),
            ("Code", self.code.clone()),
        ]
    }

    fn steps(&self) -> [String; 2] {
        [
            "On the gateway that is to have the tokens:".to_owned(),
            format!("execute fortitoken-mobile import {}", self.code),
        ]
    }

    fn qr(&self) -> Result<Qr> {
        Qr::of(&self.code).context("the code does not fit into a QR code")
    }

    fn text(&self) -> Result<String> {
        let mut text = format!("{TITLE}\n\n");
        for (name, value) in self.fields() {
            text += &format!("{:<14}{value}\n", format!("{name}:"));
        }
        let qr = self.qr()?;
        let drawn = render::Qr {
            modules: &qr.modules,
            width: qr.width,
        };
        Ok(text + "\n" + &self.steps().join("\n    ") + "\n\n" + &drawn.print())
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
        draw(&mut content, &self.qr()?, (MARGIN, y));
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
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            licence: "EFTM000000000001".into(),
            account: "Näh & Söhne 株式会社".into(),
            tokens: 50,
            code: "01AB-CDEF-0123-4567-89AB".into(),
            redeem_until: "2027-11-22T10:28:53Z".into(),
        }
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
