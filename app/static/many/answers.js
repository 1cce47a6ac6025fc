// Two questions to ask of a picture, and their answers in one form:
// {text, confidence, decision, reason, others, numbers}, or {error, reason}.

import { post, postMany } from "../api.js";
import { percent } from "../dom.js";

const LIKELY = 0.01; // of another reading's confidence: less is not worth a word
const NONE = "No number was found.";
const WORST = ["accept", "review", "reject"];
const REASONS = {
  accept: "",
  review: "A person should look at it.",
  reject: "This is not like the digits it knows.",
};
// Where the service's advice is written for programs.
const ADVICE = { several_digits: "There seem to be several digits. Read whole numbers instead." };

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
  const { predictions } = await postMany(pictures, signal);
  return predictions.map((each) => (each.error ? failure(each.error.detail, each.error.verdict) : digit(each)));
}

async function askNumbers([{ body }], signal) {
  const { numbers } = await post("v1/read", { body, type: body.type }, signal);
  return [whole(numbers)];
}

/** What is known of a picture that could not be read. */
export function failure(detail, verdict) {
  const sentence = detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
  return { error: sentence, reason: sentence, verdict, others: [] };
}

function digit({ digit: best, confidence, decision, probabilities, input }) {
  const others = probabilities
    .map((share, each) => ({ text: String(each), confidence: share }))
    .filter(({ text, confidence: share }) => text !== String(best) && share >= LIKELY)
    .sort((one, other) => other.confidence - one.confidence);
  const advice = ADVICE[input?.verdict] ?? input?.advice ?? "";
  const reason = reasonOf(decision, advice, others[0]);
  return { text: String(best), confidence, decision, verdict: input?.verdict, reason, others };
}

/** All numbers of a picture as one answer: as sure as the least sure of them. */
function whole(numbers) {
  if (!numbers.length) return { text: "", confidence: 0, decision: "reject", reason: NONE, others: [], numbers };
  const decision = WORST[Math.max(...numbers.map((number) => WORST.indexOf(number.decision)))];
  const confidence = Math.min(...numbers.map((number) => number.confidence));
  const others = numbers.length > 1 ? [] : numbers[0].alternatives.filter((other) => other.confidence >= LIKELY);
  const text = numbers.map(({ raw }) => raw).join(" ");
  return { text, confidence, decision, reason: reasonOf(decision, "", others[0]), others, numbers };
}

function reasonOf(decision, advice, second) {
  if (decision === "accept" || advice) return advice;
  return second ? `It may be ${second.text}, too (${percent(second.confidence)}).` : REASONS[decision];
}
