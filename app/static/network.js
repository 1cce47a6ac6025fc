// A dense network by plain arithmetic, and its gradients by backpropagation; as training/scratch.py has it in NumPy.
//
// A layer computes z = W x + b and passes a = f(z) on: tanh inside; at the end sigmoid for one output and softmax for
// more, with cross-entropy, so that there the loss's slope by z is simply a - y. Source: Goodfellow, Bengio, Courville,
// "Deep Learning", 2016, chapter 6.

const NUDGE = 1e-5; // of a parameter, where its slope is found by trying
const NOT_ZERO = 1e-12; // a logarithm of 0 is endless

export class Network {
  /** `sizes` as [2, 3, 1]; `random` gives numbers of 0 to 1. */
  constructor(sizes, random = Math.random) {
    this.sizes = sizes;
    this.layers = sizes.slice(1).map((units, place) => {
      const inputs = sizes[place];
      const most = Math.sqrt(6 / (inputs + units)); // Glorot and Bengio, 2010
      const row = () => Float64Array.from({ length: inputs }, () => most * (2 * random() - 1));
      return { weights: Array.from({ length: units }, row), biases: new Float64Array(units) };
    });
  }

  /** The values of all layers for an input, that first: so many as there are `sizes`. */
  forward(x) {
    const values = [x];
    this.layers.forEach(({ weights, biases }, place) => {
      const z = weights.map((row, unit) => sum(row, values[place]) + biases[unit]);
      values.push(place < this.layers.length - 1 ? z.map(Math.tanh) : ends(z));
    });
    return values;
  }

  /** The cross-entropy of what is given for x with what it should be. */
  loss(x, y) {
    const given = this.forward(x).at(-1);
    const shares = given.length > 1 ? given : [given[0], 1 - given[0]];
    const wanted = given.length > 1 ? y : [y[0], 1 - y[0]];
    return -shares.reduce((total, share, unit) => total + wanted[unit] * Math.log(share + NOT_ZERO), 0);
  }

  /** Backpropagation: of each layer the slopes of the loss by z, by its weights and by its biases. */
  gradients(x, y) {
    const values = this.forward(x);
    const found = [];
    let slopes = values.at(-1).map((a, unit) => a - y[unit]);
    for (let place = this.layers.length - 1; place >= 0; place--) {
      const before = values[place];
      found.unshift({ slopes, weights: slopes.map((slope) => Float64Array.from(before, (a) => slope * a)), biases: slopes });
      const { weights } = this.layers[place];
      const through = Array.from(before, (_, input) => slopes.reduce((total, slope, unit) => total + slope * weights[unit][input], 0));
      slopes = through.map((slope, input) => slope * (1 - before[input] ** 2)); // of tanh
    }
    return found;
  }

  /** The same slope by nudging one parameter to either side; `input` is null for a bias. */
  nudged(x, y, { layer, unit, input }) {
    const { weights, biases } = this.layers[layer];
    const [row, at] = input === null ? [biases, unit] : [weights[unit], input];
    const kept = row[at];
    const [above, below] = [NUDGE, -NUDGE].map((by) => {
      row[at] = kept + by;
      return this.loss(x, y);
    });
    row[at] = kept;
    return (above - below) / (2 * NUDGE);
  }

  /** One step of gradient descent, on the mean over examples [{x, y}]. */
  step(examples, rate) {
    const each = examples.map(({ x, y }) => this.gradients(x, y));
    const by = rate / examples.length;
    this.layers.forEach(({ weights, biases }, place) => {
      for (const { [place]: found } of each) {
        weights.forEach((row, unit) => {
          for (let input = 0; input < row.length; input++) row[input] -= by * found.weights[unit][input];
          biases[unit] -= by * found.biases[unit];
        });
      }
    });
  }
}

export const sigmoid = (z) => 1 / (1 + Math.exp(-z));

function ends(z) {
  if (z.length === 1) return z.map(sigmoid);
  const most = Math.max(...z); // the shift changes no share, and nothing overflows
  const scores = z.map((one) => Math.exp(one - most));
  const total = scores.reduce((before, score) => before + score, 0);
  return scores.map((score) => score / total);
}

function sum(row, values) {
  let total = 0;
  for (let at = 0; at < row.length; at++) total += row[at] * values[at];
  return total;
}

/** Numbers of 0 to 1 that are the same each time. Source: mulberry32, by Tommy Ettinger, in the public domain. */
export function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
