// Strokes on paper; after each one the service is asked, and its answer shown. Nothing here is built or fetched from elsewhere.

const SIDE = 280; // pixels of the PNG that is sent
const PEN = 0.075; // width of the pen as a share of the paper: near MNIST's when the digit fills most of it
const PAUSE = 100; // ms after a stroke before asking, so that both strokes of a quick 4 make one question
const PATIENCE = 10_000; // ms until a question is given up
const VERDICTS = {
  accept: "Accept: clear enough to use as it is.",
  review: "Review: a person should look at it.",
  reject: "Reject: not like the digits it knows.",
};

const element = (id) => document.getElementById(id);
const paper = element("paper");
const bars = Array.from({ length: 10 }, (_, digit) => newBar(digit));

let strokes = []; // lists of points, x and y in 0..1 of the paper
let pointer = null; // the one mouse, pen or finger that is drawing
let question = 0; // the newest question's number: whatever answers an older one is discarded
let timer;

// Drawing

function startStroke(event) {
  if (pointer !== null || event.button !== 0) return;
  clearTimeout(timer);
  pointer = event.pointerId;
  paper.setPointerCapture(pointer);
  strokes.push([pointAt(event)]);
  redraw();
}

function growStroke(event) {
  if (event.pointerId !== pointer) return;
  const events = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(events.length ? events : [event]).map(pointAt));
  redraw();
}

function endStroke(event) {
  if (event.pointerId !== pointer) return;
  pointer = null;
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

function clear() {
  clearTimeout(timer);
  question += 1;
  pointer = null;
  strokes = [];
  redraw();
  showNothing();
  showProblem("");
}

function pointAt(event) {
  const { left, top, width, height } = paper.getBoundingClientRect();
  return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
}

function redraw() {
  const context = paper.getContext("2d");
  context.clearRect(0, 0, paper.width, paper.height);
  drawStrokes(context, paper.width, getComputedStyle(paper).color);
  element("hint").hidden = strokes.length > 0;
}

function drawStrokes(context, side, colour) {
  context.strokeStyle = colour;
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    trace(context, stroke.map(({ x, y }) => ({ x: x * side, y: y * side })));
    context.stroke();
  }
}

// Through the middle of each pair of points, so that a fast hand leaves curves and not corners.
function trace(context, points) {
  let last = points[0];
  context.moveTo(last.x, last.y);
  for (const next of points.slice(1)) {
    context.quadraticCurveTo(last.x, last.y, (last.x + next.x) / 2, (last.y + next.y) / 2);
    last = next;
  }
  context.lineTo(last.x, last.y);
}

function fitToScreen() {
  paper.width = paper.height = Math.round(paper.clientWidth * devicePixelRatio);
  redraw();
}

// Asking

async function ask() {
  const number = ++question;
  const [answer, problem] = await predict(toPng()).then((it) => [it, ""], (error) => [null, error.message]);
  if (number !== question) return;
  showProblem(problem);
  if (answer) showAnswer(answer);
  else showNothing();
}

// Black on white whatever the screen's colours and density are, so that one drawing always gets one answer.
// By toDataURL: toBlob waits for an idle moment of the browser, up to a second of it.
function toPng() {
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = SIDE;
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, SIDE, SIDE);
  drawStrokes(context, SIDE, "black");
  return fromBase64(sheet.toDataURL("image/png").split(",")[1]);
}

async function predict(image) {
  const response = await post(image);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `The service answered ${response.status} and did not say why.`);
  const milliseconds = totalTime(response.headers.get("Server-Timing") ?? "");
  return { ...body, milliseconds, seen: body.seen && (await fromPng(body.seen)) };
}

function post(image) {
  return fetch("v1/predict?include=seen", {
    method: "POST",
    headers: { "Content-Type": "image/png" },
    body: image,
    signal: AbortSignal.timeout(PATIENCE),
  }).catch((error) => {
    const what = error.name === "TimeoutError" ? "did not answer in time" : "cannot be reached";
    throw new Error(`The service ${what}. The next stroke will ask again.`);
  });
}

// Decoded by hand and not as a data: address, so that the page needs no exception in its content security policy.
function fromPng(base64) {
  return createImageBitmap(new Blob([fromBase64(base64)], { type: "image/png" }));
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function totalTime(header) {
  const match = /(?:^|,)\s*total\b[^,]*;\s*dur=([\d.]+)/.exec(header);
  return match && Number(match[1]);
}

// Showing

function showAnswer({ digit, confidence, decision, probabilities, model, input, seen, milliseconds }) {
  element("digit").textContent = digit;
  element("confidence").textContent = `${percent(confidence)} sure`;
  showDecision(decision);
  bars.forEach((bar, each) => showBar(bar, probabilities[each], each === digit));
  showSeen(seen);
  element("steps").textContent = seen ? ["What the model saw", ...(input?.steps ?? [])].join(" · ") : "";
  element("model").textContent = `Model ${model.name}, version ${model.version}`;
  element("timing").textContent = milliseconds ? `· ${milliseconds.toFixed(1)} ms` : "";
}

function showNothing() {
  for (const id of ["digit", "confidence", "steps", "model", "timing"]) element(id).textContent = "";
  showDecision("");
  bars.forEach((bar) => showBar(bar, 0, false));
  showSeen(null);
}

function showSeen(image) {
  element("seen").hidden = !image;
  if (image) element("seen").getContext("2d").drawImage(image, 0, 0, 28, 28);
}

function showDecision(decision) {
  element("decision").dataset.decision = decision;
  element("decision").textContent = VERDICTS[decision] ?? decision;
}

function showProblem(sentence) {
  element("problem").textContent = sentence;
  element("problem").hidden = !sentence;
  element("answer").hidden = Boolean(sentence);
}

function newBar(digit) {
  const bar = document.createElement("li");
  for (const [name, text] of [["label", digit], ["bar", ""], ["share", ""]]) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    bar.append(part);
  }
  element("bars").append(bar);
  return bar;
}

function showBar(bar, probability, top) {
  bar.classList.toggle("top", top);
  bar.style.setProperty("--share", probability);
  bar.querySelector(".share").textContent = probability ? percent(probability) : "";
}

// Rounded down: 100 % is more than any model knows.
const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

paper.addEventListener("pointerdown", startStroke);
paper.addEventListener("pointermove", growStroke);
paper.addEventListener("pointerup", endStroke);
paper.addEventListener("pointercancel", endStroke);
element("clear").addEventListener("click", clear);
document.addEventListener("keydown", (event) => event.key === "Escape" && clear());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", fitToScreen);
fitToScreen();
