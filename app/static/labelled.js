// What a person has labelled, as an archive that the training takes: folders 0 to 9 of pictures.

import { csv } from "./csv.js";
import { zip } from "./zip.js";

const MARGIN = 0.2; // of a digit's height: paper around it, where no other digit stands
const COLUMNS = ["file", "label", "read", "decision", "model", "version"];

/** A ZIP of entries that have a label. A number is cut into its digits if it has as many as were found in it. */
export async function archive(entries) {
  const groups = [];
  for (const entry of entries) groups.push(await filesOf(entry)); // one decoded picture at a time
  const files = groups.flat().map(({ name, picture }) => picture.arrayBuffer().then(named(name)));
  const rows = groups.flatMap((group, at) => group.map(({ name, label }) => row(name, label, entries[at])));
  const table = new TextEncoder().encode(csv([COLUMNS, ...rows]));
  return zip([...(await Promise.all(files)), { name: "labels.csv", content: table }]);
}

const named = (name) => (buffer) => ({ name, content: new Uint8Array(buffer) });

async function filesOf({ id, mode, label, picture, boxes }) {
  if (mode === "digit") return [{ name: `${label}/${id}.${ending(picture)}`, label, picture }];
  const digits = [...label].filter((character) => /\d/.test(character));
  const whole = { name: `numbers/${id}.${ending(picture)}`, label, picture };
  if (digits.length !== boxes.length) return [whole];
  const cuts = await cut(picture, boxes);
  return [whole, ...cuts.map((part, at) => ({ name: `${digits[at]}/${id}-${at}.png`, label: digits[at], picture: part }))];
}

/** Blobs, one a box; none of a picture that the browser cannot show. */
async function cut(picture, boxes) {
  const bitmap = await createImageBitmap(picture).catch(() => null);
  if (!bitmap) return [];
  const cuts = boxes.map(([left, top, width, height], at) => {
    const [before, after] = [boxes[at - 1], boxes[at + 1]];
    const most = MARGIN * height;
    const from = Math.max(0, left - Math.min(most, gap(before, boxes[at], most)));
    const to = Math.min(bitmap.width, left + width + Math.min(most, gap(boxes[at], after, most)));
    const [above, below] = [Math.max(0, top - most), Math.min(bitmap.height, top + height + most)];
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.ceil(to - from), height: Math.ceil(below - above) });
    canvas.getContext("2d").drawImage(bitmap, -from, -above);
    return new Promise((done) => canvas.toBlob(done));
  });
  bitmap.close();
  return Promise.all(cuts);
}

// Half of what lies between two boxes of one line.
function gap(before, after, most) {
  if (!before || !after || after[0] < before[0]) return most;
  return Math.max(0, (after[0] - before[0] - before[2]) / 2);
}

const ending = ({ type }) => (/^(?:image|application)\/([a-z]+)$/.exec(type)?.[1] ?? "png");

// What could not be read was read by no model.
const row = (name, label, { read, decision, model }) =>
  [name, label, read, decision, model?.name ?? "", model?.version ?? ""];
