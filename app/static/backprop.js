// A 2-3-1 network that learns who passes an exam, from hours of study and attendance: as training/scratch_examples.py
// has it. Each step is backpropagation, checked by nudging each number.

import { element, make } from "./dom.js";
import { Network, seeded } from "./network.js";
import { draw, picture, short, showWeight } from "./svg.js";

const STUDENTS = 120, BATCH = 16, RATE = 0.3;
const STEPS = 4; // of a frame of the screen, while it runs
const MOST_STEPS = 4_000;
const [HOURS, ATTENDANCE] = [20, 100]; // the most of either
const CELLS = 24; // of the map's side: what would be said of whom
const SPOTS = [[[40, 60], [40, 160]], [[170, 30], [170, 110], [170, 190]], [[300, 110]]]; // of the drawing's neurons
const NAMES = [["hours", "attendance"], ["first", "second", "third"], ["passes"]];

let network, students, steps, losses, picked, running;
let parts = null; // of the drawing

export function backprop() {
  const edges = [], nodes = [];
  SPOTS.forEach((spots, layer) => spots.forEach(([x, y], unit) => {
    SPOTS[layer - 1]?.forEach(([left, high], input) => {
      const line = draw("line", { x1: left, y1: high, x2: x, y2: y });
      edges.push({ line, layer: layer - 1, unit, input });
    });
    const [value, slope] = [draw("text", { x, y: y - 1 }), draw("text", { x, y: y + 12, class: "slope" })];
    nodes.push({ value, slope, layer, unit, circle: draw("circle", { cx: x, cy: y, r: 26, class: "node" }) });
  }));
  const names = SPOTS.flatMap((spots, layer) => spots.map(([x, y], unit) =>
    draw("text", { x, y: y + 40, class: "name" }, NAMES[layer][unit])));
  const drawing = picture(340, 240, "The network: two inputs, three neurons, one output",
    ...edges.map(({ line }) => line), ...nodes.flatMap(({ circle, value, slope }) => [circle, value, slope]), ...names);
  const map = make("canvas", { id: "exam-map", width: CELLS, height: CELLS, role: "img",
    "aria-label": "Who would pass, by hours of study to the right and attendance upwards" });
  const dots = draw("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  const curve = draw("path", { class: "curve" });
  const rows = make("tbody", {});
  parts = { edges, nodes, map, dots, curve, rows, said: make("p", { class: "sum", role: "status" }) };
  const button = (id, text) => make("button", { id, type: "button" }, text);
  const tools = make("div", { class: "tools" }, button("exam-step", "One step"), button("exam-run", "Run"),
    button("exam-next", "Another student"), button("exam-anew", "Begin anew"));
  const heads = ["From, to", "Number", "Slope", "By nudging"].map((head) => make("th", { scope: "col" }, head));
  tools.addEventListener("click", ({ target }) => ACTIONS[target.id]?.());
  begin();
  return [
    make("div", { class: "exam" },
      make("figure", {}, make("div", { class: "exam-map" }, map, dots), make("figcaption", {}, "Hours of study to the right, attendance upwards. Dots: who passed; rings: who did not. Behind them: what the network says.")),
      make("figure", {}, drawing, make("figcaption", {}, "In each neuron what goes forward, and below it, smaller, the slope that comes back.")),
      make("figure", {}, picture(100, 60, "The loss, step by step", draw("path", { d: "M0 60H100M0 0V60", class: "axis" }), curve), make("figcaption", {}, "How wrong it is, falling with each step."))),
    parts.said, tools,
    make("details", {}, make("summary", {}, "All thirteen numbers, and how each slope is checked"),
      make("table", {}, make("caption", {}, "For the student that is ringed"), make("thead", {}, make("tr", {}, ...heads)), rows)),
  ];
}

/** Stand still, as where nobody looks any more. */
export function pause() {
  cancelAnimationFrame(running);
  running = 0;
  if (parts) element("exam-run").textContent = "Run";
}

const ACTIONS = {
  "exam-step": () => { pause(); learn(1); show(); },
  "exam-run": () => (running ? pause() : run()),
  "exam-next": () => { picked = (picked + 1) % STUDENTS; show(); },
  "exam-anew": () => { pause(); begin(); },
};

function begin() {
  const random = seeded(7);
  network = new Network([2, 3, 1], random);
  students = Array.from({ length: STUDENTS }, () => student(random));
  [steps, losses, picked, running] = [0, [loss()], 0, 0];
  parts.dots.replaceChildren(...students.map(dot), draw("circle", { r: 4, class: "ring" }));
  show();
}

/** The rule: who studies 4 hours and attends 60 % passes, give or take the luck of the day. */
function student(random) {
  const [hours, attendance] = [HOURS * random(), 10 + (ATTENDANCE - 10) * random()];
  const passes = hours + 0.6 * (random() - 0.5) >= 4 && attendance + 4 * (random() - 0.5) >= 60;
  return { hours, attendance, x: standard(hours, attendance), y: [Number(passes)] };
}

const standard = (hours, attendance) => [(hours - HOURS / 2) / (HOURS / 4), (attendance - 55) / 26]; // mean 0, spread 1

const loss = () => students.reduce((total, { x, y }) => total + network.loss(x, y), 0) / STUDENTS;

function learn(times) {
  for (let at = 0; at < times && steps < MOST_STEPS; at++, steps++) {
    const first = (steps * BATCH) % STUDENTS;
    network.step(Array.from({ length: BATCH }, (_, place) => students[(first + place) % STUDENTS]), RATE);
  }
  losses.push(loss());
}

function run() {
  element("exam-run").textContent = "Pause";
  running = requestAnimationFrame(function on() {
    learn(STEPS);
    show();
    if (steps < MOST_STEPS) running = requestAnimationFrame(on);
    else pause();
  });
}

// Showing

function dot({ hours, attendance, y: [passes] }) {
  return draw("circle", { cx: (100 * hours) / HOURS, cy: 100 - attendance, r: 1.6, class: passes ? "passes" : "fails" });
}

function show() {
  const { x, y, hours, attendance } = students[picked];
  const [values, gradients] = [network.forward(x), network.gradients(x, y)];
  const ring = parts.dots.lastElementChild;
  ring.setAttribute("cx", (100 * hours) / HOURS);
  ring.setAttribute("cy", 100 - attendance);
  for (const { line, layer, unit, input } of parts.edges) showWeight(line, network.layers[layer].weights[unit][input]);
  for (const { value, slope, layer, unit } of parts.nodes) {
    value.textContent = short(values[layer][unit]);
    slope.textContent = layer ? short(gradients[layer - 1].slopes[unit]) : "";
  }
  const right = students.filter((one) => Math.round(network.forward(one.x)[2][0]) === one.y[0]).length;
  parts.said.textContent = `${steps} steps: loss ${losses.at(-1).toFixed(3)}, right about ${right} of ${STUDENTS} students.`;
  showMap();
  showLosses();
  parts.rows.replaceChildren(...parameters().map((one) => row(one, x, y, gradients)));
}

function showMap() {
  const image = new ImageData(CELLS, CELLS);
  for (let at = 0; at < CELLS * CELLS; at++) {
    const [across, down] = [(at % CELLS) + 0.5, Math.floor(at / CELLS) + 0.5].map((place) => place / CELLS);
    const share = network.forward(standard(HOURS * across, 100 * (1 - down)))[2][0];
    image.data.set(share < 0.5 ? [200, 60, 50, 255 * (0.5 - share)] : [40, 110, 210, 255 * (share - 0.5)], 4 * at);
  }
  parts.map.getContext("2d").putImageData(image, 0, 0);
}

function showLosses() {
  const most = Math.max(...losses);
  const every = Math.max(1, Math.floor(losses.length / 100));
  const kept = losses.filter((_, at) => at % every === 0);
  const spots = kept.map((one, at) => `${(100 * at) / Math.max(1, kept.length - 1)} ${60 - (56 * one) / most}`);
  parts.curve.setAttribute("d", `M${spots.join("L")}`);
}

function parameters() {
  return network.layers.flatMap(({ weights }, layer) => weights.flatMap((row, unit) =>
    [...row.keys(), null].map((input) => ({ layer, unit, input }))));
}

function row(one, x, y, gradients) {
  const { layer, unit, input } = one;
  const { weights, biases } = network.layers[layer];
  const from = input === null ? "bias" : NAMES[layer][input];
  const number = input === null ? biases[unit] : weights[unit][input];
  const slope = input === null ? gradients[layer].biases[unit] : gradients[layer].weights[unit][input];
  const cells = [number.toFixed(3), slope.toFixed(5), network.nudged(x, y, one).toFixed(5)];
  return make("tr", {}, make("th", { scope: "row" }, `${from}, ${NAMES[layer + 1][unit]}`), ...cells.map((cell) => make("td", {}, cell)));
}
