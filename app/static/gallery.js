// Many pictures: sent a few at a time, so that answers come while others wait, and a large pile fits.

import { persistently, postMany } from "./api.js";
import { drawSmall, element, inWords, make, percent } from "./dom.js";

const MOST_FILES = 32, MOST_BYTES = 16 * 1024 * 1024; // of one request
const THUMBNAIL = 160; // pixels of its longer side at most
const COLUMNS = ["file", "digit", "confidence", "decision", "verdict", "error"];
const FAILED = "failed";

let entries = []; // {file, tile, kind, answer}; kind is the decision or FAILED once there is an answer
let control = new AbortController();
let busy = false;

/** `waiting` and `settled` are told what is wrong with the service and that it is well again. */
export async function add(files, { waiting, settled }) {
  const added = files.map((file) => ({ file, tile: newTile(file) }));
  entries.push(...added);
  element("tiles").append(...added.map(({ tile }) => tile));
  update();
  if (busy) return;
  busy = true;
  const { signal } = control;
  await readAll(signal, waiting, settled);
  if (!signal.aborted) busy = false; // else another reading may be on its way already
}

export function clear() {
  control.abort();
  control = new AbortController();
  entries = [];
  busy = false;
  element("tiles").replaceChildren();
  update();
}

async function readAll(signal, waiting, settled) {
  for (let chunk = nextChunk(); chunk.length && !signal.aborted; chunk = nextChunk()) {
    const [answers] = await Promise.all([predictions(chunk, signal, waiting), drawThumbnails(chunk)]);
    if (signal.aborted) return;
    settled();
    chunk.forEach((entry, place) => showEntry(entry, answers[place]));
    update();
  }
}

function nextChunk() {
  const chunk = [];
  let bytes = 0;
  for (const entry of entries.filter(({ answer }) => !answer)) {
    bytes += entry.file.size;
    if (chunk.length === MOST_FILES || (chunk.length && bytes > MOST_BYTES)) break;
    chunk.push(entry);
  }
  return chunk;
}

// What goes wrong with a request goes wrong with each of its files.
async function predictions(chunk, signal, waiting) {
  const files = chunk.map(({ file }) => file);
  try {
    return (await persistently(() => postMany(files, signal), signal, waiting)).predictions;
  } catch (error) {
    return files.map(() => ({ error: { detail: error.message } }));
  }
}

async function drawThumbnails(chunk) {
  for (const { file, tile } of chunk) {
    const bitmap = await createImageBitmap(file).catch(() => null); // a format that the service alone may know
    if (bitmap) drawSmall(tile.querySelector("canvas"), bitmap, THUMBNAIL);
    bitmap?.close();
  }
}

function newTile({ name }) {
  const canvas = make("canvas", { width: 1, height: 1, role: "img", "aria-label": name });
  return make("li", {}, canvas, make("p", { class: "name", title: name }, name), make("p", { class: "what" }, "…"));
}

function showEntry(entry, answer) {
  const { digit, confidence, decision, input, error } = answer;
  entry.answer = answer;
  entry.kind = error ? FAILED : decision;
  entry.tile.dataset.decision = entry.kind;
  const what = error ? [error.detail] : [make("b", {}, digit), ` ${percent(confidence)}`];
  entry.tile.querySelector(".what").replaceChildren(...what);
  entry.tile.title = error ? error.detail : `${inWords(decision, input?.advice)} ${input?.advice ?? ""}`;
}

function update() {
  const answered = entries.filter(({ answer }) => answer);
  element("pile").hidden = !entries.length;
  if (!entries.length) document.querySelector("[name=shown][value=all]").checked = true;
  element("progress").textContent =
    answered.length < entries.length ? `${answered.length} of ${entries.length} read` : `${count(entries.length)} read`;
  for (const choice of document.querySelectorAll("[name=shown]")) {
    const found = choice.value === "all" ? entries : answered.filter(({ kind }) => kind === choice.value);
    choice.nextElementSibling.dataset.count = found.length;
    choice.parentElement.hidden = !found.length;
  }
  filter();
}

const count = (pictures) => (pictures === 1 ? "1 picture" : `${pictures} pictures`);

function filter() {
  const shown = document.querySelector("[name=shown]:checked").value;
  for (const { tile, kind } of entries) tile.hidden = shown !== "all" && kind !== shown;
}

function download() {
  const lines = [COLUMNS, ...entries.map(row)].map((cells) => cells.map(quoted).join(","));
  const address = URL.createObjectURL(new Blob([lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
  make("a", { href: address, download: "digits.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function row({ file, answer = {} }) {
  const { digit, confidence, decision, input, error } = answer;
  return [file.name, digit, confidence, decision, input?.verdict ?? error?.verdict, error?.detail];
}

// Source of the form: RFC 4180. The apostrophe keeps a spreadsheet from running a file's name as a formula.
function quoted(cell = "") {
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

element("filter").addEventListener("change", filter);
element("csv").addEventListener("click", download);
