// The service, as the page sees it: questions, answers, and what went wrong as a sentence.

import { askForKey, keyHeader } from "./key.js";
import { sentenceOf } from "./words.js";

const PATIENCE = 20_000; // ms until a question is given up
const KEY_WANTED = [401, 403];
const PAUSES = [1, 2, 4, 8, 16]; // seconds before each further try

/** What the service, or the way to it, said instead of an answer. */
export class Refusal extends Error {
  constructor(sentence, { status = 0, code = "", passing = false, wait = 0 } = {}) {
    super(sentence);
    this.status = status; // of HTTP; 0 where there was no answer
    this.code = code; // the service's
    this.passing = passing; // the same question may be answered later,
    this.wait = wait; // in so many seconds at the soonest
  }
}

/** Ask about one picture: `{body, type}`. A type that the browser does not know is left to the service to find out. */
export function post(path, { body, type }, signal) {
  if (type) return ask(path, { method: "POST", headers: { "Content-Type": type }, body }, signal);
  const form = new FormData();
  form.append("file", body);
  return ask(path, { method: "POST", body: form }, signal);
}

/** Ask about many pictures, `[{body, name}]`, one digit each. */
export function postMany(pictures, signal) {
  const form = new FormData();
  for (const { body, name } of pictures) form.append("files", body, name);
  return ask("v1/predict/batch", { method: "POST", body: form }, signal);
}

/** What one question may hold, as the service runs: `{body_bytes, batch_images, ...}`. */
export const limits = (signal) => ask("v1/limits", {}, signal);

/** A model's manifest; without one named, that of the model that would answer. */
export async function modelCard(model) {
  const chosen = model ?? (await ask("v1/models")).models.find((each) => each.default);
  if (!chosen) throw new Refusal("No model is live.");
  return ask(`v1/models/${encodeURIComponent(chosen.name)}/versions/${encodeURIComponent(chosen.version)}`);
}

/** All metrics in the Prometheus text format. Raises Refusal. */
export async function metrics(signal) {
  const response = await answer("metrics", {}, signal);
  return response.text().catch(lost);
}

/** Try again while what is wrong may pass; `waiting` hears of it each time. */
export async function persistently(question, signal, waiting) {
  for (const pause of PAUSES) {
    try {
      return await question();
    } catch (error) {
      if (!error.passing) throw error;
      waiting(error);
      await sleep(1000 * Math.max(pause, error.wait), signal);
    }
  }
  return question();
}

/** Wait, but no longer than until `signal` is aborted. */
export function sleep(milliseconds, signal) {
  return new Promise((done) => {
    setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}

// Decoded by hand and not as a data: address, so that the page needs no exception in its content security policy.
export function fromPng(base64) {
  return createImageBitmap(new Blob([fromBase64(base64)], { type: "image/png" }));
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

async function ask(path, options = {}, signal = undefined) {
  const response = await answer(path, options, signal);
  const body = await response.json().catch(lost); // an answer that broke off is none
  return { ...body, timing: stages(response.headers.get("Server-Timing") ?? "") };
}

async function answer(path, options, signal) {
  const response = await reach(path, options, signal);
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const keyWanted = KEY_WANTED.includes(response.status) && body.code !== "cross_site"; // where no key would help
  if (keyWanted && (await askForKey())) return answer(path, options, signal);
  throw refusal(response, body);
}

function reach(path, options, signal) {
  const timeout = AbortSignal.timeout(PATIENCE);
  const headers = { ...options.headers, ...keyHeader() };
  return fetch(path, { ...options, headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout }).catch(lost);
}

function lost(error) {
  if (error.name === "AbortError") throw error;
  const what = error.name === "TimeoutError" ? "did not answer in time" : "cannot be reached";
  throw new Refusal(`The service ${what}.`, { passing: true });
}

function refusal({ status, headers }, { code, detail }) {
  const sentence = sentenceOf({ code, detail }) || `The service answered ${status} and did not say why.`;
  const wait = Number(headers.get("Retry-After")) || 0;
  return new Refusal(sentence, { status, code, passing: [429, 502, 503, 504].includes(status), wait });
}

// Source of the header's form: W3C Server Timing.
function stages(header) {
  const found = header.matchAll(/(?:^|,)\s*(\w+)\b[^,]*?;\s*dur=([\d.]+)/g);
  return Object.fromEntries([...found].map(([, stage, milliseconds]) => [stage, Number(milliseconds)]));
}
