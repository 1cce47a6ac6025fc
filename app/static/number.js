// Whole numbers: their text, and where each of their digits stands.

import { post } from "./api.js";
import { element, make, percent, showDecision } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WORTH_SAYING = 0.001; // of another reading's confidence: what is shown as 0.0 % says nothing
const NONE = "No number was found.";

export const ask = (subject, signal) => post("v1/read", subject, signal);

/** `size` is that of the picture in its own pixels, upright, as boxes are counted; null where it is not known. */
export function show({ numbers }, { size }) {
  const entries = numbers.length ? numbers.map(entry) : [make("li", {}, NONE)];
  element("numbers").replaceChildren(...entries);
  showBoxes(size ? numbers : [], size);
}

export function showNothing() {
  element("numbers").replaceChildren();
  showBoxes([], null);
}

/** The answer in a sentence. */
export function sentence({ numbers }) {
  return numbers.length ? `Read as ${numbers.map(({ raw }) => raw).join(", ")}.` : NONE;
}

function entry({ raw, confidence, decision, alternatives }) {
  const said = make("p", { class: "decision" });
  showDecision(said, decision);
  const sure = make("p", { class: "sure" }, `${percent(confidence)} sure`);
  const item = make("li", {}, make("p", { class: "text" }, raw), sure, said);
  const likely = alternatives.filter((other) => other.confidence >= WORTH_SAYING);
  if (likely.length) item.append(make("p", { class: "else" }, "Otherwise ", ...likely.flatMap(between)));
  return item;
}

function between({ text, confidence }, place) {
  return [place ? ", " : "", make("b", {}, text), ` at ${percent(confidence)}`];
}

function showBoxes(numbers, size) {
  const boxes = element("boxes");
  boxes.replaceChildren();
  if (!numbers.length) return;
  const { width, height } = size;
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const screen = boxes.getBoundingClientRect();
  const pixel = Math.max(width / screen.width, height / screen.height); // the screen's, in the picture's
  for (const { digits } of numbers) boxes.append(...digits.flatMap((digit) => digitBox(digit, pixel)));
}

function digitBox({ digit, box: [x, y, width, height] }, pixel) {
  const rectangle = svg("rect", { x, y, width, height, rx: 3 * pixel });
  const foot = y < 22 * pixel ? y + height + 18 * pixel : y - 6 * pixel; // below where there is no room above
  const label = svg("text", { x: x + width / 2, y: foot, "font-size": 16 * pixel });
  label.style.strokeWidth = 4 * pixel;
  label.textContent = digit;
  return [rectangle, label];
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
