// A pile's answers as a file: CSV for spreadsheets, JSON for programs.

import { make } from "../dom.js";
import { kindOf } from "./pile.js";

const AT_A_TIME = 1000; // rows that are one string: a blob of a million small parts takes long

/** One row a picture. `verdict` and `error` are for those who sift by program, `reason` for people. */
export function toCsv(task, pictures) {
  const head = ["file", task.name, "confidence", "decision", "checked", "reason", "otherwise", "verdict", "error"];
  const lines = joined(pictures, (picture) => `${row(task, picture).map(quoted).join(",")}\r\n`);
  return new Blob([`${head.join(",")}\r\n`, ...lines], { type: "text/csv" });
}

function row(task, picture) {
  const { text, confidence, decision, reason, others, verdict, error } = task.answer(picture) ?? { error: "not read" };
  const otherwise = others?.map((other) => `${other.text} (${other.confidence.toFixed(4)})`).join(" ");
  const why = error ? "" : reason;
  return [picture.name, text, confidence, decision, task.checked(picture), why, otherwise, verdict, error];
}

export function toJson(task, pictures) {
  const entries = joined(pictures, (picture, place) => `${place ? ",\n" : ""}${JSON.stringify(entry(task, picture))}`);
  return new Blob([`{"task": "${task.name}", "pictures": [\n`, ...entries, "\n]}\n"], { type: "application/json" });
}

function entry(task, picture) {
  const { text, others, ...answer } = task.answer(picture) ?? { error: "not read" };
  const kind = kindOf(task, picture);
  return { file: picture.name, [task.name]: text, kind, checked: task.checked(picture), ...answer, otherwise: others };
}

function joined(pictures, write) {
  const parts = [];
  for (let start = 0; start < pictures.length; start += AT_A_TIME) {
    const some = pictures.slice(start, start + AT_A_TIME);
    parts.push(some.map((picture, place) => write(picture, start + place)).join(""));
  }
  return parts;
}

// Source of the form: RFC 4180. The apostrophe keeps a spreadsheet from running a file's name as a formula.
function quoted(cell = "") {
  const text = /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // a download of many megabytes may begin late
}
