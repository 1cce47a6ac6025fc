// A figure's last two minutes as a small line, from 0 to the highest value that is in it.

const SHOWN = 120_000; // ms
const BREAK = 6_000; // ms without a value after which a line begins anew
const [WIDTH, HEIGHT] = [120, 24];
const SVG = "http://www.w3.org/2000/svg";

export class Line {
  #points = []; // [{at, value}]
  #path = document.createElementNS(SVG, "path");

  constructor() {
    this.picture = document.createElementNS(SVG, "svg");
    this.picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.picture.setAttribute("preserveAspectRatio", "none");
    this.picture.setAttribute("aria-hidden", "true");
    this.picture.append(this.#path);
  }

  /** What the value was `at` some time in ms; NaN where there was none. */
  add(at, value) {
    this.#points = this.#points.filter((point) => at - point.at < SHOWN);
    if (!Number.isNaN(value)) this.#points.push({ at, value });
    const top = Math.max(0, ...this.#points.map((point) => point.value));
    const x = (point) => WIDTH * (1 - (at - point.at) / SHOWN);
    const y = (point) => HEIGHT * (1 - point.value / top);
    const step = (point, place, { [place - 1]: last }) => {
      const spot = `${x(point).toFixed(1)} ${y(point).toFixed(1)}`;
      return last && point.at - last.at < BREAK ? `L${spot}` : `M${spot}h0`; // at first a dot
    };
    this.#path.setAttribute("d", top ? this.#points.map(step).join("") : "");
  }
}
