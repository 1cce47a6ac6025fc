// What a person says of a picture of a pile is kept where that of a single picture is: in this browser, in the history,
// and in the archive for a training that is downloaded there.

import { record } from "../history.js";
import { small } from "../kept.js";

const kept = new WeakMap(); // picture -> promises of its entries of the history, by task

/** Keep what a person has said of the picture, or that it was taken back. */
export async function keepLabel(task, picture) {
  const entries = kept.get(picture) ?? {};
  kept.set(picture, entries);
  const entry = await (entries[task.name] ??= newEntry(task, picture));
  if (!entry) return; // it cannot be opened, or is too large and the browser cannot show it
  entry.label = task.checked(picture) ?? "";
  await record(entry);
}

async function newEntry(task, picture) {
  const { text = "", decision = "reject", numbers = [], pages, model } = task.answer(picture) ?? {};
  const opened = await picture.open().catch(() => null);
  const made = opened && !pages && (await small(opened)); // several pages are no picture of one digit
  if (!made) return null;
  const boxes = numbers.flatMap(({ digits }) => digits).map(({ box }) => box.map((side) => side * made.scale));
  const { picture: body, size } = made;
  return { mode: task.name, picture: body, size, boxes, name: picture.name, read: text, decision, model };
}
