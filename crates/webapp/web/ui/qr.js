// QR codes in pictures and in what a camera sees.

import { Failure } from "../core/failure.js";
import { decodeQR } from "../vendor/qr/decode.js";

/** A QR code in a photograph is found at this size, and in a tenth of the time. */
const MAX_SIDE = 1600;

/** @param {Blob} file @returns {Promise<string>} */
export async function qrOfPicture(file) {
  const picture = await createImageBitmap(file).catch((cause) => {
    throw new Failure("qr-picture", {}, cause);
  });
  const text = qrOf(picture, picture.width, picture.height, MAX_SIDE);
  picture.close();
  if (text === null) throw new Failure("qr-nothing");
  return text;
}

/**
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @param {number} maxSide it is looked at no larger than this
 * @returns {string | null} the text of the first QR code
 */
export function qrOf(source, width, height, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const canvas = Object.assign(document.createElement("canvas"), size);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Failure("unsupported");
  // Transparent pictures of codes are meant to be seen on white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, size.width, size.height);
  context.drawImage(source, 0, 0, size.width, size.height);
  try {
    return decodeQR(context.getImageData(0, 0, size.width, size.height));
  } catch {
    return null;
  }
}
