// A pile's answers as a file: CSV for spreadsheets, JSON for programs.

import { csv } from "../csv.js";
import { kindOf } from "./pile.js";

const UNREAD = { error: "not read" };
const AT_A_TIME = 1000; // rows that are one string: a blob of a million small parts takes long

/** One row a picture. `verdict` and `error` are for those who sift by program, `reason` for people. */
export function toCsv(task, pictures) {
  const head = ["file", task.name, "confidence", "decision", "checked", "reason", "otherwise", "verdict", "error"];
  const parts = [csv([head])];
  for (const some of portions(pictures)) parts.push(csv(some.map((picture) => row(task, picture))));
  return new Blob(parts, { type: "text/csv" });
}

function row(task, picture) {
  const { text, confidence, decision, reason, others, verdict, error } = task.answer(picture) ?? UNREAD;
  const otherwise = others?.map((other) => `${other.text} (${other.confidence.toFixed(4)})`).join(" ");
  const why = error ? "" : reason;
  const cells = [picture.name, text, confidence, decision, task.checked(picture), why, otherwise, verdict, error];
  return cells.map((cell) => cell ?? "");
}

export function toJson(task, pictures) {
  const parts = [`{"task": "${task.name}", "pictures": [`];
  for (const some of portions(pictures)) {
    const entries = some.map((picture) => JSON.stringify(entry(task, picture)));
    parts.push(parts.length > 1 ? ",\n" : "\n", entries.join(",\n"));
  }
  return new Blob([...parts, "\n]}\n"], { type: "application/json" });
}

function entry(task, picture) {
  const answer = task.answer(picture) ?? UNREAD;
  const { text, confidence, decision, reason, others, numbers, pages, verdict, error, model } = answer;
  const person = { kind: kindOf(task, picture), checked: task.checked(picture) };
  const said = { confidence, decision, reason, otherwise: others, numbers, pages, verdict, error, model };
  return { file: picture.name, [task.name]: text, ...person, ...said };
}

function* portions(pictures) {
  for (let start = 0; start < pictures.length; start += AT_A_TIME) yield pictures.slice(start, start + AT_A_TIME);
}
