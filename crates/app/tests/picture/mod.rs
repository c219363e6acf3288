//! QR codes drawn into PNG pictures.

use fast_qr::QRBuilder;
use png::{BitDepth, ColorType, Encoder};

/// What the code is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "no test uses all of it")]
pub(crate) enum Paper {
    Grey,
    Rgb,
    Transparent,
    OneBit,
    Palette,
    Blank,
    Two,
}

/// Pixels of a module and modules of the quiet zone around the code (ISO 18004 asks for four).
const SCALE: usize = 4;
const QUIET: usize = 4;

/// A PNG picture of a text's QR code.
pub(crate) fn draw(text: &str, paper: Paper) -> Vec<u8> {
    let dark = modules(text);
    let side = (dark.len() + 2 * QUIET) * SCALE;
    let copies = if paper == Paper::Two { 2 } else { 1 };
    let is_dark = |x: usize, y: usize| {
        let module = |pixel: usize| (pixel / SCALE).checked_sub(QUIET);
        let row = module(y).and_then(|y| dark.get(y));
        let cell = row.and_then(|row| module(x % side).and_then(|x| row.get(x)));
        paper != Paper::Blank && cell.copied().unwrap_or(false)
    };
    let pixels = (0..side).flat_map(|y| (0..side * copies).map(move |x| (x, y)));
    let bytes: Vec<u8> = match paper {
        Paper::OneBit => (0..side)
            .flat_map(|y| (0..side).step_by(8).map(move |x| (x, y)))
            .map(|(x, y)| (0..8).fold(0, |byte, bit| byte << 1 | u8::from(!is_dark(x + bit, y))))
            .collect(),
        _ => pixels
            .flat_map(|(x, y)| paper.pixel(is_dark(x, y)).to_vec())
            .collect(),
    };
    let mut png = Vec::new();
    let size = |pixels: usize| u32::try_from(pixels).unwrap();
    let mut encoder = Encoder::new(&mut png, size(side * copies), size(side));
    let (color, depth) = paper.format();
    encoder.set_color(color);
    encoder.set_depth(depth);
    if paper == Paper::Palette {
        encoder.set_palette(vec![240, 240, 255, 20, 0, 60]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&bytes).unwrap();
    writer.finish().unwrap();
    png
}

impl Paper {
    fn pixel(self, is_dark: bool) -> &'static [u8] {
        match (self, is_dark) {
            (Self::Rgb, true) => &[0, 0, 80],
            (Self::Rgb, false) => &[255, 250, 200],
            (Self::Transparent, true) => &[0, 0, 0, 255],
            (Self::Transparent, false) => &[0, 0, 0, 0],
            (Self::Palette, is_dark) => {
                if is_dark {
                    &[1]
                } else {
                    &[0]
                }
            }
            (_, true) => &[0],
            (_, false) => &[255],
        }
    }

    fn format(self) -> (ColorType, BitDepth) {
        match self {
            Self::Rgb => (ColorType::Rgb, BitDepth::Eight),
            Self::Transparent => (ColorType::Rgba, BitDepth::Eight),
            Self::OneBit => (ColorType::Grayscale, BitDepth::One),
            Self::Palette => (ColorType::Indexed, BitDepth::Eight),
            Self::Grey | Self::Blank | Self::Two => (ColorType::Grayscale, BitDepth::Eight),
        }
    }
}

fn modules(text: &str) -> Vec<Vec<bool>> {
    let code = QRBuilder::new(text).build().unwrap();
    (0..code.size)
        .map(|y| (0..code.size).map(|x| code[y][x].value()).collect())
        .collect()
}
