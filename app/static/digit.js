// One digit: what it was read as, what was wrong with the picture, what the model saw of it, and why.

import { fromPng, post } from "./api.js";
import { drawSmall, element, inWords, make, percent, showDecision } from "./dom.js";

const VERDICTS = {
  ok: "Nothing is wrong with the picture.",
  faint: "The picture is faint.",
  clipped: "The picture is clipped.",
  several_digits: "The picture holds several digits.",
  not_a_digit: "The picture may hold no digit.",
  low_resolution: "The picture is small.",
};
const bars = Array.from({ length: 10 }, (_, digit) => newBar(digit));
const isExplaining = () => element("why").getAttribute("aria-pressed") === "true";

/** The answer to a picture with its PNGs decoded. An explanation is an answer with more to it. */
export async function ask(subject, signal) {
  const answer = await post(isExplaining() ? "v1/explain" : "v1/predict?include=seen", subject, signal);
  const runnerUp = answer.explanation?.runner_up;
  const pngs = [answer.seen, answer.heatmap, runnerUp?.heatmap];
  return { ...answer, runnerUp, pictures: await Promise.all(pngs.map((png) => png && fromPng(png))) };
}

/** Advice waits until the drawing is settled: half a digit needs none. */
export function show({ digit, confidence, decision, probabilities, input, pictures, runnerUp }, { settled }) {
  element("digit").textContent = digit;
  element("confidence").textContent = `${percent(confidence)} sure`;
  showDecision(element("decision"), decision, input?.advice);
  element("advice").textContent = settled ? (input?.advice ?? "") : "";
  element("as-number").hidden = input?.verdict !== "several_digits";
  bars.forEach((bar, each) => showBar(bar, probabilities[each], each === digit));
  element("verdict").textContent = VERDICTS[input?.verdict] ?? "";
  element("verdict").dataset.verdict = input?.verdict ?? "";
  element("steps").textContent = (input?.steps ?? []).join(" → ");
  showFrame("seen", pictures[0], "What the model saw");
  showFrame("heat", pictures[1], `What speaks for ${digit}`);
  const second = runnerUp && `${runnerUp.digit}, the runner-up at ${percent(runnerUp.confidence)}`;
  showFrame("runner-up", pictures[2], `What speaks for ${second}`);
  element("legend").hidden = !pictures[1];
}

export function showNothing() {
  for (const id of ["digit", "confidence", "advice"]) element(id).textContent = "";
  showDecision(element("decision"), null);
  element("as-number").hidden = true;
  bars.forEach((bar) => showBar(bar, 0, false));
}

/** The answer in a sentence. */
export function sentence({ digit, confidence, decision, input }) {
  return `Read as ${digit}, ${percent(confidence)} sure. ${inWords(decision, input?.advice)} ${input?.advice ?? ""}`;
}

/** `changed` is called when the explanation is asked for, or no more. */
export function onWhy(changed) {
  element("why").addEventListener("click", () => {
    element("why").setAttribute("aria-pressed", !isExplaining());
    changed();
  });
}

function showFrame(id, picture, caption) {
  const canvas = element(id);
  const figure = canvas.closest("figure");
  figure.hidden = !picture;
  if (!picture) return;
  figure.querySelector("figcaption").textContent = caption;
  if (id !== "seen") canvas.setAttribute("aria-label", caption);
  drawSmall(canvas, picture, picture.width);
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
