// The way from a picture to the frame that the model sees, stage by stage.

import { fromPng } from "./api.js";
import { drawSmall, make } from "./dom.js";

const LONGEST = 160; // pixels of a stage's picture
// By the service's names of its stages: what people call it, and why it is done.
const NOTES = {
  "decoding the picture": ["The picture", "As it came: numbers for the shade of each pixel."],
  "making the picture smaller": ["Smaller", "More pixels tell nothing more of one digit."],
  "looking for a sheet of paper": ["The sheet alone", "What lies around the paper is painted over."],
  "looking at each colour of the pixels": ["One channel", "The colour in which the ink stands out best, as grey."],
  "making a small picture larger": ["Larger", "In so few pixels, light cannot be told from ink."],
  "counting the shades of the pixels": ["Two shades", "The one shade that parts dark from bright best."],
  "telling ink from paper": ["Ink is bright", "Dark on white or white on black: from here on ink shines."],
  "evening out the light": ["Even light", "Shadows are wider than strokes, and go."],
  "evening out the light for narrow strokes": ["Narrow strokes", "Faint ink, looked at again with a finer eye."],
  "looking at the colours of the pixels": ["Colour alone", "Faint ink, told from shadows by its colour."],
  "separating ink from paper": ["Ink or not", "Each pixel is decided: it is ink, or it is none."],
  "looking for printed lines": ["Printed lines", "Straight lines and boxes that nobody wrote."],
  "taking printed lines out": ["Lines out", "They go; strokes that cross them are bridged."],
  "finding connected ink": ["Parts", "What hangs together is one part: each has a colour."],
  "choosing the largest parts": ["Largest parts", "A picture of one digit has no more."],
  "looking for what is left of printed lines": ["Remains out", "Thin bits at the border go as well."],
  "smoothing the edges of ink": ["Soft edges", "How much ink, not only whether: edges stay smooth."],
  "choosing the digit among what is written": ["The digit", "Which parts are the digit; the rest is dim."],
  "taking all parts for one digit": ["All parts", "A broken digit, taken whole."],
  "cutting the digit out": ["Cut out", "Nothing but the digit is left."],
  "bridging broken strokes": ["Bridged", "Ends that point at each other are joined."],
  "scaling the digit": ["Scaled", "20 pixels long, as every digit that the model learnt from."],
  "centring the digit": ["The frame", "28 by 28 pixels, its weight in the middle: this the model sees."],
};

/** A list of figures; what left the picture as it had been is named under the one before. */
export async function stageList(stages) {
  const list = make("ol", { class: "way" });
  for (const { name, picture } of stages) {
    const [title, note] = NOTES[name] ?? [name, ""];
    if (picture) list.append(await figure(title, note, await fromPng(picture)));
    else list.lastElementChild?.querySelector(".idle").append(make("span", { title: note }, title));
  }
  return list;
}

async function figure(title, note, bitmap) {
  const canvas = make("canvas", { role: "img", "aria-label": title });
  drawSmall(canvas, bitmap, LONGEST);
  canvas.toggleAttribute("data-coarse", bitmap.width < 32);
  return make("li", {}, canvas, make("h3", {}, title), make("p", {}, note), make("p", { class: "idle" }));
}
