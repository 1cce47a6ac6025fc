// Metrics in the Prometheus text format, and what follows from two looks at them. A sample is {name, labels, value}.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const COUNTED = /_(?:total|bucket|sum|count)$/; // what only grows
const ESCAPED = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Samples by series. Source: Prometheus, Exposition formats, text version 0.0.4. */
export function parse(text) {
  const found = text.split("\n").map((line) => LINE.exec(line)).filter(Boolean);
  return new Map(found.map(([, name, labels = "", value]) => [
    `${name}{${labels}}`, { name, labels: labelsOf(labels), value: Number(value) },
  ]));
}

const labelsOf = (text) => Object.fromEntries([...text.matchAll(LABEL)].map(([, label, value]) => [
  label, value.replace(/\\[n"\\]/g, (escape) => ESCAPED[escape]),
]));

/** By how much each series has grown between two looks at one instance. */
export const growth = (before, now) =>
  [...now].filter(([, { name }]) => COUNTED.test(name)).map(([series, sample]) => {
    const grown = sample.value - (before.get(series)?.value ?? 0);
    return { ...sample, value: Math.max(0, grown) }; // a sum of seconds may be rounded otherwise when a worker has ended
  });

/** The samples of one name that have these labels. */
export function only(samples, name, labels = {}) {
  const wanted = Object.entries(labels);
  return samples.filter((sample) =>
    sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value));
}

export const sum = (samples) => samples.reduce((total, { value }) => total + value, 0);

/** What was observed at the mean; NaN where nothing was. */
export const mean = (samples, name, labels) =>
  sum(only(samples, `${name}_sum`, labels)) / sum(only(samples, `${name}_count`, labels));

/**
 * A quantile of a histogram, by linear interpolation within its bucket; NaN where nothing was observed.
 * Above the highest bound that is named, it is that bound. Source: Prometheus, histogram_quantile.
 */
export function quantile(share, samples, name, labels) {
  const upTo = new Map(); // how many observations there are up to each bound
  for (const { labels: { le }, value } of only(samples, `${name}_bucket`, labels)) {
    const bound = le === "+Inf" ? Infinity : Number(le);
    upTo.set(bound, (upTo.get(bound) ?? 0) + value);
  }
  const rank = share * upTo.get(Infinity);
  let [lower, below] = [0, 0];
  for (const [bound, count] of [...upTo].sort(([one], [other]) => one - other)) {
    if (count >= rank && count > below) {
      return bound === Infinity ? lower : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return NaN;
}
