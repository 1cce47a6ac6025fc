// "Take a photo": a camera with a frame to aim at, for a still, or read live. It is fetched when it is first wanted.
// One question is out at a time, about what is seen when it is asked: frames that come meanwhile are let go.

import { post, Refusal, sleep } from "./api.js";
import { element, loadStyle, make, percent } from "./dom.js";
import { Lens } from "./lens.js";

const FILLED = 0.86; // of the picture's width or height, by the frame to aim at
const STILL = 1600, LIVE = 640; // pixels of the longer side, of what is sent
const STEADY = 3; // answers alike, until one is said aloud
const PAUSE = 1_000; // ms, where the service cannot answer just now
const KINDS = {
  digit: { what: "digit", ratio: 1, path: "v1/predict", parts: ofDigit },
  number: { what: "number", ratio: 2, path: "v1/read", parts: ofNumbers },
};

let kind = KINDS.digit;
let taken = () => {}; // is given the photo
let lens = null;
let chosen = null; // the camera's id, where another one was asked for
let isLive = false;
let control = new AbortController(); // of the live reading
let times = []; // of the last answers, in ms
let alike = { text: "", count: 0 };

/** Open the camera for a digit or a number; `onTaken` gets the photo as a file, once there is one. */
export async function openCamera(mode, onTaken) {
  await built();
  kind = KINDS[mode];
  taken = onTaken;
  element("camera-title").textContent = `Hold the ${kind.what} in the frame`;
  element("camera-dialog").showModal();
  await start();
}

// The camera

async function start() {
  tell("Opening the camera…");
  showUsable(false);
  try {
    if (!(await lens.open(chosen))) return;
  } catch (error) {
    tell(error.message, { failed: true });
    return;
  }
  tell("");
  aim();
  showUsable(true);
  element("other-camera").hidden = (await lens.next()) === null;
  if (isLive) readOn();
}

function stop() {
  control.abort();
  lens.close();
}

/** A camera must not go on where nobody sees that it does. */
function onVisibility() {
  if (!element("camera-dialog").open) return;
  if (document.visibilityState === "visible") start();
  else stop();
}

function lost(error) {
  control.abort();
  showUsable(false);
  tell(error.message, { failed: true });
}

async function turn() {
  control.abort();
  chosen = await lens.next();
  await start();
}

function aim() {
  const { width, height } = lens.size;
  const { style } = element("viewfinder");
  style.setProperty("--shape", width / height);
  const area = aimed();
  for (const [name, part] of [["left", area.left / width], ["top", area.top / height], ["width", area.width / width],
    ["height", area.height / height]]) element("aim").style[name] = `${100 * part}%`;
}

/** What the frame holds, in pixels of the camera's picture. */
function aimed() {
  const { width, height } = lens.size;
  const across = FILLED * Math.min(width, height * kind.ratio);
  const down = across / kind.ratio;
  return { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down };
}

function take() {
  const photo = lens.shoot(aimed(), STILL);
  element("camera-dialog").close();
  taken(photo);
}

// Reading live

function toggleLive() {
  isLive = !isLive;
  element("live").setAttribute("aria-pressed", isLive);
  control.abort();
  showReading([]);
  tell("");
  if (isLive) readOn();
}

async function readOn() {
  control = new AbortController();
  const { signal } = control;
  alike = { text: "", count: 0 };
  times = [];
  while (!signal.aborted) {
    await lens.frame();
    if (!signal.aborted) await read(signal);
  }
}

async function read(signal) {
  const subject = { body: lens.shoot(aimed(), LIVE), type: "image/jpeg" };
  try {
    const answer = await post(kind.path, subject, signal);
    if (!signal.aborted) showAnswer(kind.parts(answer));
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    if (error.code === "no_ink") return showAnswer([]);
    tell(error.message, { failed: true });
    if (!error.passing) return control.abort();
    await sleep(Math.max(PAUSE, 1000 * error.wait), signal);
  }
}

function ofDigit({ digit, confidence, decision }) {
  return decision === "reject" ? [] : [{ text: String(digit), confidence, decision }];
}

function ofNumbers({ numbers }) {
  return numbers
    .filter(({ decision }) => decision !== "reject")
    .map(({ raw, confidence, decision }) => ({ text: raw, confidence, decision }));
}

/** What was read, and how many times a second; aloud once it stands. */
function showAnswer(parts) {
  const now = performance.now();
  times = [...times.filter((time) => now - time < 1000), now];
  showReading(parts);
  element("pace").textContent = `${times.length} a second`;
  const text = parts.map((part) => part.text).join(", ");
  alike = { text, count: text === alike.text ? alike.count + 1 : 1 };
  if (alike.count >= STEADY) tell(text ? `Read as ${text}.` : `No ${kind.what} is seen in the frame.`);
}

function showReading(parts) {
  const part = ({ text, confidence, decision }) =>
    make("span", { "data-decision": decision }, make("b", {}, text), ` ${percent(confidence)}`);
  element("live-reading").replaceChildren(...parts.map(part));
  element("pace").textContent = "";
}

// Built once

let building = null;
const built = () => (building ??= build());

async function build() {
  const video = make("video", { playsinline: "", "aria-label": "What the camera sees" });
  video.muted = true;
  const button = (id, text, pressed) => {
    const made = make("button", { id, type: "button" }, text);
    if (pressed !== undefined) made.setAttribute("aria-pressed", pressed);
    return made;
  };
  const dialog = make("dialog", { id: "camera-dialog", "aria-labelledby": "camera-title" },
    make("h2", { id: "camera-title" }),
    make("div", { id: "viewfinder" }, video, make("div", { id: "aim" }), make("p", { id: "pace" })),
    make("p", { id: "live-reading", "aria-hidden": "true" }),
    make("p", { id: "camera-state", role: "status" }),
    make("div", { class: "tools" },
      button("shoot", "Take the photo"), button("live", "Read live", false), button("other-camera", "Other camera"),
      button("camera-again", "Try again"), button("camera-close", "Close")));
  document.body.append(dialog);
  lens = new Lens(video, lost);
  element("shoot").addEventListener("click", take);
  element("live").addEventListener("click", toggleLive);
  element("other-camera").addEventListener("click", turn);
  element("camera-again").addEventListener("click", start);
  element("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", onClose);
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("resize", () => lens.isOpen && aim()); // a phone that is turned turns its pictures, too
  video.addEventListener("resize", () => lens.isOpen && aim());
  await loadStyle("camera.css");
}

function onClose() {
  stop();
  showReading([]);
  tell("");
}

function showUsable(usable) {
  for (const id of ["viewfinder", "shoot", "live"]) element(id).hidden = !usable;
  element("other-camera").hidden = true;
  if (usable) element("shoot").focus();
}

// Written where it differs alone, so that a screen reader says it once.
function tell(sentence, { failed = false } = {}) {
  const place = element("camera-state");
  if (place.textContent !== sentence) place.textContent = sentence;
  place.toggleAttribute("data-failed", failed);
  element("camera-again").hidden = !(failed && !lens.isOpen);
}
