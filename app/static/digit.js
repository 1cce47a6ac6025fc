// One digit: what it was read as, what was wrong with the picture, what the model saw of it, and why.

import { fromPng, post } from "./api.js";
import { drawSmall, element, make, percent } from "./dom.js";
import { drawHeat, speaks } from "./heat.js";
import { OF_NOTHING, ofDigit } from "./reading.js";

const VERDICTS = {
  ok: "Nothing is wrong with the picture.",
  faint: "The picture is faint.",
  clipped: "The picture is clipped.",
  several_digits: "The picture holds several digits.",
  not_a_digit: "The picture may hold no digit.",
  low_resolution: "The picture is small.",
};
// What was done to the picture, by the service's names.
const STEPS = {
  "paint around": "what lies around the paper painted over",
  enlarge: "enlarged",
  "red channel": "red alone",
  "green channel": "green alone",
  "blue channel": "blue alone",
  "colour alone": "ink told from shadows by its colour",
  "even light": "light evened out",
  invert: "dark ink made bright",
  "remove lines": "printed lines taken out",
  "remove specks": "specks taken out",
  "bridge gaps": "broken strokes joined",
  crop: "cut out",
  thin: "thinned",
  fit: "scaled",
  centre: "centred",
};
const bars = Array.from({ length: 10 }, (_, digit) => newBar(digit));
let shown = null; // the answer
const isExplaining = () => element("why").getAttribute("aria-pressed") === "true";

/** The answer to a picture; `picture` will be what the model saw. An explanation is an answer with more to it. */
export async function ask(subject, signal) {
  const answer = await post(isExplaining() ? "v1/explain" : "v1/predict?include=seen", subject, signal);
  return { ...answer, picture: fromPng(answer.seen) };
}

/** What is said of it waits until the drawing is settled: half a digit is none. */
export function show(answer, { settled }) {
  const { digit, confidence, decision, probabilities, input } = answer;
  const { headline, sentence, advice } = ofDigit(answer);
  tell({ digit, decision, headline: settled ? headline : "", sentence: settled || !headline ? sentence : "", advice });
  element("confidence").textContent = headline ? "" : `${percent(confidence)} sure`;
  element("as-number").hidden = !settled || input?.verdict !== "several_digits";
  bars.forEach((bar, each) => showBar(bar, probabilities[each], each === digit));
  element("verdict").textContent = VERDICTS[input?.verdict] ?? "";
  element("verdict").dataset.verdict = input?.verdict ?? "";
  element("steps").textContent = (input?.steps ?? []).map((step) => STEPS[step] ?? step).join(" → ");
  shown = answer;
  drawFrames(answer);
}

// The words do not wait for the pictures, which a browser decodes elsewhere.
async function drawFrames(answer) {
  const { digit, explanation } = answer;
  const picture = await answer.picture;
  if (answer !== shown) return; // there is a later one
  drawSmall(element("seen"), picture, picture.width);
  showHeat("heat", digit, "", picture, explanation?.values);
  const { digit: second, confidence: share, values } = explanation?.runner_up ?? {};
  showHeat("runner-up", second, `, the runner-up at ${percent(share)}`, picture, values);
  element("legend").hidden = !explanation;
}

export function showNothing() {
  tell({ digit: "", decision: "", headline: "", sentence: "", advice: "" });
  element("confidence").textContent = "";
  element("as-number").hidden = true;
  bars.forEach((bar) => showBar(bar, 0, false));
}

/** What the service refused is an answer too where it found nothing to read. Whether this was one. */
export function showRefused({ code }) {
  if (code !== "no_ink") return false;
  tell({ digit: "", decision: "reject", ...OF_NOTHING });
  return true;
}

/** What was read: "" where it was none. */
export const text = ({ digit, decision }) => (decision === "reject" ? "" : String(digit));

/** The answer in words alone. */
export function sentence(answer) {
  const { headline, sentence, advice } = ofDigit(answer);
  const sure = headline ? "" : `${percent(answer.confidence)} sure.`;
  return [headline && `${headline}.`, sentence, sure, advice].filter(Boolean).join(" ");
}

/** `changed` is called when the explanation is asked for, or no more. */
export function onWhy(changed) {
  element("why").addEventListener("click", () => {
    element("why").setAttribute("aria-pressed", !isExplaining());
    changed();
  });
}

function tell({ digit, decision, headline, sentence, advice }) {
  element("reading").dataset.decision = decision;
  const words = { digit, headline, decision: sentence, advice };
  for (const [id, text] of Object.entries(words)) element(id).textContent = text;
}

function showHeat(id, digit, what, picture, values) {
  const canvas = element(id);
  canvas.closest("figure").hidden = !values;
  if (!values) return;
  const caption = `${speaks(values) ? "What speaks for" : "What comes nearest to"} ${digit}${what}`;
  canvas.closest("figure").querySelector("figcaption").textContent = caption;
  canvas.setAttribute("aria-label", caption);
  drawHeat(canvas, picture, values);
}

function newBar(digit) {
  const bar = make(
    "li",
    {},
    make("span", { class: "label" }, digit),
    make("span", { class: "bar" }),
    make("span", { class: "share" }),
  );
  element("bars").append(bar);
  return bar;
}

function showBar(bar, probability, top) {
  bar.classList.toggle("top", top);
  bar.style.setProperty("--share", probability);
  bar.querySelector(".share").textContent = probability ? percent(probability) : "";
}
