// What a person says that is written: kept with the picture, for a training on one's own hand.

import { element, make } from "./dom.js";

const MOST = 200; // characters of a number's label
let asked = null; // {mode, read, label, keep}
const keys = Array.from({ length: 10 }, (_, digit) => {
  const key = make("button", { type: "button", "aria-pressed": "false" }, digit);
  key.addEventListener("click", () => keepAs(String(digit)));
  element("ten").append(key);
  return key;
});

/** Offer to correct an answer: `read` as it was read, "" where nothing was; `keep` is called with the label, and gives
 * whether it is kept. */
export function offer(answer) {
  asked = answer;
  element("right").hidden = !answer.read;
  element("wrong").hidden = false;
  element("correct-number").hidden = answer.mode !== "number";
  element("ten").hidden = answer.mode !== "digit";
  element("label").value = answer.label ?? answer.read;
  open(false);
  showLabel();
}

/** There is nothing to keep a label with. */
export function withhold() {
  element("right").hidden = element("wrong").hidden = true;
  open(false);
}

function open(isOpen) {
  element("correction").hidden = !isOpen;
  element("wrong").setAttribute("aria-expanded", isOpen);
}

function showLabel() {
  const { label, read } = asked;
  element("labelled-as").textContent = label ? `Kept as ${label}, in this browser only.` : "";
  element("right").setAttribute("aria-pressed", Boolean(label) && label === read);
  keys.forEach((key, digit) => key.setAttribute("aria-pressed", label === String(digit)));
}

async function keepAs(label) {
  const answer = asked;
  if (!(await answer.keep(label))) return;
  answer.label = label;
  open(false);
  showLabel();
  element("said").textContent = element("labelled-as").textContent;
  element("wrong").focus();
}

function onWrong() {
  open(element("correction").hidden);
  if (element("correction").hidden) return;
  (asked.mode === "digit" ? keys[0] : element("label")).focus();
}

function onNumber(event) {
  event.preventDefault();
  const label = element("label").value.trim().slice(0, MOST);
  element("label").setCustomValidity(/\d/.test(label) ? "" : "Type the digits that are written there.");
  if (element("label").reportValidity()) keepAs(label);
}

element("right").addEventListener("click", () => keepAs(asked.read));
element("wrong").addEventListener("click", onWrong);
element("correct-number").addEventListener("submit", onNumber);
element("label").addEventListener("input", () => element("label").setCustomValidity(""));
