// "How it sees": one digit's way from its picture to the answer, and what a network is made of.

import { fromPng, post, Refusal } from "./api.js";
import { backprop, pause } from "./backprop.js";
import { betweenParts, showBetween } from "./between.js";
import { drawSmall, element, loadStyle, make, percent } from "./dom.js";
import { knownDigits, onPaper, pixelsOf } from "./examples.js";
import { forwardParts, showForward, stopLearning } from "./forward.js";
import { askForLayers, layerList } from "./layers.js";
import { neuron } from "./neuron.js";
import { stageList } from "./stages.js";

const YOURS = "yours";
const FIRST = 3; // the digit to begin with, where nobody has drawn one

let known = []; // [{digit, frame}]
let drawn = null; // what lies on the paper, or null
let frame = null; // of the digit that is looked at, as the model sees it
let control = new AbortController(); // of the questions about it

/** The view is seen from now on, or no more. */
export async function seen(isSeen, page) {
  control.abort();
  if (!isSeen) {
    pause();
    stopLearning();
    return;
  }
  drawn = page.subject();
  element("sees-yours").hidden = !drawn;
  await tried(async () => {
    if (!known.length) known = await knownDigits();
    for (const input of choices()) {
      input.parentElement.hidden = input.value === YOURS ? !drawn : !known.some(({ digit }) => digit === Number(input.value));
    }
    const first = choices().find(({ value }) => value === (drawn ? YOURS : String(FIRST)));
    if (first.parentElement.hidden) return tell("Draw a digit first, or bring a picture of one.");
    first.checked = true;
    await look();
  });
}

const choices = () => [...document.querySelectorAll("[name=seen-digit]")];

/** Ask about the chosen digit, and show all of it. */
async function look() {
  control.abort();
  control = new AbortController();
  const { signal } = control;
  tell("Looking…");
  element("layers").replaceChildren();
  const chosen = choices().find(({ checked }) => checked).value;
  const subject = chosen === YOURS ? drawn : await onPaper(known.find(({ digit }) => digit === Number(chosen)).frame);
  const answer = await explained(subject, signal);
  const pngs = [answer.seen, answer.heatmap, answer.explanation.runner_up.heatmap];
  const [seenBitmap, ...heat] = await Promise.all(pngs.map(fromPng));
  const stages = await stageList(answer.stages);
  if (signal.aborted) return;
  frame = pixelsOf(seenBitmap);
  element("way").replaceChildren(stages);
  showHeat(answer, heat);
  showBetween(frame, answer.digit, known);
  showForward(frame, known);
  element("sees-parts").hidden = false;
  tell(`Read as ${answer.digit}, ${percent(answer.confidence)} sure.`);
}

// A picture of very few bytes buys no pictures of its stages.
async function explained(subject, signal) {
  try {
    return await post("v1/explain?include=stages", subject, signal);
  } catch (error) {
    if (error.code !== "too_much_work") throw error;
    return { stages: [], ...(await post("v1/explain", subject, signal)) };
  }
}

function showHeat({ digit, confidence, explanation: { runner_up: other } }, bitmaps) {
  const captions = [`for ${digit}, ${percent(confidence)} sure`, `for ${other.digit}, at ${percent(other.confidence)}`];
  for (const [place, id] of ["speaks", "speaks-other"].entries()) {
    drawSmall(element(id), bitmaps[place], bitmaps[place].width);
    element(id).setAttribute("aria-label", `What speaks ${captions[place]}`);
    element(id).nextElementSibling.textContent = `What speaks ${captions[place]}`;
  }
}

async function showLayers() {
  const { signal } = control;
  await tried(async () => {
    const layers = await askForLayers(frame, signal);
    if (!signal.aborted) element("layers").replaceChildren(layerList(layers));
  });
}

/** What the service refuses is said in its words. */
async function tried(asking) {
  try {
    await asking();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Refusal)) throw error;
    tell(error.message, { failed: true });
  }
}

function tell(sentence, { failed = false } = {}) {
  element("sees-state").textContent = sentence;
  element("sees-state").toggleAttribute("data-failed", failed);
}

let building = null;

/** Make the view, once. */
export const build = () => (building ??= construct());

async function construct() {
  const choice = (value, text) =>
    make("label", value === YOURS ? { id: "sees-yours" } : {},
      make("input", { type: "radio", name: "seen-digit", value }), make("span", {}, text));
  const layersButton = make("button", { id: "show-layers", type: "button" }, "Show what its layers make of it");
  const figure = (id) => make("figure", {}, make("canvas", { id, role: "img" }), make("figcaption", {}));
  const digits = make("fieldset", { class: "choice" }, make("legend", { class: "unseen" }, "Which digit"),
    choice(YOURS, "Yours"), ...Array.from({ length: 10 }, (_, digit) => choice(digit, digit)));
  element("sees").replaceChildren(
    make("h1", { id: "sees-title", tabindex: "-1" }, "How it sees"),
    make("p", { class: "lead" }, "One digit's way from its picture to the answer. All of it comes from the service " +
      "itself: its own stages, and the numbers in its own network, for this very picture."),
    make("div", { class: "seen-choice" }, digits, make("p", { id: "sees-state", role: "status" }), make("a", { href: "#" }, "Back to the paper")),
    make("div", { id: "sees-parts", hidden: "" },
      part("From the picture to the frame", "No two people write alike, on the same paper, in the same light. So the " +
        "picture is brought to the one form that the network knows.", make("div", { id: "way" })),
      part("Through the network", "The frame is a table of numbers. Layer by layer other tables are made of it: first of " +
        "edges, then of strokes and bows, and at last one number for each digit.", layersButton, make("div", { id: "layers" })),
      part("What speaks for it", "A patch of the frame is covered, here, then there. Red is where the answer suffers " +
        "from it, blue where it gains.", make("div", { class: "frames" }, figure("speaks"), figure("speaks-other"))),
      part("Between two digits", "Somewhere on the way from the one to the other the answer turns over.", ...betweenParts()),
      part("What it is made of", "A network is one small thing, many times over. These run in your browser, and their " +
        "numbers are real: move them.",
        topic("A neuron", "Each input counts as much as its weight says. The sum goes through a curve.", ...neuron()),
        topic("Many of them, on this image", "A toy of 22 neurons. It learns from the ten known digits, shifted and " +
          "turned, and reads the digit above.", ...forwardParts()),
        topic("How they learn", "An answer goes forward, its error comes back: each number is told which way to go, " +
          "and goes a little. That is backpropagation.", ...backprop()))));
  digits.addEventListener("change", () => tried(look));
  layersButton.addEventListener("click", showLayers);
  await loadStyle("sees.css");
}

const topic = (title, lead, ...content) => make("article", {}, make("h3", {}, title), make("p", { class: "lead" }, lead), ...content);
const part = (title, lead, ...content) => make("section", {}, make("h2", {}, title), make("p", { class: "lead" }, lead), ...content);
