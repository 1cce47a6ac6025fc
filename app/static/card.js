// The model card: what a version's manifest says of it.

import { modelCard } from "./api.js";
import { element, make, percent } from "./dom.js";

/** Open the card of the model that answered last, or of the one that would answer. Raises Refusal. */
export async function openCard(model) {
  const manifest = await modelCard(model);
  element("card-text").replaceChildren(...sections(manifest).filter(Boolean));
  element("card").showModal();
}

function sections(manifest) {
  const { name, version, metrics, training, intended_use: use, limits, licence } = manifest;
  return [
    make("h2", { id: "card-title" }, `${name}, version ${version}`),
    use && make("p", {}, use),
    limits && make("p", { class: "limits" }, limits),
    metrics && figures(metrics),
    metrics && perClass(metrics),
    metrics && confusion(metrics),
    metrics?.corruptions && corruptions(metrics),
    facts("Where it comes from", {
      Architecture: `${manifest.architecture}, ${count(manifest.parameters)} parameters`,
      Made: manifest.created?.slice(0, 10),
      Training: training && `${training.epochs} epochs, ${count(training.split?.train)} images, seed ${training.seed}`,
      Commit: training?.git_commit,
      "SHA-256": manifest.model_sha256,
      Licence: licence,
    }),
  ];
}

function figures(metrics) {
  const { accuracy, expected_calibration_error: error, accepted, images } = metrics;
  const parts = {
    [`right, of ${count(images)} test images`]: share(accuracy),
    "expected calibration error": share(error),
    "accepted without review": accepted && share(accepted.share),
    "of those right": accepted && share(accepted.precision),
  };
  const figure = ([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  return make("dl", { class: "figures" }, ...known(parts).map(figure));
}

function perClass({ per_class: classes }) {
  const rows = Object.entries(classes).map(([digit, { precision, recall, f1, support }]) => [
    digit, share(precision), share(recall), share(f1), support,
  ]);
  return table("Each digit", ["Digit", "Precision", "Recall", "F1", "Images"], rows);
}

function corruptions({ corruptions: kinds }) {
  const rows = Object.entries(kinds).map(([kind, { accuracy, expected_calibration_error: error }]) => [
    kind, share(accuracy), share(error),
  ]);
  return table("Pictures made worse on purpose", ["How", "Right", "Calibration error"], rows);
}

function confusion({ confusion_matrix: matrix }) {
  const digits = matrix.map((_, digit) => String(digit));
  const rows = matrix.map((row, digit) => [digits[digit], ...row]);
  const made = table("What is taken for what: written by the side, read along the top", ["", ...digits], rows);
  made.classList.add("confusion");
  made.querySelectorAll("tbody td").forEach((cell, place) => {
    const [written, read] = [Math.floor(place / digits.length), place % digits.length];
    if (written !== read && matrix[written][read]) cell.className = "mistake";
    if (!matrix[written][read]) cell.textContent = "";
  });
  return made;
}

function facts(title, parts) {
  const fact = ([name, value]) => [make("dt", {}, name), make("dd", {}, value)];
  return make("div", { class: "facts" }, make("h3", {}, title), make("dl", {}, ...known(parts).flatMap(fact)));
}

function table(caption, heads, rows) {
  const column = (head) => (head ? make("th", { scope: "col" }, head) : make("td"));
  const row = ([head, ...cells]) =>
    make("tr", {}, make("th", { scope: "row" }, head), ...cells.map((cell) => make("td", {}, cell)));
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map(column))),
    make("tbody", {}, ...rows.map(row)),
  );
}

// An older or foreign bundle may say less.
const known = (parts) => Object.entries(parts).filter(([, value]) => value);
const count = (number) => number?.toLocaleString("en");

const share = (value) => `${(100 * value).toFixed(2)} %`;
