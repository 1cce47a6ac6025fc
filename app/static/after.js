// What can be done with an answer that stands: copy it, share it, say that it is wrong, and find it again later.

import { copied } from "./clipboard.js";
import { asCurl } from "./code.js";
import * as correct from "./correct.js";
import { element } from "./dom.js";
import * as history from "./history.js";
import { small } from "./kept.js";
import { share } from "./share.js";

const SAID = 2000; // ms that a button says what it has done
let shown = null; // {about, mode, answer, text, sentence}
let entry = null; // of the history, that this is about

/** An answer stands. `text` is what was read, "" where nothing was, and `sentence` what is said of it. */
export async function show(answered) {
  shown = answered;
  element("after").hidden = false;
  const { about, mode, answer, text } = answered;
  if (entry?.label && !isSame(entry.strokes, about.strokes)) entry = null; // it is no more what was labelled
  const mine = (entry ??= {});
  Object.assign(mine, { mode, read: text, decision: decisionOf(answer), model: answer.model, strokes: about.strokes });
  const recorded = record(mine, answered);
  offer(mine, recorded);
  await recorded;
}

/** Nothing stands there any more. */
export function hide() {
  shown = entry = null;
  element("after").hidden = true;
}

/** What will be answered next is this entry of the history. */
export function resume(earlier) {
  entry = earlier;
}

async function record(mine, answered) {
  const { about, answer } = answered;
  const made = await small(new Blob([about.body], { type: about.type }));
  if (!made && shown === answered) correct.withhold(); // it cannot be shown
  if (!made || (entry === mine && shown !== answered)) return; // or there is a later answer
  const { picture, size, scale } = made;
  const boxes = (answer.numbers ?? []).flatMap(({ digits }) => digits).map(({ box }) => box.map((side) => side * scale));
  Object.assign(mine, { picture, size, boxes, name: about.name });
  await history.record(mine);
}

function offer(mine, recorded) {
  const keep = async (label) => {
    await recorded;
    if (!mine.picture) return false;
    mine.label = label;
    await history.record(mine);
    return true;
  };
  correct.offer({ mode: mine.mode, read: mine.read, label: mine.label ?? null, keep });
}

const decisionOf = ({ decision, numbers }) => decision ?? numbers[0]?.decision ?? "reject";
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const COPIES = {
  text: ({ text, sentence }) => text || sentence,
  json: ({ answer: { timing, picture, seen, heatmap, explanation, ...said } }) => JSON.stringify(said, null, 2),
  curl: ({ about, mode }) => asCurl(about, mode),
};

async function copy(button, name) {
  const done = await copied(await COPIES[button.dataset.copy](shown));
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = name), SAID);
}

async function shareShown() {
  const { about, answer, text, sentence } = shown;
  const picture = new Blob([about.body], { type: about.type });
  await share({ picture, text: text || "?", sentence, seen: await answer.picture });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const name = button.textContent;
  button.addEventListener("click", () => copy(button, name));
}
element("share").addEventListener("click", shareShown);
