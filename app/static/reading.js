// What was read, how far to trust it and why: one sentence, made of what the service has answered and of nothing else.

import { percent } from "./dom.js";

const WORTH_SAYING = 0.001; // of a probability: what is shown as 0.0 % says nothing

// By verdict: what is said instead of a digit where none is to be believed, what is wrong, and what can be done. The
// service's own advice is written for programs.
const WRONG = {
  blank: ["Nothing written", "nothing seems to be written here", "Draw a digit, or choose another picture."],
  faint: ["Too faint", "the ink hardly stands out from the paper", "Draw darker, or with more light."],
  clipped: ["Cut off", "it is cut off by the picture's border", "Leave some paper around it."],
  several_digits: ["Several digits", "there seem to be several digits, and one is read at a time", ""],
  not_a_digit: ["No digit", "it does not look like a digit from 0 to 9", "Write it anew, larger and on its own."],
  low_resolution: ["Too small", "it is only a few pixels high", "Choose a larger picture."],
};
const UNCLEAR = "Unclear";

/** `{headline, sentence, reason, advice}` of one digit: a headline where the digit must not stand for an answer, a reason
 * alone where it is in doubt. */
export function ofDigit({ digit, probabilities, decision, input }) {
  const [headline, reason, advice] = WRONG[input?.verdict] ?? [UNCLEAR, likeness(digit, probabilities), ""];
  const known = input?.verdict === "ok" || input?.verdict in WRONG;
  const said = { headline: "", reason: `${capital(reason)}.`, advice: known ? advice : (input?.advice ?? "") };
  if (decision === "accept") {
    return { ...said, reason: "", sentence: `Read as ${digit}, and clear enough to use as it is: no other digit comes near.` };
  }
  if (decision === "review") return { ...said, sentence: `Read as ${digit}, but a person should look at it: ${reason}.` };
  return { ...said, headline, sentence: `${capital(reason)}; the nearest guess, ${digit}, is not to be trusted.` };
}

/** The same of a number; what else it may be is said beside it. */
export function ofNumber({ raw, decision, alternatives }) {
  const said = { headline: "", reason: "" };
  if (decision === "accept") return { ...said, sentence: `Read as ${raw}, and clear enough to use as it is.` };
  const [other] = alternatives;
  const reason = other?.confidence >= WORTH_SAYING ? `it may also be ${other.text}` : "it can be taken in several ways";
  said.reason = `${capital(reason)}.`;
  if (decision === "review") return { ...said, sentence: `Read as ${raw}, but a person should look at it: ${reason}.` };
  return { ...said, headline: UNCLEAR, sentence: `${capital(reason)}; the nearest guess, ${raw}, is not to be trusted.` };
}

/** Of a picture in which the service has found nothing at all. */
export const OF_NOTHING = {
  headline: WRONG.blank[0],
  sentence: "Nothing stands out from the paper.",
  advice: "Draw darker, or choose another picture.",
};

// Why one is not sure, though nothing is wrong with the picture.
function likeness(digit, probabilities) {
  const others = probabilities.map((probability, other) => ({ probability, other })).filter(({ other }) => other !== digit);
  const { probability, other } = others.reduce((best, one) => (one.probability > best.probability ? one : best));
  if (probability < WORTH_SAYING) return "it can be taken in several ways";
  return `it may also be ${other}, at ${percent(probability)}`;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
