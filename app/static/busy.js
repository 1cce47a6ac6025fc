// A sign that an answer is still to come, where it takes so long that one would wonder.

import { element } from "./dom.js";

const WONDERED = 200; // ms

/** Show the sign while `answer`, a promise, takes longer than that; gives what it gives. */
export async function shown(answer) {
  const timer = setTimeout(() => set(true), WONDERED);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    set(false);
  }
}

function set(busy) {
  element("busy").hidden = !busy;
}
