// The service as its operator sees it: figures out of /metrics, each with its last two minutes as a line.
// It is fetched when it is first opened, and asks nothing while it or the tab is not seen.

import { metrics, Refusal } from "./api.js";
import { element, loadStyle, make } from "./dom.js";
import { reconsider } from "./key.js";
import { Line } from "./line.js";
import { growth, mean, only, parse, quantile, sum } from "./metrics.js";
import { STAGES } from "./timing.js";

const PACE = 2_000; // ms between two looks
const RECENT = 10_000; // ms that percentiles and means are of: one look's few requests have none worth telling
const OWN = "/metrics"; // the route that these looks take, and Prometheus'
const DECISIONS = ["Accept", "Review", "Reject"];
const MS = 1e3; // in a second
const MB = 1e6; // bytes

const SINGLE = { route: "/v1/predict" };

// What is shown: a title with the unit, what it is of a look, and what to know of it.
const FIGURES = {
  Requests: [
    ["Requests a second", ({ rate, others }) => rate(others), ({ rate, others }) =>
      `${short(rate(answered(others, "4")))} refused, ${short(rate(answered(others, "5")))} failed`],
    ["Single digits, p50, ms", ({ recent }) => MS * quantile(0.5, recent, "digitserve_request_seconds", SINGLE),
      () => SINGLE.route],
    ["Single digits, p99, ms", ({ recent }) => MS * quantile(0.99, recent, "digitserve_request_seconds", SINGLE),
      () => SINGLE.route],
    ["Slowest route, p99, ms", ({ slowest }) => MS * slowest.p99, ({ slowest }) =>
      slowest.route ? `${slowest.route}, p50 ${short(MS * slowest.p50)}` : "none asked"],
  ],
  Models: [
    ["Images waiting", ({ now }) => sum(only(now, "digitserve_queue_images")), () => "for a run"],
    ["Batch size", ({ recent }) => mean(recent, "digitserve_run_images"), () => "images in a run, mean"],
    ["Live models", ({ live }) => live.length, ({ now }) => `on ${providers(now).join(", ")}`],
    ["Known digits read right, %", ({ known }) => (100 * known.right) / known.asked, ({ known }) =>
      known.asked ? [`of ${whole(known.asked)} asked`, ...known.wrong].join("; wrong: ") : "none asked yet"],
  ],
  Workers: [
    ["Event loop late, p99, ms", ({ recent }) => MS * quantile(0.99, recent, "digitserve_event_loop_lag_seconds"),
      () => "over all workers"],
    ["Event loop late, longest, ms", ({ now }) => MS * sum(only(now, "digitserve_event_loop_longest_lag_seconds")),
      () => "since the start"],
    ["Memory, MB", ({ now }) => sum(only(now, "digitserve_worker_memory_bytes")) / MB, () => "resident, of all workers"],
    ["Workers begun", ({ now }) => sum(only(now, "digitserve_worker_starts_total")), () => "replaced ones too"],
  ],
};

const root = element("service");
const figures = []; // each takes a look and shows its own part
const rows = new Map(); // of the table of models
let shown = false;
let watching = null; // while looks are taken
let next = 0; // the timer of the next one
const before = new Map(); // the last look at each instance, by its start: {at, series}
let grown = []; // by what the counters have grown of late: [{at, samples}]

/** The view is seen from now on, or no more. */
export function seen(isSeen) {
  shown = isSeen;
  watchOrNot();
}

// Looking

function watchOrNot() {
  const wanted = shown && document.visibilityState === "visible";
  if (wanted === Boolean(watching)) return;
  clearTimeout(next);
  watching?.abort();
  watching = wanted ? new AbortController() : null;
  if (wanted) look(watching.signal);
}

async function look(signal) {
  let pause = PACE;
  try {
    const series = parse(await metrics(signal));
    if (signal.aborted) return;
    show(performance.now(), series);
    tell(before.size > 1 ? `Live. ${before.size} instances answer in turn, each for itself.` : "Live.");
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    before.clear(); // what answers next may have begun anew
    pause = error.passing ? Math.max(PACE, MS * error.wait) : Infinity;
    tell(error.passing ? `${error.message} Looking again…` : error.message, { stale: true, ended: !error.passing });
  }
  if (pause < Infinity) next = setTimeout(look, pause, signal);
}

function lookAgain() {
  reconsider();
  element("service-title").focus(); // the button goes
  tell("Looking…");
  look(watching.signal);
}

// Written where it differs alone, so that a screen reader says it once.
function tell(sentence, { stale = false, ended = false } = {}) {
  const place = element("service-state");
  if (place.textContent !== sentence) place.textContent = sentence;
  root.toggleAttribute("data-stale", stale);
  element("look-again").hidden = !ended;
}

// Showing

function show(at, series) {
  for (const [instance, one] of before) if (at - one.at > RECENT) before.delete(instance); // of another time
  const now = [...series.values()];
  const began = sum(only(now, "digitserve_start_time_seconds")); // behind a balancer the next look is at another one
  const last = before.get(began);
  before.set(began, { at, series });
  grown.push({ at, samples: last ? growth(last.series, series) : [] });
  grown = grown.filter((one) => at - one.at < RECENT);
  const told = tidings(now, last ? (at - last.at) / MS : NaN);
  makeRows(told);
  for (const figure of figures) figure(at, told);
}

/** What the figures are made of; `seconds` since the last look at the same instance. */
function tidings(now, seconds) {
  const last = grown.at(-1)?.samples ?? [];
  const recent = grown.flatMap(({ samples }) => samples);
  return {
    now,
    recent,
    images: only(last, "digitserve_images_total"),
    others: only(last, "digitserve_requests_total").filter(({ labels }) => labels.route !== OWN),
    rate: (samples) => sum(samples) / seconds,
    slowest: slowest(recent),
    live: only(now, "digitserve_model_info").map(labelOf),
    known: known(only(now, "digitserve_golden_digits_total")),
  };
}

const answered = (requests, status) => requests.filter(({ labels }) => labels.status.startsWith(status));
const labelOf = ({ labels: { model, version } }) => `${model}/${version}`;

function slowest(recent) {
  const name = "digitserve_request_seconds";
  const routes = new Set(only(recent, `${name}_count`).map(({ labels }) => labels.route));
  routes.delete(OWN);
  const times = [...routes].map((route) => ({
    route, p50: quantile(0.5, recent, name, { route }), p99: quantile(0.99, recent, name, { route }),
  }));
  const asked = times.filter(({ p99 }) => !Number.isNaN(p99));
  return asked.sort((one, other) => other.p99 - one.p99)[0] ?? { p50: NaN, p99: NaN };
}

function known(asked) {
  const wrong = only(asked, "digitserve_golden_digits_total", { outcome: "wrong" }).filter(({ value }) => value);
  const of = wrong.map((sample) => `${labelOf(sample)} (${whole(sample.value)})`);
  return { asked: sum(asked), right: sum(asked) - sum(wrong), wrong: of.length ? [of.join(", ")] : [] };
}

const providers = (now) => [...new Set(
  only(now, "digitserve_model_info").map(({ labels }) => labels.provider.replace("ExecutionProvider", "")),
)];

const whole = (value) => value.toLocaleString("en", { maximumFractionDigits: 0 });

// Three digits that count, and all of what is whole.
function short(value) {
  if (Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return whole(value);
  const fraction = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

// Building

let building = null;

/** Make the view, once. */
export const build = () => (building ??= construct());

async function construct() {
  root.replaceChildren(
    make("h1", { id: "service-title", tabindex: "-1" }, "Service"),
    make("p", { class: "lead" },
      "What /metrics says, looked at every two seconds. " +
      "Rates are of the last two seconds, times and sizes of the last ten; each line is the last two minutes."),
    make("div", { class: "state" },
      make("p", { id: "service-state", role: "status" }, "Looking…"),
      make("button", { id: "look-again", type: "button", hidden: "" }, "Look again"),
      make("a", { href: "#" }, "Back to the paper")),
    group("Requests"),
    stages(),
    group("Models"),
    models(),
    group("Workers"),
  );
  element("look-again").addEventListener("click", lookAgain);
  document.addEventListener("visibilitychange", watchOrNot);
  await loadStyle("service.css");
}

function group(title) {
  const tile = ([name, of, note]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...figure(of, note)));
  return section(title, make("dl", { class: "tiles-live" }, ...FIGURES[title].map(tile)));
}

function stages() {
  const row = (stage) => {
    const of = ({ recent }) => MS * mean(recent, "digitserve_stage_seconds", { stage });
    return make("div", { "data-stage": stage }, make("dt", {}, stage), make("dd", {}, ...figure(of)));
  };
  return section("Mean time by stage, ms", make("dl", { class: "stages-live" }, ...STAGES.map(row)));
}

function models() {
  const heads = ["Model", ...DECISIONS].map((head) => make("th", { scope: "col" }, head));
  return make("table", { class: "models-live" },
    make("caption", {}, "Images a second, by model and decision"),
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", { id: "models" }));
}

/** A row for each model that is live or has read something. */
function makeRows({ live, now }) {
  const wanted = new Set([...live, ...only(now, "digitserve_images_total").map(labelOf)]);
  const missing = [...wanted].filter((label) => !rows.has(label));
  if (!missing.length) return;
  for (const label of missing) rows.set(label, modelRow(label));
  element("models").replaceChildren(...[...rows].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row));
}

function modelRow(label) {
  const of = (decision) => ({ images, rate }) =>
    rate(images.filter((sample) => labelOf(sample) === label && sample.labels.decision === decision.toLowerCase()));
  const cell = (decision) => make("td", {}, make("div", {}, ...figure(of(decision))));
  return make("tr", {}, make("th", { scope: "row" }, label), ...DECISIONS.map(cell));
}

const section = (title, content) => make("section", {}, make("h2", {}, title), content);

/** The parts of a figure, which from now on follow the looks: its value, its line and its note. */
function figure(of, note) {
  const value = make("span", { class: "value" }, "–");
  const line = new Line();
  const remark = make("span", { class: "note" });
  figures.push((at, told) => {
    const found = of(told);
    value.textContent = short(found);
    value.toggleAttribute("data-none", !found);
    line.add(at, found);
    remark.textContent = note?.(told) ?? "";
  });
  return note ? [value, remark, line.picture] : [value, line.picture];
}
