// The pictures of a pile, and which of them are shown, in what order.

export const KINDS = ["accept", "review", "reject", "failed", "checked"]; // what has been read is one of them
export const DOUBTFUL = ["review", "reject"];
const MOST = 100_000; // pictures: more are work for `digitserve score`
const inOrder = new Intl.Collator("en", { numeric: true }).compare;

export const ORDERS = {
  come: ["As they came", null],
  unsure: ["Least sure first", (task) => (one, other) => sureness(task, one, 2) - sureness(task, other, 2)],
  sure: ["Surest first", (task) => (one, other) => sureness(task, other, -1) - sureness(task, one, -1)],
  text: ["By what was read", (task) => (one, other) => inOrder(textOf(task, one), textOf(task, other))],
  name: ["By name", () => (one, other) => inOrder(one.name, other.name)],
};

// What could not be read, or is not yet, stands at the end.
const sureness = (task, picture, otherwise) => task.answer(picture)?.confidence ?? otherwise;
export const textOf = (task, picture) => task.checked(picture) ?? task.answer(picture)?.text ?? "";

/** Whether a person has looked, else the model's decision; null while there is no answer. */
export function kindOf(task, picture) {
  const answer = task.answer(picture);
  if (!answer) return null;
  if (task.checked(picture) !== undefined) return "checked";
  return answer.error ? "failed" : answer.decision;
}

export class Pile {
  pictures = [];
  #known = new Set();

  /** Those that are new of them; a file that is brought again is not read twice. */
  add(found) {
    const added = [];
    for (const { name, size, version, open } of found) {
      const key = `${name}\n${size}\n${version}`;
      if (this.#known.has(key) || this.#known.size >= MOST) continue;
      this.#known.add(key);
      added.push({ name, size, open, answers: {}, checked: {} });
    }
    this.pictures.push(...added);
    return added;
  }

  get isFull() {
    return this.#known.size >= MOST;
  }

  clear() {
    this.pictures = [];
    this.#known.clear();
  }

  /** How many there are of each kind, of all, and that are read. */
  counts(task) {
    const counts = Object.fromEntries([...KINDS, "all", "read"].map((kind) => [kind, 0]));
    for (const picture of this.pictures) {
      const kind = kindOf(task, picture);
      counts.all += 1;
      if (kind) counts.read += 1;
      if (kind) counts[kind] += 1;
    }
    return counts;
  }

  /** Those of the kinds, or all where there are none, in the order. */
  shown(task, kinds, order) {
    const found = kinds ? this.pictures.filter((picture) => kinds.includes(kindOf(task, picture))) : [...this.pictures];
    const compare = ORDERS[order][1]?.(task);
    return compare ? found.sort(compare) : found;
  }
}
