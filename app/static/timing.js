// Where the time of an answer went: Server-Timing as one stacked bar.

import { element, make } from "./dom.js";

export const STAGES = ["read", "decode", "normalise", "queue", "infer", "encode"];

/** Nothing is shown where the header was lost on the way. */
export function showTiming(timing) {
  element("timing").hidden = !("total" in timing);
  if (element("timing").hidden) return;
  element("total").textContent = `${timing.total.toFixed(1)} ms in the service`;
  const stages = STAGES.filter((stage) => stage in timing);
  element("stages").replaceChildren(...stages.map((stage) => part(stage, timing[stage])));
  element("stage-names").replaceChildren(...stages.map((stage) => name(stage, timing[stage])));
}

function part(stage, milliseconds) {
  const made = make("span", { "data-stage": stage });
  made.style.flexGrow = milliseconds;
  return made;
}

function name(stage, milliseconds) {
  return make("li", { "data-stage": stage }, `${stage} `, make("span", {}, milliseconds.toFixed(1)));
}
