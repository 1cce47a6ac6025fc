// The answer as one picture: what was drawn, what it was read as, and what the model saw.

import { saved } from "./dom.js";

const [WIDTH, HEIGHT, EDGE, SIDE] = [960, 540, 40, 400]; // pixels
const SEEN = 140;
const FONT = "system-ui, sans-serif";
const [GROUND, PAPER, INK, MUTED] = ["#f6f4ef", "#ffffff", "#1b1a18", "#5e5a53"];

/** Hand it to another program, where the browser can, else to the disk. `shown` is {picture, text, sentence, seen}. */
export async function share(shown) {
  const canvas = await drawn(shown);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const file = new File([blob], "digitserve.png", { type: "image/png" });
  if (!navigator.canShare?.({ files: [file] })) return saved(file, file.name);
  await navigator.share({ files: [file], text: shown.sentence }).catch((error) => {
    if (error.name !== "AbortError") saved(file, file.name); // AbortError: the person thought better of it
  });
}

async function drawn({ picture, text, sentence, seen }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  context.fillStyle = GROUND;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = PAPER;
  context.fillRect(EDGE, EDGE, SIDE, HEIGHT - 2 * EDGE);
  const bitmap = await createImageBitmap(picture).catch(() => null); // of a format that the service alone may know
  if (bitmap) contain(context, bitmap, EDGE, EDGE, SIDE, HEIGHT - 2 * EDGE);
  bitmap?.close();
  const left = 2 * EDGE + SIDE, room = WIDTH - left - EDGE;
  context.fillStyle = INK;
  const size = Math.min(150, fitting(context, text, room));
  context.font = `200 ${size}px ${FONT}`;
  context.fillText(text, left, EDGE + size * 0.9);
  context.font = `22px ${FONT}`;
  const lines = wrapped(context, sentence, room).slice(0, 5);
  lines.forEach((line, at) => context.fillText(line, left, EDGE + size + 40 + 32 * at));
  context.font = `17px ${FONT}`;
  context.fillStyle = MUTED;
  const foot = HEIGHT - EDGE;
  if (seen) {
    context.imageSmoothingEnabled = false;
    context.drawImage(seen, left, foot - SEEN, SEEN, SEEN);
    context.fillText("What the model saw", left + SEEN + 20, foot - 30);
  }
  context.fillText("digitserve", seen ? left + SEEN + 20 : left, foot - 4);
  return canvas;
}

function contain(context, bitmap, left, top, width, height) {
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, left + (width - wide) / 2, top + (height - high) / 2, wide, high);
}

function fitting(context, text, room) {
  context.font = `200 100px ${FONT}`;
  return (100 * room) / Math.max(1, context.measureText(text).width);
}

function wrapped(context, text, room) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.filter(Boolean);
}
