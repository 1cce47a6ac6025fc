// A forward pass with this image's own numbers: 49 of them, through 12 neurons, to ten shares. The network is a toy that
// learns here and now, from the ten known digits, moved about; the service's own is not asked.

import { element, make, percent } from "./dom.js";
import { Network, seeded } from "./network.js";
import { short } from "./svg.js";

const SIDE = 7, HIDDEN = 12, DIGITS = 10;
const VARIANTS = 30; // of each known digit
const EPOCHS = 20, BATCH = 20, RATE = 0.6;
const MOST_SHIFT = 3, MOST_TURN = 0.25, MOST_STRETCH = 0.15; // pixels, radians, parts

let frame = null, known = [], network = null, examples = [];
let epoch = 0, chosen = 0, running = 0;

export function forwardParts() {
  const button = make("button", { id: "toy-learn", type: "button" }, "Let it learn");
  button.addEventListener("click", begin);
  const units = Array.from({ length: HIDDEN }, (_, unit) => {
    const choice = make("button", { type: "button", "aria-label": `Neuron ${unit + 1}`, "aria-pressed": unit === 0 },
      make("canvas", { width: SIDE, height: SIDE }), make("span", {}));
    choice.addEventListener("click", () => { chosen = unit; show(); });
    return choice;
  });
  const shares = Array.from({ length: DIGITS }, (_, digit) => make("li", {}, make("span", { class: "bar" }), make("b", {}, digit)));
  return [
    make("div", { class: "tools" }, button, make("p", { id: "toy-state", role: "status" })),
    make("div", { class: "toy" },
      make("figure", {}, make("canvas", { id: "toy-image", width: SIDE, height: SIDE, role: "img", "aria-label": "The image in 49 numbers" }), make("figcaption", {}, "This image in 49 numbers of 0 to 1.")),
      make("figure", {}, make("div", { id: "toy-units", role: "group", "aria-label": "Twelve neurons" }, ...units), make("figcaption", {}, "Twelve neurons. Each picture is its weights: red counts for it, blue against it.")),
      make("figure", {}, make("ol", { id: "toy-shares", class: "shares", start: 0 }, ...shares), make("figcaption", {}, "Ten more weigh the twelve: one share for each digit."))),
    make("p", { id: "toy-sum", class: "sum" }),
  ];
}

/** The frame that is looked at, and the known digits: [{digit, frame}]. */
export function showForward(shown, digits) {
  [frame, known] = [shown, digits];
  network ??= new Network([SIDE * SIDE, HIDDEN, DIGITS], seeded(3));
  show();
}

export function stopLearning() {
  clearTimeout(running);
  running = 0;
}

function begin() {
  stopLearning();
  const random = seeded(3);
  network = new Network([SIDE * SIDE, HIDDEN, DIGITS], random);
  examples = known.flatMap(({ digit, frame: one }) => Array.from({ length: VARIANTS }, () => ({
    x: coarse(moved(one, random)), y: Array.from({ length: DIGITS }, (_, place) => Number(place === digit)),
  })));
  shuffle(examples, random);
  epoch = 0;
  learnOn();
}

/** An epoch at a time, so that the page goes on. */
function learnOn() {
  for (let first = 0; first < examples.length; first += BATCH) network.step(examples.slice(first, first + BATCH), RATE);
  epoch += 1;
  show();
  running = epoch < EPOCHS ? setTimeout(learnOn) : 0;
}

function show() {
  const x = coarse(frame);
  const [, hidden, shares] = network.forward(x);
  paint(element("toy-image"), x, 1);
  const { weights, biases } = network.layers[0];
  [...element("toy-units").children].forEach((choice, unit) => {
    paint(choice.firstElementChild, weights[unit], Math.max(...weights[unit].map(Math.abs)), { signed: true });
    choice.lastElementChild.textContent = short(hidden[unit]);
    choice.setAttribute("aria-pressed", unit === chosen);
  });
  const best = shares.indexOf(Math.max(...shares));
  [...element("toy-shares").children].forEach((bar, digit) => {
    bar.style.setProperty("--share", shares[digit]);
    bar.toggleAttribute("data-top", digit === best);
  });
  element("toy-sum").textContent = sumOf(x, weights[chosen], biases[chosen], hidden[chosen], chosen);
  const right = examples.filter((one) => isRight(one)).length;
  element("toy-state").textContent = epoch
    ? `${epoch} times through ${examples.length} examples, ${right} of them right. It reads this one as ${best}, ${percent(shares[best])} sure.`
    : "It has learnt nothing yet: its weights are random.";
}

function isRight({ x, y }) {
  const shares = network.forward(x).at(-1);
  return y[shares.indexOf(Math.max(...shares))] === 1;
}

/** The three products that count most, and the rest. */
function sumOf(x, weights, bias, value, unit) {
  const products = Array.from(x, (one, at) => ({ one, weight: weights[at], product: one * weights[at] }));
  const most = products.toSorted((one, other) => Math.abs(other.product) - Math.abs(one.product)).slice(0, 3);
  const all = products.reduce((total, { product }) => total + product, 0);
  const rest = all - most.reduce((total, { product }) => total + product, 0);
  const said = most.map(({ one, weight }) => `${short(one)} × ${short(weight)}`).join(" + ");
  return `Neuron ${unit + 1}: ${said} + ${x.length - 3} more (${short(rest)}) + bias ${short(bias)} = ${short(all + bias)}, through tanh: ${short(value)}`;
}

/** Means of squares of pixels, 0 to 1. */
function coarse(shades) {
  const side = Math.sqrt(shades.length), cell = side / SIDE;
  const means = new Float64Array(SIDE * SIDE);
  shades.forEach((shade, at) => {
    const place = Math.floor(Math.floor(at / side) / cell) * SIDE + Math.floor((at % side) / cell);
    means[place] += shade / 255 / cell ** 2;
  });
  return means;
}

/** Turned, stretched and shifted a little, as another hand would have it. */
function moved(shades, random) {
  const side = Math.sqrt(shades.length), middle = (side - 1) / 2;
  const about = (most) => most * (2 * random() - 1);
  const [turn, wide, tall] = [about(MOST_TURN), 1 + about(MOST_STRETCH), 1 + about(MOST_STRETCH)];
  const [right, down] = [about(MOST_SHIFT), about(MOST_SHIFT)];
  return Array.from(shades, (_, at) => {
    const [x, y] = [(at % side) - middle - right, Math.floor(at / side) - middle - down];
    const from = [(x * Math.cos(turn) - y * Math.sin(turn)) / wide, (x * Math.sin(turn) + y * Math.cos(turn)) / tall];
    const [column, line] = from.map((place) => Math.round(place + middle));
    return column >= 0 && line >= 0 && column < side && line < side ? shades[line * side + column] : 0;
  });
}

function shuffle(items, random) {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
}

function paint(canvas, values, most, { signed = false } = {}) {
  const image = new ImageData(SIDE, SIDE);
  values.forEach((value, at) => {
    const share = Math.round((255 * Math.abs(value)) / (most || 1));
    const colour = !signed ? [share, share, share, 255] : value < 0 ? [40, 90, 230, share] : [220, 40, 30, share];
    image.data.set(colour, 4 * at);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
