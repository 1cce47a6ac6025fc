// Two questions to ask of a picture, and their answers in one form:
// {text, confidence, decision, headline, reason, sentence, others, numbers, pages, model}, or {error, reason}.

import { post, postMany, Refusal } from "../api.js";
import { ofDigit, ofNumber } from "../reading.js";
import { sentenceOf } from "../words.js";

const LIKELY = 0.01; // of another reading's confidence: less is not worth a word
const WORST = ["accept", "review", "reject"];
const NO_NUMBER = { headline: "No number", reason: "No number was found.", sentence: "No number was found." };

/** `ask` takes open pictures, [{name, body}], as many as `most` at a time, in `lanes` at once. */
export const TASKS = {
  digit: task("digit", { most: 256, lanes: 2, ask: askDigits }),
  number: task("number", { most: 1, lanes: 4, ask: askNumbers }),
};

/** A picture keeps its answers to both questions: who goes back to one need not ask again. */
function task(name, how) {
  return {
    name,
    ...how,
    answer: (picture) => picture.answers[name],
    keep: (picture, answer) => (picture.answers[name] = answer),
    checked: (picture) => picture.checked[name], // what a person says that it is
    check: (picture, text) => (picture.checked[name] = text),
  };
}

async function askDigits(pictures, signal) {
  const named = pictures.map(({ name, body }) => ({ body, name: name.split("/").at(-1) })); // not where it lies
  const { predictions = [], model } = await postMany(named, signal);
  const answers = predictions.map((each) => (each.error ? failure(each.error) : { ...digit(each), model }));
  if (pictures.length === 1 && answers.length > 1) return [ofPages(answers)];
  if (answers.length === pictures.length) return answers;
  // Which belongs to which is not known: as if it had failed, so that each is asked about alone at last.
  throw new Refusal(`The service gave ${answers.length} answers, not ${pictures.length}.`, { status: 500 });
}

async function askNumbers([{ body }], signal) {
  const { numbers, pages = 1, model } = await post("v1/read", { body, type: body.type }, signal);
  return [{ ...(pages > 1 ? ofFirst(whole(numbers), pages) : whole(numbers)), model }];
}

/** What is known of a picture that could not be read. */
export function failure({ code, detail, verdict }) {
  const sentence = sentenceOf({ code, detail });
  return { error: sentence, reason: sentence, verdict, others: [] };
}

function digit(answer) {
  const { digit: best, confidence, decision, probabilities, input } = answer;
  const others = probabilities
    .map((share, each) => ({ text: String(each), confidence: share }))
    .filter(({ text, confidence: share }) => text !== String(best) && share >= LIKELY)
    .sort((one, other) => other.confidence - one.confidence);
  return { text: String(best), confidence, decision, verdict: input?.verdict, others, ...ofDigit(answer) };
}

/** All numbers of a picture as one answer: no better than the worst of them. */
function whole(numbers) {
  if (!numbers.length) return { text: "", confidence: 0, decision: "reject", others: [], numbers, ...NO_NUMBER };
  const worst = worstOf(numbers);
  const { decision, alternatives } = worst;
  const confidence = Math.min(...numbers.map((number) => number.confidence));
  const others = numbers.length > 1 ? [] : alternatives.filter((other) => other.confidence >= LIKELY);
  return { text: numbers.map(({ raw }) => raw).join(" "), confidence, decision, others, numbers, ...ofNumber(worst) };
}

/** The answers to all pages of a document as one, in the same way. */
function ofPages(pages) {
  const worst = worstOf(pages);
  const { decision = "reject", headline, advice, verdict, reason } = worst;
  const which = `Page ${pages.indexOf(worst) + 1} of ${pages.length}: `;
  if (pages.every(({ error }) => error)) return failure({ detail: which + reason, verdict });
  const clear = decision === "accept" && `${pages.length} pages, each clear enough to use as it is.`;
  const sentence = clear || which + (worst.sentence ?? reason);
  const { model } = pages.find((page) => page.model);
  const confidence = Math.min(...pages.map((page) => page.confidence ?? 0));
  const text = pages.map((page) => page.text ?? "?").join(" ");
  const said = { headline, advice, sentence, reason: reason && which + reason };
  return { text, confidence, decision, verdict, others: [], pages, model, ...said };
}

/** Of numbers the service reads one page alone: that is not the whole of the document. */
function ofFirst(answer, pages) {
  const unread = `Only the first of ${pages} pages was read.`;
  const decision = answer.decision === "accept" ? "review" : answer.decision;
  const said = { reason: `${unread} ${answer.reason}`.trim(), sentence: `${unread} ${answer.sentence}` };
  return { ...answer, decision, ...said };
}

function worstOf(answers) {
  const badness = ({ decision = "reject", confidence = 0 }) => WORST.indexOf(decision) + 1 - confidence;
  return answers.reduce((worst, each) => (badness(each) > badness(worst) ? each : worst));
}
