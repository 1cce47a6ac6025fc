// What the drawings of networks share.

const SVG = "http://www.w3.org/2000/svg";

/** A new element of a drawing: its attributes, and what is in it. */
export function draw(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A picture with its description for whoever does not see it. */
export function picture(width, height, label, ...children) {
  return draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
}

/** A weight as a line: as thick as it is large, red for what is above 0 and blue below. */
export function showWeight(line, weight) {
  line.setAttribute("stroke-width", Math.min(8, 0.5 + 2.5 * Math.abs(weight)).toFixed(2));
  line.setAttribute("class", weight < 0 ? "negative" : "positive");
}

export const short = (value) => (Object.is(Math.round(value * 100), -0) ? "0.00" : value.toFixed(2)).replace("-", "−");
