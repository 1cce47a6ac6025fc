// What is shown of a pile: one page of tiles, so that no pile is too large for the browser.

import { drawSmall, make, percent } from "../dom.js";
import { kindOf } from "./pile.js";

const ON_A_PAGE = 60;
const PARTS = 2; // of a path that tell one picture from another
const THUMBNAIL = 160; // pixels of its longer side at most

export class Tiles {
  list = make("ul", { id: "tiles", class: "tiles" });
  pages = make("nav", { class: "pages", "aria-label": "Pages", hidden: "" },
    this.#turner("Previous page", -1), make("p"), this.#turner("Next page", 1));
  #opened;
  #task;
  #pictures = []; // of all pages
  #page = 0;
  #tiles = new Map(); // of the page that is shown: picture -> {tile, answer, checked}
  #thumbnails = Promise.resolve(); // drawn one after another: a large photo takes a hundred megabytes meanwhile

  /** `opened` is called with the pictures shown and the place of the one that a person has chosen. */
  constructor(opened) {
    this.#opened = opened;
  }

  /** Show these pictures' page that is open, or their first. What has not changed stays as it is. */
  show(task, pictures, { first = false } = {}) {
    if (task !== this.#task) this.#tiles.clear();
    this.#task = task;
    this.#pictures = pictures;
    this.#page = first ? 0 : Math.min(this.#page, this.#last);
    const start = this.#page * ON_A_PAGE;
    const shown = pictures.slice(start, start + ON_A_PAGE);
    this.#place(shown);
    this.#tellPage(start, shown.length);
  }

  get #last() {
    return Math.max(0, Math.ceil(this.#pictures.length / ON_A_PAGE) - 1);
  }

  #place(shown) {
    this.#tiles = new Map(shown.map((picture) => [picture, this.#tiles.get(picture) ?? this.#newTile(picture)]));
    const tiles = [...this.#tiles.values()].map(({ tile }) => tile);
    const { children } = this.list;
    const isSame = tiles.length === children.length && tiles.every((tile, at) => tile === children[at]);
    if (!isSame) this.#replace(tiles);
    for (const picture of shown) this.#describe(picture);
  }

  // A tile that is taken out and put back loses the keyboard.
  #replace(tiles) {
    const { activeElement } = document;
    this.list.replaceChildren(...tiles);
    if (this.list.contains(activeElement)) activeElement.focus({ preventScroll: true });
  }

  #tellPage(start, length) {
    const [previous, of, next] = this.pages.children;
    this.pages.hidden = this.#pictures.length <= ON_A_PAGE;
    of.textContent = `${count(start + 1)}–${count(start + length)} of ${count(this.#pictures.length)}`;
    previous.disabled = this.#page === 0;
    next.disabled = this.#page === this.#last;
  }

  #turner(name, by) {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      this.#page += by;
      this.show(this.#task, this.#pictures);
      this.list.querySelector("button").focus();
      this.list.scrollIntoView();
    });
    return button;
  }

  #newTile(picture) {
    const canvas = make("canvas", { width: 1, height: 1 });
    const parts = ["name", "what", "reason"].map((part) => make("span", { class: part }));
    parts[0].textContent = picture.name.split("/").slice(-PARTS).join("/");
    const button = make("button", { type: "button" }, canvas, ...parts);
    button.addEventListener("click", () => this.#opened(this.#pictures, this.#pictures.indexOf(picture)));
    this.#thumbnails = this.#thumbnails.then(() => this.#tiles.has(picture) && drawThumbnail(canvas, picture));
    return { tile: make("li", {}, button) };
  }

  #describe(picture) {
    const shown = this.#tiles.get(picture);
    const [answer, checked] = [this.#task.answer(picture), this.#task.checked(picture)];
    if ("answer" in shown && shown.answer === answer && shown.checked === checked) return;
    Object.assign(shown, { answer, checked });
    shown.tile.dataset.decision = kindOf(this.#task, picture) ?? "";
    shown.tile.querySelector(".what").replaceChildren(...what(answer, checked));
    shown.tile.querySelector(".reason").textContent = checked === undefined ? (answer?.reason ?? "") : "";
  }
}

async function drawThumbnail(canvas, picture) {
  const bitmap = await bitmapOf(picture);
  if (bitmap) drawSmall(canvas, bitmap, THUMBNAIL);
  bitmap?.close();
}

/** Upright by EXIF; null for a format that the service alone may know. */
export const bitmapOf = (picture) => picture.open().then((body) => createImageBitmap(body)).catch(() => null);

function what(answer, checked) {
  if (!answer) return ["…"];
  if (checked !== undefined) return [make("b", {}, checked), checkedAs(answer, checked)];
  if (!answer.text) return answer.headline ? [noneOf(answer)] : [];
  if (answer.headline) return [noneOf(answer), make("span", { class: "guess" }, ` ${answer.text}?`)];
  return [make("b", {}, answer.text), ` ${percent(answer.confidence)}`];
}

// Where no digit is to be believed, that comes first.
const noneOf = ({ headline }) => make("b", { class: "none" }, headline);

/** What a person's word makes of the model's. */
function checkedAs({ text = "" }, checked) {
  return checked === text ? " is right" : ` and not ${text || "nothing"}`;
}

const count = (number) => number.toLocaleString("en");
