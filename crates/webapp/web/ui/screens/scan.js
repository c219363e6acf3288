// The camera.

import { Failure } from "../../core/failure.js";
import { button, h } from "../dom.js";
import { page } from "../app.js";
import { takeText } from "../intake.js";
import { qrOf } from "../qr.js";

/** @import { App, Screen } from "../app.js" */

/** Enough for a code that fills a third of the frame; larger frames take longer than they help. */
const MAX_SIDE = 800;
const PAUSE_MS = 120;

/** @param {App} app @returns {Screen} */
export function scanScreen(app) {
  const { add } = app.words;
  const video = h("video", { playsinline: true, muted: true, "aria-label": add.aim });
  video.muted = true;
  const hint = h("p", { class: "hint aim", role: "status" }, add.starting);
  const frame = h("div", { class: "viewfinder" }, video, h("div", { class: "aim-frame", "aria-hidden": "true" }));
  const stage = h("div", { class: "stage" }, frame, hint);
  let isLeft = false;
  /** @type {MediaStream | null} */
  let stream = null;

  const stop = () => {
    isLeft = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };

  const watch = async () => {
    try {
      stream = await camera();
      if (isLeft) return stop();
      video.srcObject = stream;
      await video.play();
      hint.textContent = add.aim;
      const text = await firstCode(video, () => isLeft);
      if (text === null) return;
      navigator.vibrate?.(40);
      stop();
      await takeText(app, text);
    } catch (error) {
      stop();
      const retry = button(app.words.again, () => app.show(scanScreen(app)), "primary");
      const other = button(add.type, () => app.go("type"), "quiet");
      stage.replaceChildren(app.alert(error, retry, other));
    }
  };
  void watch();
  return { element: page(app, add.scan, stage), leave: stop };
}

/** @returns {Promise<MediaStream>} */
async function camera() {
  try {
    if (!navigator.mediaDevices) throw new Failure("camera-none");
    const video = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
    /** @type {Record<string, "camera-denied" | "camera-none" | "camera-busy">} */
    const kinds = { NotAllowedError: "camera-denied", NotFoundError: "camera-none", NotReadableError: "camera-busy" };
    throw new Failure(kinds[cause.name] ?? "camera-none", {}, cause);
  }
}

/** @param {HTMLVideoElement} video @param {() => boolean} isOver */
async function firstCode(video, isOver) {
  while (!isOver()) {
    const { videoWidth, videoHeight } = video;
    const text = videoWidth > 0 ? qrOf(video, videoWidth, videoHeight, MAX_SIDE) : null;
    if (text !== null) return text;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return null;
}
