// Whole numbers: their text, and where each of their digits stands.

import { post } from "./api.js";
import { element, make, percent } from "./dom.js";
import { ofNumber } from "./reading.js";

const SVG = "http://www.w3.org/2000/svg";
const WORTH_SAYING = 0.001; // of another reading's confidence: what is shown as 0.0 % says nothing
const NONE = "No number was found";
let boxed = { numbers: [], size: null }; // what is shown on the picture

export const ask = (subject, signal) => post("v1/read", subject, signal);

/** `size` is that of the picture in its own pixels, upright, as boxes are counted; null where it is not known. */
export function show({ numbers }, { size }) {
  const entries = numbers.length ? numbers.map(entry) : [make("li", {}, make("p", { class: "headline" }, NONE))];
  element("numbers").replaceChildren(...entries);
  showBoxes(size ? numbers : [], size);
}

export function showNothing() {
  element("numbers").replaceChildren();
  showBoxes([], null);
}

/** What the service refused is an answer too where it found nothing to read. Whether this was one. */
export function showRefused({ code }) {
  if (code !== "no_ink") return false;
  show({ numbers: [] }, {});
  return true;
}

/** What was read, with a space between numbers; "" where there were none. */
export const text = ({ numbers }) => numbers.map(({ raw }) => raw).join(" ");

/** The answer in a sentence for each number. */
export function sentence({ numbers }) {
  return numbers.length ? numbers.map((number) => ofNumber(number).sentence).join(" ") : `${NONE}.`;
}

function entry(number) {
  const { raw, confidence, decision, alternatives } = number;
  const { headline, sentence } = ofNumber(number);
  const item = make("li", { "data-decision": decision });
  if (headline) item.append(make("p", { class: "headline" }, headline));
  item.append(make("p", { class: "text" }, raw));
  if (!headline) item.append(make("p", { class: "sure" }, `${percent(confidence)} sure`));
  item.append(make("p", { class: "decision" }, sentence));
  const likely = alternatives.filter((other) => other.confidence >= WORTH_SAYING);
  if (likely.length) item.append(make("p", { class: "else" }, "Otherwise ", ...likely.flatMap(between)));
  return item;
}

function between({ text, confidence }, place) {
  return [place ? ", " : "", make("b", {}, text), ` at ${percent(confidence)}`];
}

function showBoxes(numbers, size) {
  boxed = { numbers, size };
  drawBoxes(element("boxes"), numbers, size);
}

/** Draw the digits' boxes over a picture of that size, which fills the SVG `boxes` as far as its shape allows. */
export function drawBoxes(boxes, numbers, size) {
  boxes.replaceChildren();
  const screen = boxes.getBoundingClientRect();
  if (!numbers.length || !screen.width) return; // what is not seen has no size
  const { width, height } = size;
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const pixel = Math.max(width / screen.width, height / screen.height); // the screen's, in the picture's
  for (const { digits } of numbers) boxes.append(...digits.flatMap((digit) => digitBox(digit, pixel, height)));
}

function digitBox({ digit, box: [x, y, width, height] }, pixel, whole) {
  const rectangle = svg("rect", { x, y, width, height, rx: 3 * pixel });
  const label = svg("text", { x: x + width / 2, y: foot(y, height, pixel, whole), "font-size": 16 * pixel });
  label.style.strokeWidth = 4 * pixel;
  label.textContent = digit;
  return [rectangle, label];
}

// Of a label: above its box, below where there is no room above, and in it where there is none below either.
function foot(y, height, pixel, whole) {
  if (y >= 22 * pixel) return y - 6 * pixel;
  return y + height + 22 * pixel <= whole ? y + height + 18 * pixel : y + 18 * pixel;
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Labels keep their size on a screen that is turned.
new ResizeObserver(() => showBoxes(boxed.numbers, boxed.size)).observe(element("boxes"));
