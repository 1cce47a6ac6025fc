// A camera: its stream for as long as it is wanted, pictures of a part of it, and what went wrong in words.

import { fromBase64 } from "./api.js";

const WANTED = { width: { ideal: 1920 } };
const QUALITY = 0.85; // of JPEG
const NO_LOAN =
  "A browser lends its camera only to pages over HTTPS, and to those of this very computer. Choose a picture instead.";
const NO_CAMERA = "There is no camera here. Connect one, or choose a picture instead.";
const REFUSED =
  "This page may not use the camera. Allow it in the browser's settings for this page, and in the system's, " +
  "or choose a picture instead.";
const BUSY = "The camera does not answer. Another program may be using it: close that, then try again.";
const PROBLEMS = {
  NotAllowedError: REFUSED,
  SecurityError: REFUSED,
  NotFoundError: NO_CAMERA,
  OverconstrainedError: NO_CAMERA,
};

export class Lens {
  #video;
  #lost;
  #stream = null;
  #opening = 0; // counts, so that a stream that comes too late is let go

  /** `lost` is called where the camera goes away by itself, as one does that is unplugged. */
  constructor(video, lost) {
    this.#video = video;
    this.#lost = lost;
  }

  get isOpen() {
    return this.#stream !== null;
  }

  /** Raises Error with a sentence for people. False where it was closed meanwhile. */
  async open(camera) {
    this.close();
    const opening = ++this.#opening;
    if (!navigator.mediaDevices?.getUserMedia) throw new Error(NO_LOAN);
    const chosen = camera ? { deviceId: { exact: camera } } : { facingMode: { ideal: "environment" } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...chosen } }).catch((error) => {
      throw new Error(PROBLEMS[error.name] ?? BUSY);
    });
    if (opening !== this.#opening) return stop(stream);
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      this.close();
      this.#lost(new Error(NO_CAMERA));
    });
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {}); // which is cut short where it is closed at once
    return opening === this.#opening;
  }

  close() {
    this.#opening += 1;
    if (this.#stream) stop(this.#stream);
    this.#stream = this.#video.srcObject = null;
  }

  /** The id of the camera after the one that is open, going round; null where there is no other. */
  async next() {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const cameras = devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId }) => deviceId);
    const own = this.#stream?.getVideoTracks()[0].getSettings().deviceId;
    return cameras.length > 1 ? cameras[(cameras.indexOf(own) + 1) % cameras.length] : null;
  }

  /** Wait for a picture that has not been seen yet. */
  frame() {
    return new Promise((come) => {
      if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(come);
      else requestAnimationFrame(come);
    });
  }

  /** The size of its pictures in pixels. */
  get size() {
    return { width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  /**
   * What an area of the picture holds now, as JPEG, with its longer side of up to `longest` pixels.
   *
   * By toDataURL, for toBlob waits for an idle moment of the browser.
   */
  shoot({ left, top, width, height }, longest) {
    const scale = Math.min(1, longest / Math.max(width, height));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    canvas.getContext("2d").drawImage(this.#video, left, top, width, height, 0, 0, canvas.width, canvas.height);
    return new Blob([fromBase64(canvas.toDataURL("image/jpeg", QUALITY).split(",")[1])], { type: "image/jpeg" });
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
  return false;
}
