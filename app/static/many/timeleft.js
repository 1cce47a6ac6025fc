// How long a pile will take yet, by how fast it was read of late.

const RECENT = 15_000; // ms that the speed is taken from
const LEAST = 2_000; // ms until there is anything to say

/** A function of how many are read, of how many, and whether they are being read -> "about 2 min left", or "". */
export function timeLeft() {
  let samples = []; // [{at, read}]
  return (read, all, isReading) => {
    const at = performance.now();
    if (!isReading || read < samples.at(-1)?.read) samples = [];
    if (!isReading) return "";
    samples = [...samples.filter((sample) => at - sample.at < RECENT), { at, read }];
    const [first] = samples;
    if (at - first.at < LEAST || read === first.read) return "";
    return inWords((((all - read) / (read - first.read)) * (at - first.at)) / 1000);
  };
}

function inWords(seconds) {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}
