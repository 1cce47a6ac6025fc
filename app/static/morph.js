// From one digit's frame to another's: the ink itself moves. Each frame is taken for grains of ink, and each grain of the
// one goes straight to one of the other, so that all together have little way to go (displacement interpolation:
// McCann, "A convexity principle for interacting gases", 1997). Frames that are faded into each other would be of no hand.

import { seeded } from "./network.js";

const GRAINS = 800;
const SWAPS = 120_000; // that are tried for a shorter way; more make it hardly shorter
const BLUR = 1.2; // pixels, that a grain reaches to each side
const FULLER = 1.2; // times, so that strokes are as bright as they were, for all the grains' unevenness

/** A function of t, 0 to 1, that gives the frame that is so far from `one` to `other`; shades, row by row. */
export function morph(one, other) {
  const side = Math.sqrt(one.length);
  const random = seeded(1);
  const [from, to] = [grains(one, side, random), grains(other, side, random)];
  const ink = [one, other].map((frame) => frame.reduce((total, shade) => total + shade, 0));
  match(from, to, random);
  return (t) => {
    if (t <= 0 || t >= 1) return Uint8Array.from(t <= 0 ? one : other);
    const places = from.map(([x, y], at) => [x + t * (to[at][0] - x), y + t * (to[at][1] - y)]);
    return strewn(places, side, (ink[0] + t * (ink[1] - ink[0])) / GRAINS);
  };
}

/** As many places as there are grains, [x, y], denser where there is more ink. */
function grains(frame, side, random) {
  const total = frame.reduce((sum, shade) => sum + shade, 0);
  const places = [];
  let passed = 0;
  frame.forEach((shade, at) => {
    passed += shade;
    while (places.length < GRAINS * (passed / total) - 0.5) {
      places.push([(at % side) + random() - 0.5, Math.floor(at / side) + random() - 0.5]);
    }
  });
  while (places.length < GRAINS) places.push(places.at(-1));
  return places;
}

/** Reorder the places `to` so that grains have less way to go: two change theirs where that is shorter. */
function match(from, to, random) {
  const way = (start, end) => (from[start][0] - to[end][0]) ** 2 + (from[start][1] - to[end][1]) ** 2;
  for (let tried = 0; tried < SWAPS; tried++) {
    const [a, b] = [Math.floor(GRAINS * random()), Math.floor(GRAINS * random())];
    if (way(a, b) + way(b, a) < way(a, a) + way(b, b)) [to[a], to[b]] = [to[b], to[a]];
  }
}

/** The frame of grains, each of which is spread over the pixels around it. */
function strewn(places, side, each) {
  const sums = new Float32Array(side * side);
  for (const [x, y] of places) {
    const near = [];
    let total = 0;
    for (let line = Math.ceil(y - BLUR); line <= y + BLUR; line++) {
      for (let column = Math.ceil(x - BLUR); column <= x + BLUR; column++) {
        const share = (BLUR - Math.abs(line - y)) * (BLUR - Math.abs(column - x));
        total += share;
        if (line >= 0 && column >= 0 && line < side && column < side) near.push([line * side + column, share]);
      }
    }
    for (const [at, share] of near) sums[at] += (each * share) / total;
  }
  return Uint8Array.from(sums, (sum) => Math.min(255, Math.round(FULLER * sum)));
}
