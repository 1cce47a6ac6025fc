// The strip of what was read before: the last hundred pictures, and those that a person has labelled.

import { drawSmall, element, make, saved } from "./dom.js";
import * as kept from "./kept.js";

const THUMBNAIL = 112; // pixels of its longer side at most
const items = new Map(); // of the list, by the entry's id
let reopen = () => {};
let tell = () => {};

/** Show what this browser has kept; `opened` is called with an entry that is chosen, `told` with what went wrong. */
export async function begin(opened, told) {
  [reopen, tell] = [opened, told];
  await kept.load();
  await show();
}

export async function record(entry) {
  await kept.keep(entry);
  const before = items.get(entry.id);
  const isFocused = before?.contains(document.activeElement);
  before?.remove(); // it may look otherwise now
  items.delete(entry.id);
  await show();
  if (isFocused) items.get(entry.id)?.querySelector("button").focus({ preventScroll: true });
}

async function show() {
  const entries = await kept.all();
  const wanted = new Set(entries.map(({ id }) => id));
  for (const [id, item] of items) if (!wanted.has(id)) item.remove(), items.delete(id);
  for (const entry of entries) if (!items.has(entry.id)) insert(entry);
  const labelled = entries.filter(({ label }) => label).length;
  element("history").hidden = !entries.length;
  element("labelled").hidden = !labelled;
  element("labelled").textContent = `Download what was labelled (${labelled})`;
}

// The newest first.
function insert(entry) {
  const item = newItem(entry);
  const later = [...items.keys()].filter((id) => id > entry.id);
  if (later.length) items.get(Math.min(...later)).after(item);
  else element("past").prepend(item);
  items.set(entry.id, item);
  seen.observe(item);
}

function newItem(entry) {
  const { id, read, label, decision } = entry;
  const when = new Date(id).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const what = label ? `${read || "none"}, labelled ${label}` : read || "none";
  const text = make("span", { class: "read", "data-decision": decision, "aria-hidden": "true" }, label || read || "?");
  const button = make("button", { type: "button", "aria-label": `${what}, ${when}`, title: `${what}, ${when}` });
  button.append(make("canvas", { width: 1, height: 1 }), text);
  button.addEventListener("click", () => reopen(entry));
  button.classList.toggle("labelled", Boolean(label));
  return Object.assign(make("li", {}, button), { entry });
}

// A picture is decoded when it comes into sight.
const seen = new IntersectionObserver(async (changes) => {
  for (const { isIntersecting, target } of changes) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    const bitmap = await createImageBitmap(target.entry.picture).catch(() => null);
    if (bitmap) drawSmall(target.querySelector("canvas"), bitmap, THUMBNAIL);
    bitmap?.close();
  }
});

async function download() {
  try {
    const { archive } = await import("./labelled.js");
    const entries = (await kept.all()).filter(({ label }) => label);
    saved(await archive(entries), "labelled-digits.zip");
  } catch {
    tell("What was labelled could not be packed. Load the page again, and try once more.");
  }
}

async function forget() {
  await kept.forgetAll();
  await show();
  element("paper").focus();
}

element("labelled").addEventListener("click", download);
element("forget").addEventListener("click", forget);
