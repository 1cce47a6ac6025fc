// The view of many pictures. It is fetched when it is first wanted.

import { sleep } from "../api.js";
import { element, loadStyle, make, saved } from "../dom.js";
import { reconsider } from "../key.js";
import { TASKS } from "./answers.js";
import { keepLabel } from "./labels.js";
import { DOUBTFUL, KINDS, ORDERS, Pile } from "./pile.js";
import { Reader } from "./reader.js";
import { pictures } from "./sources.js";
import { toCsv, toJson } from "./tables.js";
import { Tiles } from "./tiles.js";
import { timeLeft } from "./timeleft.js";
import { Viewer } from "./viewer.js";

const PACE = 200; // ms between two showings of what has come
const NAMES = {
  all: "All", accept: "Accept", review: "Review", reject: "Reject", failed: "Failed", checked: "Checked",
};

const TAKES_FOLDERS = "webkitdirectory" in HTMLInputElement.prototype;

const root = element("many");
const pile = new Pile();
const tiles = new Tiles((shown, place) => viewer.open(task, shown, place));
const viewer = new Viewer((picture) => {
  isUnsaved = true;
  refresh();
  keepLabel(task, picture);
});
const left = timeLeft();
let task = TASKS.digit;
let reader = newReader();
let stopped = false; // by the person, or because the service will not
let cleared = 0; // how often: what was brought before the last time is not wanted any more
let searching = 0; // folders and archives that are looked through
let leftOut = 0; // files of theirs that are no pictures
let isUnsaved = false; // something was read or checked after the last download
let due = false; // a showing is
let said = 0; // pictures that were said to be read

/** Take in `{files, folders}`, and read them as `wanted`, digit or number, where that is said. */
export async function add(brought, wanted) {
  if (wanted && wanted !== task.name && !pile.pictures.length) chooseTask(wanted);
  const before = cleared;
  const isWanted = () => cleared === before;
  searching += 1;
  showSoon();
  for await (const found of pictures(brought, () => isWanted() && (leftOut += 1))) {
    if (!isWanted()) return;
    const added = pile.add(found);
    if (!stopped) reader.read(added);
    showSoon();
  }
  if (!isWanted()) return;
  searching -= 1;
  showSoon();
}

function newReader() {
  return new Reader(task, {
    progress: () => {
      isUnsaved = true;
      tell("");
      showSoon();
    },
    waiting: (sentence) => tell(`${sentence} Trying again…`),
    refused: (sentence) => {
      stop();
      tell(sentence);
    },
  });
}

function stop() {
  stopped = true;
  reader.stop();
  refresh();
}

function goOn() {
  stopped = false;
  tell("");
  reconsider();
  reader.read(pile.pictures);
  refresh();
}

function clear() {
  reader.stop();
  pile.clear();
  cleared += 1;
  stopped = isUnsaved = false;
  searching = leftOut = 0;
  tell("");
  refresh({ first: true });
  element("files").focus();
}

function download(toTable, ending) {
  saved(toTable(task, pile.pictures), `${task.name}s.${ending}`);
  isUnsaved = false;
}

/** Each task has its own answers; those that are missing are asked for. */
function chooseTask(name) {
  reader.stop();
  task = TASKS[name];
  reader = newReader();
  document.querySelector(`[name=task][value=${name}]`).checked = true;
  if (!stopped) reader.read(pile.pictures);
  refresh({ first: true });
}

// Showing

async function showSoon() {
  if (due) return;
  due = true;
  await sleep(PACE);
  due = false;
  refresh();
}

function refresh({ first = false } = {}) {
  const counts = pile.counts(task);
  element("pile").hidden = !counts.all && !searching;
  showFilter(counts);
  showProgress(counts);
  const kind = chosen("shown");
  tiles.show(task, pile.shown(task, kind === "all" ? null : [kind], element("order").value), { first });
  const doubtful = counts.review + counts.reject;
  element("check").hidden = !doubtful;
  element("check").textContent = `Check ${count(doubtful)} in doubt`;
}

function showFilter(counts) {
  if (!counts[chosen("shown")]) document.querySelector("[name=shown][value=all]").checked = true;
  for (const choice of document.querySelectorAll("[name=shown]")) {
    choice.nextElementSibling.dataset.count = count(counts[choice.value]);
    choice.parentElement.hidden = !counts[choice.value];
  }
}

function showProgress({ all, read }) {
  const isDone = read === all && !searching;
  const isReading = reader.isReading && !stopped;
  const wait = left(read, all, isReading);
  const parts = [isDone ? `${pictureCount(all)} read` : `${count(read)} of ${count(all)} read`];
  if (searching) parts.push("looking for more");
  else if (stopped && !isDone) parts.push("stopped");
  else if (!isDone && wait) parts.push(wait);
  element("progress").textContent = parts.join(", ");
  Object.assign(element("pile-share"), { value: read, max: Math.max(all, 1), hidden: isDone });
  element("stop").hidden = isDone;
  element("stop").textContent = stopped ? "Go on" : "Stop";
  element("left-out").textContent = asides();
  sayDone(isDone ? all : 0);
}

// A screen reader says it once; while a pile is read, the bar tells how far it is.
function sayDone(all) {
  if (all && all !== said) element("said").textContent = element("progress").textContent;
  said = all;
}

function asides() {
  const parts = [];
  if (leftOut === 1) parts.push("1 file that is no picture was left out.");
  if (leftOut > 1) parts.push(`${count(leftOut)} files that are no pictures were left out.`);
  if (pile.isFull) parts.push(`A pile holds ${count(pile.pictures.length)} pictures; the rest was left out.`);
  return parts.join(" ");
}

function tell(sentence) {
  element("pile-problem").textContent = sentence;
  element("pile-problem").hidden = !sentence;
}

// The button that has opened the viewer may be gone: then the keyboard's place is what is shown.
function keepFocus() {
  if (document.activeElement === document.body) document.querySelector("[name=shown]:checked").focus();
}

const chosen = (name) => document.querySelector(`[name=${name}]:checked`).value;
const count = (number) => number.toLocaleString("en");
const pictureCount = (number) => (number === 1 ? "1 picture" : `${count(number)} pictures`);

// Building

function build() {
  root.append(
    make("div", { id: "tray", class: "tray" },
      make("p", {}, "Drop pictures, folders or ZIP archives here."),
      make("div", { class: "tools" },
        chooser("files", "Choose pictures", { accept: "image/*,.zip,.pdf" }),
        ...(TAKES_FOLDERS ? [chooser("folder", "Choose a folder", { webkitdirectory: "" })] : []))),
    choice("task", "What is in each picture", { digit: "One digit each", number: "Whole numbers" }),
    make("div", { id: "pile", class: "pile", hidden: "" },
      make("div", { class: "pile-progress" },
        make("p", { id: "progress" }),
        make("progress", { id: "pile-share", "aria-label": "Pictures read" }),
        button("stop", "Stop", () => (stopped ? goOn() : stop())),
        button("empty", "Clear", clear)),
      make("p", { id: "pile-problem", class: "pile-problem", role: "alert", hidden: "" }),
      make("p", { id: "left-out", class: "aside" }),
      make("div", { class: "pile-shown" },
        choice("shown", "Show", Object.fromEntries(["all", ...KINDS].map((kind) => [kind, NAMES[kind]]))),
        make("label", { class: "order" }, "Order ", make("select", { id: "order" },
          ...Object.entries(ORDERS).map(([value, [name]]) => make("option", { value }, name))))),
      make("div", { class: "tools" },
        button("check", "Check", () => viewer.open(task, pile.shown(task, DOUBTFUL, "unsure"), 0)),
        button("csv", "Download CSV", () => download(toCsv, "csv")),
        button("json", "Download JSON", () => download(toJson, "json")))),
    tiles.list,
    tiles.pages,
  );
  document.body.append(viewer.dialog);
  viewer.dialog.addEventListener("close", keepFocus);
  document.querySelector("[name=task][value=digit]").checked = true;
  document.querySelector("[name=shown][value=all]").checked = true;
  element("shown").addEventListener("change", () => refresh({ first: true }));
  element("order").addEventListener("change", () => refresh({ first: true }));
  element("task").addEventListener("change", ({ target }) => chooseTask(target.value));
  addEventListener("beforeunload", (event) => (reader.isReading || isUnsaved) && event.preventDefault());
}

function chooser(id, name, attributes) {
  const input = make("input", { id, class: "unseen", type: "file", multiple: "", ...attributes });
  input.addEventListener("change", () => {
    add({ files: [...input.files], folders: [] });
    input.value = ""; // so that the same can be chosen again
  });
  return make("label", { class: "button" }, name, input);
}

function choice(name, legend, options) {
  const radio = ([value, text]) =>
    make("label", {}, make("input", { type: "radio", name, value }), make("span", {}, text));
  return make("fieldset", { id: name, class: "choice" },
    make("legend", { class: "unseen" }, legend),
    ...Object.entries(options).map(radio));
}

function button(id, name, pressed) {
  const made = make("button", { id, type: "button" }, name);
  made.addEventListener("click", pressed);
  return made;
}

await loadStyle("many/many.css");
build();
