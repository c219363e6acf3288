//! The text of a QR code in a PNG picture.

use png::{ColorType, Decoder, Limits, Transformations};
use rqrr::PreparedImage;
use std::io::Cursor;
use zeroize::Zeroizing;

/// A photograph of 12 megapixels in 8-bit RGBA fits.
const MAX_PICTURE_BYTES: usize = 64 << 20;

/// Why no text came out of a picture.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// Not a PNG picture, a torn one, or one that is too large.
    #[error("it is not a picture in PNG that can be read: {0}")]
    Picture(String),
    /// Nothing in it looks like a QR code.
    #[error("there is no QR code in it")]
    Nothing,
    /// A QR code that is too blurred or too damaged.
    #[error("its QR code cannot be read: {0}")]
    Unreadable(String),
    /// It is not clear which is meant.
    #[error("there are {0} QR codes in it")]
    Several(usize),
}

/// Reads the one QR code of a picture.
pub fn text_of_png(png: &[u8]) -> Result<Zeroizing<String>, QrError> {
    let picture = Picture::decode(png)?;
    let mut prepared =
        PreparedImage::prepare_from_greyscale(picture.width, picture.height, |x, y| {
            picture.brightness(x, y)
        });
    let codes = prepared.detect_grids();
    match codes.as_slice() {
        [] => Err(QrError::Nothing),
        [code] => match code.decode() {
            Ok((_, text)) => Ok(Zeroizing::new(text)),
            Err(error) => Err(QrError::Unreadable(error.to_string())),
        },
        several => Err(QrError::Several(several.len())),
    }
}

/// A picture with 8 bits per channel, one to four channels per pixel.
struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    row_bytes: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl Picture {
    fn decode(png: &[u8]) -> Result<Self, QrError> {
        let failed = |error: png::DecodingError| QrError::Picture(error.to_string());
        let limits = Limits {
            bytes: MAX_PICTURE_BYTES,
        };
        let mut decoder = Decoder::new_with_limits(Cursor::new(png), limits);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(failed)?;
        let size = reader
            .output_buffer_size()
            .filter(|&size| size <= MAX_PICTURE_BYTES);
        let size = size.ok_or_else(|| QrError::Picture("it is too large".to_owned()))?;
        let mut bytes = Zeroizing::new(vec![0; size]);
        let frame = reader.next_frame(&mut bytes).map_err(failed)?;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let channels = match frame.color_type {
            ColorType::Grayscale => 1,
            ColorType::GrayscaleAlpha => 2,
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            ColorType::Indexed => {
                return Err(QrError::Picture("its palette was not resolved".to_owned()));
            }
        };
        Ok(Self {
            width,
            height,
            channels,
            row_bytes: frame.line_size,
            bytes,
        })
    }

    /// Brightness of a pixel on white paper.
    fn brightness(&self, x: usize, y: usize) -> u8 {
        let start = y * self.row_bytes + x * self.channels;
        match self.bytes.get(start..start + self.channels) {
            Some(&[grey]) => grey,
            Some(&[grey, alpha]) => on_white(grey, alpha),
            Some(&[red, green, blue]) => luma(red, green, blue),
            Some(&[red, green, blue, alpha]) => on_white(luma(red, green, blue), alpha),
            _ => u8::MAX,
        }
    }
}

/// Rec. 601 weights in 256ths; they sum to 256, so the result fits.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let weighted = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
    u8::try_from(weighted >> 8).unwrap_or(u8::MAX)
}

fn on_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha) = (u32::from(grey), u32::from(alpha));
    u8::try_from((grey * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}
