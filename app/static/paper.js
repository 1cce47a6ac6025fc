// Strokes on paper, by mouse, pen, finger or keyboard.

import { fromBase64 } from "./api.js";

const HEIGHT = 280; // pixels of the PNG that is sent
const STEP = 0.04; // of the paper's height, that an arrow key moves the pen by
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Paper {
  #canvas;
  #changed;
  #strokes = []; // lists of points in units of the paper's height, x from its middle: so it can be made wider
  #cleared = []; // what was wiped off last, until something new is drawn
  #pointer = null; // the one mouse, pen or finger that is drawing
  #pen = { x: 0, y: 0.5, shown: false, down: false }; // the keyboard's
  #ratio = 1;

  /** `changed` is called after each change, during strokes too. */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#start(event));
    canvas.addEventListener("pointermove", (event) => this.#grow(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", (event) => this.#end(event));
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("blur", () => this.#hidePen());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  get isBlank() {
    return this.#strokes.length === 0;
  }

  /** Whether there is more than a dot, which is no digit yet. */
  get isWritten() {
    const points = this.#strokes.flat();
    return [points.map(({ x }) => x), points.map(({ y }) => y)].some((along) => extent(along) > STEP / 2);
  }

  get isDrawing() {
    return this.#pointer !== null || this.#pen.down;
  }

  get size() {
    return { width: HEIGHT * this.#ratio, height: HEIGHT };
  }

  /** Width by height. What is drawn stays in the middle. */
  set ratio(ratio) {
    this.#ratio = ratio;
    this.#redraw();
  }

  /** What is drawn, for putting it back later. */
  get strokes() {
    return structuredClone(this.#strokes);
  }

  set strokes(strokes) {
    this.#lift();
    this.#strokes = structuredClone(strokes);
    this.#change();
  }

  get canUndo() {
    return !this.isBlank || this.#cleared.length > 0;
  }

  /** Take the last stroke back, or the clearing. */
  undo() {
    this.#lift();
    if (this.isBlank) [this.#strokes, this.#cleared] = [this.#cleared, []];
    else this.#strokes.pop();
    this.#change();
  }

  clear() {
    this.#lift();
    if (!this.isBlank) this.#cleared = this.#strokes;
    this.#strokes = [];
    this.#change();
  }

  // Black on white whatever the screen's colours and density are, so that one drawing always gets one answer.
  // By toDataURL: toBlob waits for an idle moment of the browser, up to a second of it.
  toPng() {
    const sheet = Object.assign(document.createElement("canvas"), this.size);
    const context = sheet.getContext("2d", { alpha: false }); // three bytes a pixel to pack and unpack, not four
    context.fillStyle = "white";
    context.fillRect(0, 0, sheet.width, sheet.height);
    this.#draw(context, sheet, "black");
    return fromBase64(sheet.toDataURL("image/png").split(",")[1]);
  }

  #start(event) {
    if (this.isDrawing || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(this.#pointer);
    this.#begin(this.#pointAt(event));
    this.#hidePen();
    this.#change();
  }

  #grow(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#strokes.at(-1).push(...(events.length ? events : [event]).map((each) => this.#pointAt(each)));
    this.#change();
  }

  #end(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#change();
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#pointer !== null) return;
    if (event.key === " " && !event.repeat) this.#putOrLift();
    else if (event.key in ARROWS) this.#move(...ARROWS[event.key]);
    else return;
    event.preventDefault();
    this.#pen.shown = true;
    this.#change();
  }

  #putOrLift() {
    this.#pen.down = !this.#pen.down;
    if (this.#pen.down) this.#begin({ x: this.#pen.x, y: this.#pen.y });
  }

  #begin(point) {
    this.#strokes.push([point]);
    this.#cleared = [];
  }

  #move(right, down) {
    const side = this.#ratio / 2;
    this.#pen.x = Math.min(side, Math.max(-side, this.#pen.x + right * STEP));
    this.#pen.y = Math.min(1, Math.max(0, this.#pen.y + down * STEP));
    if (this.#pen.down) this.#strokes.at(-1).push({ x: this.#pen.x, y: this.#pen.y });
  }

  #lift() {
    this.#pointer = null;
    this.#pen.down = false;
  }

  #hidePen() {
    const wasDown = this.#pen.down;
    this.#pen.shown = this.#pen.down = false;
    if (wasDown) this.#change();
    else this.#redraw();
  }

  #change() {
    this.#redraw();
    this.#changed();
  }

  #pointAt(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return { x: (event.clientX - left - width / 2) / height, y: (event.clientY - top) / height };
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    this.#canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.#canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.#redraw();
  }

  #redraw() {
    const context = this.#canvas.getContext("2d");
    const { color, accentColor } = getComputedStyle(this.#canvas);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#draw(context, this.#canvas, color);
    if (this.#pen.shown) this.#drawPen(context, accentColor);
  }

  // The pen's width is near MNIST's when a digit fills most of its paper; several share a wide one.
  #draw(context, { width, height }, colour) {
    context.strokeStyle = colour;
    context.lineWidth = height * (this.#ratio > 1 ? 0.055 : 0.075);
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.#strokes) {
      context.beginPath();
      trace(context, stroke.map(({ x, y }) => ({ x: x * height + width / 2, y: y * height })));
      context.stroke();
    }
  }

  #drawPen(context, colour) {
    const { width, height } = this.#canvas;
    context.beginPath();
    context.arc(this.#pen.x * height + width / 2, this.#pen.y * height, height * 0.03, 0, 2 * Math.PI);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = height * 0.01;
    context.stroke();
    if (this.#pen.down) context.fill();
  }
}

function extent(along) {
  let [least, most] = [Infinity, -Infinity];
  for (const place of along) [least, most] = [Math.min(least, place), Math.max(most, place)];
  return most - least;
}

// Through the middle of each pair of points, so that a fast hand leaves curves and not corners.
function trace(context, points) {
  let last = points[0];
  context.moveTo(last.x, last.y);
  for (const next of points.slice(1)) {
    context.quadraticCurveTo(last.x, last.y, (last.x + next.x) / 2, (last.y + next.y) / 2);
    last = next;
  }
  context.lineTo(last.x, last.y + 0.01); // a canvas draws no line without length, and so no dot
}
