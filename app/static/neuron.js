// One neuron: what comes in, how much each counts, and what goes out. The numbers to begin with are those of
// training/scratch_examples.py.

import { make } from "./dom.js";
import { sigmoid } from "./network.js";
import { draw, picture, short, showWeight } from "./svg.js";

const DIALS = [
  { id: "x1", name: "first input", value: 0.5, least: 0, most: 1 },
  { id: "x2", name: "second input", value: 0.8, least: 0, most: 1 },
  { id: "w1", name: "its weight", value: 0.4, least: -3, most: 3 },
  { id: "w2", name: "its weight", value: 0.6, least: -3, most: 3 },
  { id: "b", name: "bias", value: 0.1, least: -3, most: 3 },
];
const ORDER = ["x1", "w1", "x2", "w2", "b"];
const REACH = 7; // of the curve, to either side
const [LEFT, TOP, WIDTH, HEIGHT] = [250, 25, 150, 90]; // of the curve

/** A drawing, its sum in words, and a dial for each number. */
export function neuron() {
  const numbers = Object.fromEntries(DIALS.map(({ id, value }) => [id, value]));
  const lines = [45, 115].map((y) => draw("line", { x1: 40, y1: y, x2: 160, y2: 80 }));
  const inputs = [45, 115].map((y) => draw("text", { x: 28, y: y + 4 }));
  const [inside, point] = [draw("text", { x: 175, y: 84 }), draw("circle", { r: 5, class: "point" })];
  const curve = Array.from({ length: 61 }, (_, at) => spot((at / 30 - 1) * REACH).join(" "));
  const drawing = picture(420, 150, "A neuron with two inputs, and the curve that its sum goes through",
    ...lines, ...[45, 115].map((y) => draw("circle", { cx: 28, cy: y, r: 20, class: "node" })), ...inputs,
    draw("circle", { cx: 175, cy: 80, r: 26, class: "node" }), inside,
    draw("line", { x1: 201, y1: 80, x2: 240, y2: 80, class: "axis" }),
    draw("path", { d: `M${LEFT} ${TOP + HEIGHT}h${WIDTH}M${LEFT + WIDTH / 2} ${TOP}v${HEIGHT}`, class: "axis" }),
    draw("path", { d: `M${curve.join("L")}`, class: "curve" }), point);
  const sum = make("p", { class: "sum", "aria-live": "polite" });

  function show() {
    const { x1, x2, w1, w2, b } = numbers;
    const z = w1 * x1 + w2 * x2 + b;
    [w1, w2].forEach((weight, at) => showWeight(lines[at], weight));
    [x1, x2].forEach((x, at) => (inputs[at].textContent = short(x)));
    inside.textContent = short(sigmoid(z));
    const [x, y] = spot(z);
    point.setAttribute("cx", x);
    point.setAttribute("cy", y);
    sum.textContent =
      `${short(w1)} × ${short(x1)} + ${short(w2)} × ${short(x2)} + ${short(b)} = ${short(z)}, ` +
      `through the curve: ${short(sigmoid(z))}`;
  }

  const dials = ORDER.map((id) => dial(DIALS.find((one) => one.id === id), (value) => {
    numbers[id] = value;
    show();
  }));
  show();
  return [drawing, sum, make("div", { class: "dials" }, ...dials)];
}

function spot(z) {
  const along = Math.min(REACH, Math.max(-REACH, z)) / REACH;
  return [LEFT + (WIDTH * (along + 1)) / 2, TOP + HEIGHT * (1 - sigmoid(z))];
}

function dial({ id, name, value, least, most }, changed) {
  const slider = make("input", { id: `neuron-${id}`, type: "range", min: least, max: most, step: 0.05, value });
  slider.addEventListener("input", () => changed(Number(slider.value)));
  return make("label", { class: "slider" }, make("span", {}, `${id}, ${name}`), slider);
}
