// Digits to begin with: the ten known ones of the model's manifest, each as a picture of a sheet it was written on.

import { fromBase64, fromPng, modelCard } from "./api.js";

const SIDE = 280, DIGIT = 170, LEFT = 70, TOP = 45; // pixels of the sheet, and where the digit lies on it
const PAPER = ["#fbf9f4", "#d9d5cb"], PEN = [34, 62, 140]; // the light falls from one corner

/** What the model read before it went live: [{digit, frame}]; none where its manifest has none. */
export async function knownDigits() {
  const { golden } = await modelCard();
  if (!golden) return [];
  const frames = await Promise.all(golden.images.map(async (png) => pixelsOf(await fromPng(png))));
  return golden.digits.map((digit, place) => ({ digit, frame: frames[place] }));
}

/** The shades of a grey bitmap, row by row. */
export function pixelsOf(bitmap) {
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data.filter((_, at) => at % 4 === 0);
}

/** The frame as if it had been written by a blue pen on paper: {body, type}. */
export async function onPaper(frame) {
  const side = Math.sqrt(frame.length);
  const ink = new ImageData(side, side);
  frame.forEach((shade, at) => ink.data.set([...PEN, shade], 4 * at));
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  const light = context.createLinearGradient(0, 0, SIDE, SIDE);
  PAPER.forEach((colour, end) => light.addColorStop(end, colour));
  context.fillStyle = light;
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = "high";
  context.drawImage(await createImageBitmap(ink), LEFT, TOP, DIGIT, DIGIT);
  return { body: fromBase64(canvas.toDataURL("image/png").split(",")[1]), type: "image/png" };
}
