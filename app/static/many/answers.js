// Two questions to ask of a picture, and their answers in one form:
// {text, confidence, decision, headline, reason, sentence, others, numbers, model}, or {error, reason}.

import { post, postMany } from "../api.js";
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
  const { predictions, model } = await postMany(pictures, signal);
  return predictions.map((each) => (each.error ? failure(each.error) : { ...digit(each), model }));
}

async function askNumbers([{ body }], signal) {
  const { numbers, model } = await post("v1/read", { body, type: body.type }, signal);
  return [{ ...whole(numbers), model }];
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
  const badness = ({ decision, confidence }) => WORST.indexOf(decision) + 1 - confidence;
  const [worst] = [...numbers].sort((one, other) => badness(other) - badness(one));
  if (!worst) return { text: "", confidence: 0, decision: "reject", others: [], numbers, ...NO_NUMBER };
  const { decision, alternatives } = worst;
  const confidence = Math.min(...numbers.map((number) => number.confidence));
  const others = numbers.length > 1 ? [] : alternatives.filter((other) => other.confidence >= LIKELY);
  return { text: numbers.map(({ raw }) => raw).join(" "), confidence, decision, others, numbers, ...ofNumber(worst) };
}
