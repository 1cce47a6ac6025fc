// One intake for drawings and pictures, and three ways to read them. Nothing here is built or fetched from elsewhere.

import * as after from "./after.js";
import { persistently, sleep } from "./api.js";
import * as busy from "./busy.js";
import { openCard } from "./card.js";
import { showCode } from "./code.js";
import * as digit from "./digit.js";
import { drawSmall, element } from "./dom.js";
import * as history from "./history.js";
import { isArchive, onBrought } from "./intake.js";
import * as number from "./number.js";
import { Paper } from "./paper.js";
import { showTiming } from "./timing.js";
import * as views from "./views.js";

const PACE = 80; // ms that a service rests between questions, where an answer takes it longer than that
const LARGEST = 1600; // pixels of a photo's longer side on the screen
const NARROWEST = 0.75; // width by height of the stage, for a photo
const MODES = {
  digit: {
    view: digit,
    ratio: 1, // of the paper
    title: "Write a digit",
    lead: "Draw it, or drop, paste or choose a picture. It is read as you go.",
    hint: "0 to 9, as you would write it",
  },
  number: {
    view: number,
    ratio: 2,
    title: "Write a number",
    lead: "Draw it, or drop, paste or choose a photo of one or of several.",
    hint: "As many digits as fit, in one row",
  },
  many: {
    title: "Read a whole pile",
    lead: "Many pictures at once, digits or numbers; the answers come as a table too.",
  },
};

const paper = new Paper(element("paper"), onDrawn);
let mode = "digit";
let picture = null; // {body, type, name, size}: what is read instead of the paper
let brought = 0; // counts what was brought or put away, so that a picture that is decoded too late is let go
let model = null; // that answered last
let asked = false; // something is there that has not been asked about
let asking = false; // a question is out
let mayHurry = true; // until the service has once been asked too much
let control = new AbortController(); // of that question

// Asking: one question at a time, always about what is there now

function ask() {
  if (!MODES[mode].view) return; // a pile asks for itself
  asked = true;
  if (!asking) askOn();
}

async function askOn() {
  asking = true;
  while (asked) {
    asked = false;
    const began = performance.now();
    if (picture || paper.isWritten) await question(control.signal);
    if (!mayHurry || performance.now() - began > PACE) await sleep(PACE);
  }
  asking = false;
}

async function question(signal) {
  const { view } = MODES[mode];
  let about;
  try {
    const answering = persistently(() => view.ask((about = subject()), signal), signal, tellWaiting);
    const answer = await busy.shown(answering);
    if (!signal.aborted) showAnswer(view, answer, about);
  } catch (error) {
    if (!signal.aborted && about.settled) showRefusal(view, error); // half a digit may well be none
  }
}

/** What is read: a picture, or the drawing; null where there is neither. */
function subject() {
  if (picture) return { ...picture, settled: true };
  if (!paper.isWritten) return null;
  const settled = !paper.isDrawing;
  const strokes = settled ? paper.strokes : null;
  return { body: paper.toPng(), type: "image/png", name: null, size: paper.size, strokes, settled };
}

/** Forget the question that is out, and its answer. */
function drop() {
  control.abort();
  control = new AbortController();
  asked = false;
}

// Showing

function showAnswer(view, answer, about) {
  tell("");
  model = answer.model;
  element("how").hidden = false;
  view.show(answer, about);
  showTiming(answer.timing);
  if (!about.settled) return;
  const sentence = view.sentence(answer);
  element("said").textContent = sentence;
  showCode(about, mode);
  after.show({ about, mode, answer, text: view.text(answer), sentence });
}

function showRefusal(view, error) {
  view.showNothing();
  after.hide();
  element("how").hidden = true;
  const isSaid = view.showRefused(error);
  tell(isSaid ? "" : error.message);
  if (isSaid) element("said").textContent = error.message;
}

function showNothing() {
  MODES[mode].view?.showNothing();
  after.hide();
  element("how").hidden = true;
  element("said").textContent = "";
  tell("");
}

function tell(sentence) {
  element("problem").textContent = sentence;
  element("problem").hidden = !sentence;
}

function tellWaiting(error) {
  mayHurry = false;
  tell(`${error.message} Trying again…`);
}

function showStage() {
  const isEmpty = paper.isBlank && !picture;
  const isUnseen = picture && !picture.size;
  element("hint").textContent = isUnseen ? "This browser cannot show the picture." : (MODES[mode].hint ?? "");
  element("hint").hidden = !isEmpty && !isUnseen;
  element("clear").disabled = isEmpty;
  element("undo").disabled = !paper.canUndo || Boolean(picture);
  element("paper").hidden = Boolean(picture);
  element("photo").hidden = !picture?.size;
  element("over").hidden = true;
  element("stage").style.setProperty("--ratio", picture?.size ? ratioOf(picture.size) : MODES[mode].ratio);
}

const ratioOf = ({ width, height }) => Math.max(NARROWEST, width / height);

// Taking in

function onDrawn() {
  showStage();
  if (paper.isWritten) return ask();
  drop();
  showNothing();
}

function clear() {
  brought += 1;
  picture = null;
  paper.clear();
  keepFocus(element("paper"));
}

function undo() {
  if (element("undo").disabled) return;
  paper.undo();
  keepFocus(element("paper"));
}

/** `name` is the file's on disk; null for what was pasted and is on none. Gives whether nothing else came meanwhile. */
async function takePicture(file, name) {
  drop();
  const place = ++brought;
  const bitmap = await createImageBitmap(file).catch(() => null); // upright by EXIF
  if (place !== brought) {
    bitmap?.close();
    return false;
  }
  picture = { body: file, type: file.type, name, size: bitmap && { width: bitmap.width, height: bitmap.height } };
  if (bitmap) showPhoto(bitmap, name);
  showStage();
  showNothing();
  ask();
  return true;
}

/** Put what was read before on the paper again. */
async function reopen(entry) {
  setMode(entry.mode);
  if (entry.strokes) {
    drop();
    showNothing();
    brought += 1;
    picture = null;
    paper.strokes = entry.strokes;
  } else if (!(await takePicture(entry.picture, entry.name))) return;
  after.resume(entry);
  scrollTo({ top: 0 });
}

/** Who draws on a picture is told why nothing comes of it. */
function onStage() {
  element("over").hidden = !picture;
}

function showPhoto(bitmap, name) {
  element("photo").setAttribute("aria-label", name ?? "Picture");
  drawSmall(element("photo"), bitmap, LARGEST);
  bitmap.close();
}

function take(files, { folders = [], pasted = false } = {}) {
  if (!files.length && !folders.length) return;
  if (views.named()) location.hash = ""; // what a picture says is seen on the page of pictures
  const isOne = files.length === 1 && !folders.length && !isArchive(files[0]);
  if (mode !== "many" && isOne) return takePicture(files[0], pasted ? null : files[0].name);
  const wanted = mode === "many" ? null : mode;
  setMode("many");
  openMany().then((many) => many?.add({ files, folders }, wanted));
}

function setMode(chosen) {
  if (chosen === mode) return;
  drop();
  showNothing();
  mode = document.body.dataset.mode = chosen;
  const choice = document.querySelector(`[name=mode][value=${mode}]`);
  choice.checked = true;
  keepFocus(choice);
  element("title").textContent = MODES[mode].title;
  element("lead").textContent = MODES[mode].lead;
  if (mode === "many") return openMany();
  paper.ratio = MODES[mode].ratio;
  showStage();
  showNothing();
  ask();
}

// A button that has just gone takes the keyboard's place on the page with it.
function keepFocus(elsewhere) {
  const { activeElement } = document;
  if (activeElement === document.body || activeElement.disabled || !activeElement.checkVisibility()) elsewhere.focus();
}

function onKey(event) {
  if (document.querySelector("dialog[open]") || mode === "many" || views.named()) return;
  if (event.target.matches("[type=text]")) return; // where both keys are the field's
  if (event.key === "Escape") clear();
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
}

const unreachable = () => tell("The service cannot be reached.");

// The view of many pictures is fetched when it is first wanted.
const openMany = () => import("./many/view.js").catch(unreachable);

// The camera, too. Phones that lend the page none have an app of their own for it.
async function photograph() {
  const camera = await import("./camera.js").catch(unreachable);
  await camera?.openCamera(mode, (photo) => takePicture(photo, null));
}

const oneDigit = () => (mode === "digit" ? subject() : null);
const onAddress = () => views.follow({ subject: oneDigit, unreachable });

onBrought(take);
addEventListener("keydown", onKey);
addEventListener("hashchange", onAddress);
element("modes").addEventListener("change", ({ target }) => setMode(target.value));
element("as-number").addEventListener("click", () => setMode("number"));
element("stage").addEventListener("pointerdown", onStage);
element("draw-instead").addEventListener("click", clear);
element("clear").addEventListener("click", clear);
element("undo").addEventListener("click", undo);
element("about").addEventListener("click", () => openCard(model).catch((error) => tell(error.message)));
element("photograph").addEventListener("click", photograph);
element("photograph").hidden = !navigator.mediaDevices && matchMedia("(pointer: coarse)").matches;
document.querySelector(".camera").hidden = !element("photograph").hidden;
digit.onWhy(ask);
paper.ratio = MODES[mode].ratio;
showStage();
history.begin(reopen, tell);
onAddress();
