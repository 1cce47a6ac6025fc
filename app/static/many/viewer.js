// One picture of a pile, large: where its digits are, how it was read and why, and what a person says that it is.

import { fromPng, post } from "../api.js";
import { drawSmall, make, percent } from "../dom.js";
import { drawBoxes } from "../number.js";
import { bitmapOf } from "./tiles.js";

const LARGEST = 1600; // pixels of a photo's longer side on the screen
const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));
const UNREAD = "It has not been read yet.";
const HINTS = {
  digit: "Type the digit that it is, or Enter where it was read rightly: the next one comes. Arrow keys pass on.",
  number: "Correct the number, then Enter: the next one comes. Page Up and Page Down pass on.",
};

export class Viewer {
  #checked;
  #task;
  #pictures = [];
  #place = 0;
  #answer = { others: [] }; // as it is shown: a person agrees to no other
  #shown = 0; // counts what is shown, so that what comes late for another picture is let go
  #drawn = Promise.resolve(); // one after another: a large photo takes a hundred megabytes meanwhile
  #canvas = make("canvas", { role: "img" });
  #unseen = make("p", { class: "unseen-picture", hidden: "" }, "This browser cannot show the picture.");
  #boxes = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  #name = make("h2", { id: "viewer-name", tabindex: "-1" });
  #of = make("p", { class: "of" });
  #headline = make("p", { class: "headline" });
  #text = make("p", { class: "text" });
  #sure = make("p", { class: "sure" });
  #reason = make("p", { class: "decision" });
  #others = make("p", { class: "else" });
  #kept = make("p", { class: "kept", role: "status" });
  #undo = button("Take it back", () => this.#check(undefined));
  #keys = make("div", { class: "keys" }, ...DIGITS.map((digit) => button(digit, () => this.#settle(digit))));
  #field = make("input", { type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false" });
  #form = make("form", {}, make("label", {}, "It is ", this.#field), make("button", {}, "Keep"));
  #right = button("It was read rightly", () => this.#settle(this.#answer.text));
  #hint = make("p", { class: "hint" });
  #canvasSeen = make("canvas", { role: "img", "aria-label": "The 28 by 28 pixels that the model saw" });
  #seen = make("figure", { hidden: "" }, this.#canvasSeen, make("figcaption", {}, "What the model saw"));
  #previous = button("Previous", () => this.#pass(-1));
  #next = button("Next", () => this.#pass(1));
  #said = make("div", { class: "viewer-said" },
    make("div", { class: "viewer-answer" }, this.#headline, this.#text, this.#sure), this.#reason,
    this.#keys, this.#form, this.#right,
    make("div", { class: "kept-row" }, this.#kept, this.#undo),
    this.#others, this.#seen);
  dialog = make("dialog", { id: "viewer", "aria-labelledby": "viewer-name" },
    make("div", { class: "viewer-head" }, this.#name, this.#of, button("Close", () => this.dialog.close())),
    make("div", { class: "viewer-stage" }, this.#canvas, this.#boxes, this.#unseen),
    this.#said,
    make("div", { class: "viewer-foot" }, this.#previous, this.#next, this.#hint));

  /** `checked` is called with a picture whenever a person has said what it is, or taken that back. */
  constructor(checked) {
    this.#checked = checked;
    this.#boxes.setAttribute("aria-hidden", "true");
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#field.value.trim()) this.#settle(this.#field.value.trim());
    });
    this.dialog.addEventListener("keydown", (event) => this.#press(event));
  }

  get #picture() {
    return this.#pictures[this.#place];
  }

  /** Show these pictures from this one on. */
  open(task, pictures, place) {
    this.#task = task;
    this.#pictures = pictures;
    this.#place = place;
    this.dialog.showModal();
    this.#show();
  }

  #settle(text) {
    if (text === undefined) return;
    const { text: read = "" } = this.#answer;
    this.#check(text);
    const name = this.#picture.name.split("/").at(-1); // by the time it is told, the next one is shown
    const told = `${name}: ${text === read ? `${text} is right.` : notAs(text, read)}`;
    if (this.#place === this.#pictures.length - 1) return this.#tell(`${told} That was the last.`);
    this.#pass(1);
    this.#tell(told);
  }

  #check(text) {
    this.#task.check(this.#picture, text);
    this.#checked(this.#picture);
    this.#showChecked();
  }

  #pass(by) {
    const place = this.#place + by;
    if (place < 0 || place >= this.#pictures.length) return;
    this.#place = place;
    this.#show();
  }

  #press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { key, target } = event;
    const isTyping = target === this.#field;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -1, PageDown: 1 }[key];
    if (by && !(isTyping && key.startsWith("Arrow"))) this.#pass(by);
    else if (isTyping) return;
    else if (key === "Backspace") this.#check(undefined);
    else if (key === "Enter" && target.localName !== "button") this.#settle(this.#answer.text);
    else if (!this.#keys.hidden && DIGITS.includes(key)) this.#settle(key);
    else return;
    event.preventDefault();
  }

  #show() {
    this.#answer = this.#task.answer(this.#picture) ?? { others: [] };
    const { text = "", confidence, decision, headline = "", sentence, advice = "", others } = this.#answer;
    const { error = UNREAD, pages } = this.#answer;
    const isDigit = this.#task.name === "digit" && !pages;
    this.#keys.hidden = !isDigit;
    this.#form.hidden = isDigit;
    this.#hint.textContent = HINTS[isDigit ? "digit" : "number"];
    this.#name.textContent = this.#picture.name;
    this.#of.textContent = `${this.#place + 1} of ${this.#pictures.length}`;
    this.#headline.textContent = headline;
    this.#text.textContent = headline && text ? `${text}?` : text || (headline ? "" : "–");
    this.#text.classList.toggle("long", text.length > 4);
    this.#text.classList.toggle("guess", Boolean(headline));
    this.#sure.textContent = text && !headline ? `${percent(confidence)} sure` : "";
    this.#said.dataset.decision = decision ?? "";
    this.#reason.textContent = `${sentence ?? error} ${advice}`;
    this.#others.replaceChildren(...(others.length ? ["Otherwise ", ...others.slice(0, 3).flatMap(between)] : []));
    this.#right.hidden = !text || !this.#form.hidden;
    this.#previous.disabled = this.#place === 0;
    this.#next.disabled = this.#place === this.#pictures.length - 1;
    this.#field.value = this.#task.checked(this.#picture) ?? text;
    this.#showChecked();
    this.#drawSoon(++this.#shown);
    this.#name.focus({ preventScroll: true });
    const covers = matchMedia("(pointer: coarse)").matches; // a phone's keyboard the picture
    if (!this.#form.hidden && !covers) this.#field.select();
  }

  #showChecked() {
    const checked = this.#task.checked(this.#picture);
    const { text = "" } = this.#answer;
    for (const key of this.#keys.children) key.setAttribute("aria-pressed", key.textContent === checked);
    this.#undo.hidden = checked === undefined;
    if (checked === undefined) this.#tell("");
    else this.#tell(checked === text ? "You said that this is right." : `You said: ${notAs(checked, text)}`);
  }

  #tell(sentence) {
    this.#kept.textContent = sentence;
  }

  // The last picture is not seen beside this one's answer.
  #drawSoon(turn) {
    this.#canvas.hidden = this.#unseen.hidden = this.#seen.hidden = true;
    this.#boxes.replaceChildren();
    this.#drawn = this.#drawn.then(() => turn === this.#shown && this.#draw(turn));
  }

  async #draw(turn) {
    const [picture, answer] = [this.#picture, this.#answer];
    this.#canvas.setAttribute("aria-label", picture.name);
    const bitmap = await bitmapOf(picture);
    if (turn !== this.#shown || !this.dialog.open) return bitmap?.close(); // what is not shown has no size for boxes
    this.#canvas.hidden = !bitmap;
    this.#unseen.hidden = Boolean(bitmap);
    if (bitmap) {
      drawSmall(this.#canvas, bitmap, LARGEST);
      drawBoxes(this.#boxes, answer.numbers ?? [], bitmap);
      bitmap.close();
    }
    if (!this.#keys.hidden && !answer.error) this.#drawSeen(picture, turn);
  }

  // Asked for when a picture is opened: with each of a pile's answers it would be held for all of them.
  async #drawSeen(picture, turn) {
    const asked = picture.open().then((body) => post("v1/predict?include=seen", { body, type: body.type }));
    const { seen } = await asked.catch(() => ({}));
    const bitmap = seen && (await fromPng(seen));
    if (!bitmap || turn !== this.#shown) return;
    drawSmall(this.#canvasSeen, bitmap, bitmap.width);
    this.#seen.hidden = false;
  }
}

function button(name, pressed) {
  const made = make("button", { type: "button" }, name);
  made.addEventListener("click", pressed);
  return made;
}

const notAs = (text, read) => `${text}, not ${read || "nothing"}.`;
const between = ({ text, confidence }, place) => [place ? ", " : "", make("b", {}, text), ` at ${percent(confidence)}`];
