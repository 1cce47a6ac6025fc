// Reads a pile, a few pictures at a time, however often the service or the way to it fails meanwhile.

import { limits, sleep } from "../api.js";
import { failure } from "./answers.js";

const FIRST = 32; // pictures in the first question
const PACE = 800; // ms that a question should take: as long as progress may stand still
const MOST_BYTES = 8 * 1024 * 1024; // of one question, where the service takes as much
const FILLED = 0.9; // of the bytes that it takes: the form has some of its own
const LONGEST_PAUSE = 15; // seconds before a question is asked again
const PDF = "%PDF-"; // its first bytes, by which the service knows it, too
const ABOUT_PICTURES = [400, 413, 415, 422, 500, 504]; // statuses that fewer or other pictures may not have

/**
 * What is read is what has no answer yet, so a reading that was stopped or that failed goes on where it was, and each
 * picture is answered once. `told` holds functions: `progress()` after answers and at the end, `waiting(sentence)`
 * while the service cannot answer, `refused(sentence)` where it will not.
 */
export class Reader {
  #task;
  #told;
  #queue = []; // pictures still to be asked about, the next one last
  #most;
  #pause = 1; // seconds
  #limits = { batch_images: Infinity, body_bytes: Infinity }; // of the service, once it has told them
  #learning = null;
  #control = new AbortController();
  #lanes = 0; // that are reading

  constructor(task, told) {
    this.#task = task;
    this.#told = told;
    this.#most = Math.min(FIRST, task.most);
  }

  get isReading() {
    return this.#lanes > 0;
  }

  /** Read these, too, after those that wait; what has an answer is passed over. */
  read(pictures) {
    this.#queue = [...pictures.filter((picture) => !this.#task.answer(picture)).reverse(), ...this.#queue];
    while (this.#lanes < this.#task.lanes && this.#lanes < this.#queue.length) {
      this.#lanes += 1;
      this.#lane(this.#control.signal);
    }
  }

  /** Questions that are out are given up; their pictures stay without an answer. */
  stop() {
    this.#control.abort();
    this.#control = new AbortController();
    this.#queue = [];
    this.#lanes = 0;
  }

  async #lane(signal) {
    await this.#learn(signal);
    if (signal.aborted) return;
    for (let chunk = this.#next(); chunk.length; chunk = this.#next()) {
      for (const open of apart(await this.#opened(chunk))) {
        await this.#ask(open, signal);
        if (signal.aborted) return;
        this.#told.progress();
      }
    }
    this.#lanes -= 1;
    this.#told.progress();
  }

  // Where it does not tell them, it refuses what is too much.
  #learn(signal) {
    this.#learning ??= limits(signal).then(
      (told) => (this.#limits = told),
      () => (this.#learning = null),
    );
    return this.#learning;
  }

  #next() {
    const chunk = [];
    const most = Math.min(this.#most, this.#limits.batch_images);
    const mostBytes = Math.min(MOST_BYTES, FILLED * this.#limits.body_bytes);
    let bytes = 0;
    while (this.#queue.length && chunk.length < most) {
      bytes += this.#queue.at(-1).size;
      if (chunk.length && bytes > mostBytes) break;
      chunk.push(this.#queue.pop());
    }
    return chunk;
  }

  async #ask(open, signal) {
    if (!open.length || signal.aborted) return;
    const began = performance.now();
    try {
      const answers = await this.#task.ask(open, signal);
      if (signal.aborted) return;
      open.forEach(({ picture }, place) => this.#task.keep(picture, answers[place]));
      this.#pause = 1;
      if (!open[0].isDocument) this.#adapt(open.length, performance.now() - began);
    } catch (error) {
      if (!signal.aborted) await this.#failed(open, error, signal);
    }
  }

  // A question of several pictures is asked again in halves, until the one is found that is to blame.
  async #failed(open, error, signal) {
    const isOne = open.length === 1;
    const isAbout = ABOUT_PICTURES.includes(error.status);
    if (isAbout && isOne) return this.#task.keep(open[0].picture, failure({ detail: error.message }));
    if (!error.passing && !isAbout) return this.#refuse(error);
    this.#most = Math.max(1, Math.floor(open.length / 2)); // perhaps it is too much for a slow way, too
    this.#queue.push(...open.map(({ picture }) => picture).reverse());
    if (!error.passing) return;
    this.#told.waiting(error.message);
    await later(1000 * Math.max(this.#pause, error.wait), signal);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #refuse(error) {
    this.stop();
    this.#told.refused(error.message);
  }

  #adapt(asked, took) {
    const most = Math.round(Math.min(2 * asked, (asked * PACE) / Math.max(took, 1)));
    this.#most = Math.max(1, Math.min(this.#task.most, most));
  }

  /** The pictures of a chunk with their bytes; one that cannot be opened has its answer then. */
  async #opened(chunk) {
    const open = await Promise.all(chunk.map(async (picture) => {
      try {
        const most = this.#limits.body_bytes;
        if (picture.size > most) throw new Error(`This file is too large: the service takes ${megabytes(most)}.`);
        const body = await picture.open();
        return { picture, name: picture.name, body, isDocument: await isDocument(body) };
      } catch (error) {
        this.#task.keep(picture, failure({ detail: error.message }));
      }
    }));
    return open.filter(Boolean);
  }
}

/** Those that may be asked about in one question: the service answers for each page of a PDF, so one is asked about alone. */
function apart(open) {
  const documents = open.filter((each) => each.isDocument);
  return [open.filter((each) => !each.isDocument), ...documents.map((each) => [each])];
}

const isDocument = async (body) => (await body.slice(0, PDF.length).text()) === PDF;

const megabytes = (bytes) => `${(bytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 2 })} MiB at most`;

/** Wait, but no longer than until the browser is online again. */
async function later(milliseconds, signal) {
  const online = new AbortController();
  const wake = () => online.abort();
  addEventListener("online", wake, { once: true });
  await sleep(milliseconds, AbortSignal.any([signal, online.signal]));
  removeEventListener("online", wake);
}
