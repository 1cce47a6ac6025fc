// What each layer of the network makes of a frame: maps as small pictures, units as bars.

import { fromBase64, post } from "./api.js";
import { make } from "./dom.js";

const FEW = 16, SOME = 32; // maps of a layer: the more there are, the smaller each
const CELLS = ["4.5rem", "3.25rem", "2.5rem"];
const DIGITS = 10;
const NOTES = {
  Mul: "Shades of 0 to 255 become numbers that suit the network.",
  Conv: "Each map is one small pattern, looked for everywhere: bright where it was found.",
  Relu: "What speaks against is cut off at 0.",
  MaxPool: "Of each few numbers the largest stays.",
  AveragePool: "Each few numbers become their mean.",
  GlobalAveragePool: "Each map becomes one number, its mean.",
  Gemm: "Each number weighs all of the layer before.",
  MatMul: "Each number weighs all of the layer before.",
  Add: "What two ways have found is put together.",
  Softmax: "Scores become shares that add up to 1.",
};
const OF_NAMES = {
  logits: "One score for each digit, of all that was found.",
  tempered: "The same scores, toned down until “90 % sure” is right nine times in ten.",
};

/** What the model makes of a frame of shades. Raises Refusal. */
export async function askForLayers(frame, signal) {
  const { layers } = await post("v1/explain?include=layers", { body: frame, type: "application/octet-stream" }, signal);
  return layers;
}

export function layerList(layers) {
  const items = layers.map((layer, place) => {
    const { name, operator, shape, count } = layer;
    const note = OF_NAMES[name] ?? NOTES[operator] ?? "";
    const missing = count < shape[0] && shape.length === 3 ? `, the first ${count}` : "";
    return make("li", {},
      make("h3", {}, `${place + 1}. ${sizeOf(layer)}${missing}`, make("span", {}, ` ${operator} ${name}`)),
      make("p", {}, note), drawn(layer));
  });
  return make("ol", { class: "layers" }, ...items);
}

function sizeOf({ shape }) {
  if (shape.length > 2) return `${shape[0]} maps of ${shape.at(-2)} × ${shape.at(-1)}`;
  return shape.length === 2 ? `${shape[0]} × ${shape[1]} numbers` : `${shape[0]} numbers`;
}

function drawn(layer) {
  const shades = fromBase64(layer.maps);
  if (layer.shape.length === 1) return layer.shape[0] === DIGITS ? scores(layer, shades) : strip(layer, shades);
  const { count, height, width } = layer;
  const size = CELLS[count <= FEW ? 0 : count <= SOME ? 1 : 2];
  const part = (place) => shades.subarray(place * height * width, (place + 1) * height * width);
  const maps = Array.from({ length: count }, (_, place) => picture(part(place), width, height, layer));
  const list = make("div", { class: "maps", role: "img", "aria-label": `${sizeOf(layer)}, as pictures` }, ...maps);
  list.style.setProperty("--cell", size);
  return list;
}

function strip(layer, shades) {
  const made = picture(shades, shades.length, 1, layer);
  for (const [name, value] of [["class", "strip"], ["role", "img"], ["aria-label", `${sizeOf(layer)}, as shades`]]) {
    made.setAttribute(name, value);
  }
  return made;
}

/** Ten bars, up for what speaks for a digit and down for what speaks against it. */
function scores({ low, high }, shades) {
  const most = Math.max(Math.abs(low), Math.abs(high));
  const bars = [...shades].map((shade, digit) => {
    const value = low + (shade / 255) * (high - low);
    const bar = make("li", { class: value < 0 ? "below" : "" }, make("span", { class: "bar" }), make("b", {}, digit),
      make("span", { class: "value" }, value.toFixed(1)));
    bar.style.setProperty("--share", Math.abs(value) / most);
    return bar;
  });
  return make("ol", { class: "scores", start: 0 }, ...bars);
}

// White for the most, black for 0, and blue for what is below it.
function picture(shades, width, height, { low, high }) {
  const canvas = make("canvas", { width, height });
  const image = new ImageData(width, height);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  shades.forEach((shade, at) => {
    const value = (low + (shade / 255) * (high - low)) / most;
    const bright = Math.round(255 * Math.abs(value));
    image.data.set(value < 0 ? [bright * 0.25, bright * 0.55, bright, 255] : [bright, bright, bright, 255], 4 * at);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
