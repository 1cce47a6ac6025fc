// What in the picture speaks for a digit: the values of /v1/explain as colours on what the model saw.

const FOR = [220, 40, 30], AGAINST = [40, 90, 230]; // red, green and blue, as in the service's own heat maps
const STRENGTH = 0.75; // of the strongest colour
const NOTICED = 1 / 3; // of the strongest value: what is weaker is hardly seen

/** Whether anything in the picture speaks for the digit. `values` are lists of how much its log-odds fall by a cover. */
export function speaks(values) {
  const all = values.flat();
  return Math.max(...all) > NOTICED * Math.max(...all.map(Math.abs));
}

/** Where nothing does, the strokes' values are drawn against their mean: then red is what speaks against it least. */
export function drawHeat(canvas, seen, values) {
  Object.assign(canvas, { width: seen.width, height: seen.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(seen, 0, 0);
  const picture = context.getImageData(0, 0, seen.width, seen.height);
  const ink = values.flat().map((_, place) => picture.data[4 * place] / 255);
  const shown = speaks(values) ? values.flat() : againstMean(values.flat(), ink);
  const [speaking, against] = strongest(shown, speaks(values));
  shown.forEach((value, place) => colour(picture.data, 4 * place, value / (value > 0 ? speaking : against)));
  context.putImageData(picture, 0, 0);
}

// What is drawn in full red and in full blue: of values against a mean each side has a scale of its own.
function strongest(values, together) {
  const [most, least] = [Math.max(...values), -Math.min(...values)].map((value) => value || 1);
  return together ? [Math.max(most, least), Math.max(most, least)] : [most, least];
}

function againstMean(values, ink) {
  const sum = (numbers) => numbers.reduce((whole, number) => whole + number, 0);
  const mean = sum(values.map((value, place) => value * ink[place])) / (sum(ink) || 1);
  return values.map((value, place) => (value - mean) * ink[place]);
}

function colour(data, at, share) {
  const strength = STRENGTH * Math.abs(share);
  (share > 0 ? FOR : AGAINST).forEach((part, channel) => {
    data[at + channel] = Math.round(data[at + channel] * (1 - strength) + part * strength);
  });
}
