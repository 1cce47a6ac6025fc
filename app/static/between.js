// A slider between two digits, read live: where does the one become the other?

import { post, Refusal, sleep } from "./api.js";
import { element, make, percent } from "./dom.js";
import { morph } from "./morph.js";

const STEPS = 40; // of the slider
const PAUSE = 1_000; // ms, where the service cannot answer just now
const DIGITS = [...Array(10).keys()];

let frames = []; // of the known digits, by digit
let own = null; // the frame of the digit that is looked at
let between = null; // of t
let asked = false; // something is shown that has not been asked about
let busy = false;

export function betweenParts() {
  const choice = (digit) =>
    make("label", {}, make("input", { type: "radio", name: "other", value: digit }), make("span", {}, digit));
  const bars = DIGITS.map((digit) => make("li", { "data-digit": digit }, make("span", { class: "bar" }), make("b", {}, digit)));
  const slider = make("input", { id: "morph", type: "range", min: 0, max: STEPS, value: 0 });
  const parts = [
    make("fieldset", { id: "others", class: "choice" }, make("legend", { class: "unseen" }, "The other digit"), ...DIGITS.map(choice)),
    make("div", { class: "morphing" },
      make("canvas", { id: "morphed", width: 28, height: 28, role: "img", "aria-label": "The digit in between" }),
      make("div", {},
        make("p", { id: "morph-answer" }),
        make("label", { class: "slider" }, make("span", {}, "From your digit to the other"), slider),
        make("ol", { id: "morph-bars", class: "shares", start: 0, "aria-label": "Probability of each digit" }, ...bars))),
  ];
  slider.addEventListener("input", move);
  parts[0].addEventListener("change", choose);
  return parts;
}

/** The frame to begin at, and those of the known digits: [{digit, frame}]. `digit` is what the first was read as. */
export function showBetween(frame, digit, known) {
  own = frame;
  frames = known;
  for (const input of element("others").querySelectorAll("input")) {
    input.parentElement.hidden = !known.some((one) => one.digit === Number(input.value));
  }
  const wanted = known.find((one) => one.digit === (digit + 6) % 10) ?? known[0]; // as unlike as 7 and 3, or 1 and 7
  element("morph").disabled = !wanted;
  if (!wanted) return;
  element("others").querySelector(`[value="${wanted.digit}"]`).checked = true;
  choose();
}

function choose() {
  const chosen = Number(element("others").querySelector(":checked").value);
  between = morph(own, frames.find(({ digit }) => digit === chosen).frame);
  move();
}

const shown = () => between(Number(element("morph").value) / STEPS);

function move() {
  const frame = shown();
  const image = new ImageData(28, 28);
  frame.forEach((shade, at) => image.data.set([shade, shade, shade, 255], 4 * at));
  element("morphed").getContext("2d").putImageData(image, 0, 0);
  asked = true;
  if (!busy) readOn();
}

/** One question at a time, about what is shown then. */
async function readOn() {
  busy = true;
  while (asked) {
    asked = false;
    try {
      showAnswer(await post("v1/predict", { body: shown(), type: "application/octet-stream" }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      element("morph-answer").textContent = error.message;
      if (!error.passing) continue;
      await sleep(Math.max(PAUSE, 1000 * error.wait));
      asked = true;
    }
  }
  busy = false;
}

function showAnswer({ digit, confidence, decision, probabilities }) {
  const place = element("morph-answer");
  place.replaceChildren(make("b", {}, digit), ` ${percent(confidence)} sure${decision === "reject" ? ", but hardly a digit" : ""}`);
  place.dataset.decision = decision;
  for (const bar of element("morph-bars").children) {
    const share = probabilities[Number(bar.dataset.digit)];
    bar.style.setProperty("--share", share);
    bar.toggleAttribute("data-top", Number(bar.dataset.digit) === digit);
  }
}
