//! QR codes: as modules for the terminal and as a picture for mails.

use fast_qr::{ECL, QRBuilder};

/// Side of a module in the picture, in pixels: large enough for a phone that photographs a screen.
const SCALE: usize = 6;
/// Light modules around the code (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;

/// A square of modules, row by row; true is dark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Qr {
    /// The modules.
    pub modules: Vec<bool>,
    /// How many a row has.
    pub width: usize,
}

impl Qr {
    /// The code of a text; `None` if the text is too long for any.
    pub fn of(text: &str) -> Option<Self> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
        let width = code.size;
        let modules =
            (0..width).flat_map(|row| code[row].iter().take(width).map(|module| module.value()));
        Some(Self {
            modules: modules.collect(),
            width,
        })
    }

    /// The code as a PNG of one bit a pixel, quiet zone included.
    pub(crate) fn png(&self) -> Option<Vec<u8>> {
        let side = (self.width + 2 * QUIET) * SCALE;
        let mut rows = Vec::with_capacity(side * side.div_ceil(8));
        for y in 0..side {
            let mut row = vec![0xff_u8; side.div_ceil(8)];
            for x in (0..side).filter(|x| self.is_dark(x / SCALE, y / SCALE)) {
                row[x / 8] &= !(0x80 >> (x % 8));
            }
            rows.extend_from_slice(&row);
        }
        let side = u32::try_from(side).ok()?;
        let mut picture = Vec::new();
        let mut encoder = png::Encoder::new(&mut picture, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&rows).ok()?;
        writer.finish().ok()?;
        Some(picture)
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.modules.get(y * self.width + x) == Some(&true),
            _ => false,
        }
    }
}
