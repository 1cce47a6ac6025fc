// The same question from a program, with the picture that is on the page.

import { copied } from "./clipboard.js";
import { element, make } from "./dom.js";

const SHORT = 64 * 1024; // bytes of a picture that is written into the example itself
const PATHS = { digit: "v1/predict", number: "v1/read" };
const CALLS = {
  digit: [
    "    prediction = client.predict(image)\n",
    "    print(prediction.digit, prediction.confidence, prediction.decision)\n",
  ],
  number: [
    "    for number in client.read(image):\n",
    "        print(number.text, number.confidence, number.box)\n",
  ],
};
const RESULTS = {
  digit: 'response.json()["digit"]',
  number: '[number["text"] for number in response.json()["numbers"]]',
};
const language = () => document.querySelector("[name=language]:checked").value;

let shown = null; // the picture and the mode

/** A picture that has no name is no file that a program could open, so it is written into the example. */
export async function showCode(subject, mode) {
  shown = await written(subject, mode);
  write();
}

/** The question as a command line for curl. */
export async function asCurl(subject, mode) {
  const parts = EXAMPLES.curl(await written(subject, mode), addressOf(mode));
  return parts.map((part) => part.textContent ?? part).join("");
}

async function written(subject, mode) {
  const bytes = subject.name ? null : new Uint8Array(await new Blob([subject.body]).arrayBuffer());
  const inline = bytes && bytes.length <= SHORT ? toBase64(bytes) : null;
  return { inline, mode, type: subject.type || "image/png", name: subject.name ?? "picture.png" };
}

const addressOf = (mode) => new URL(PATHS[mode], location).href;

function write() {
  if (!shown) return;
  element("example").replaceChildren(...EXAMPLES[language()](shown, addressOf(shown.mode)));
}

const EXAMPLES = {
  curl: ({ inline, type, name }, url) => [
    ...(inline ? ["echo '", long(inline), "' | base64 -d |\n"] : []),
    `curl --data-binary ${inline ? "@-" : quoted(`@${name}`)} -H 'Content-Type: ${type}' \\\n  ${quoted(url)}\n`,
  ],
  client: ({ inline, mode, name }) => [
    ...(inline ? ["import base64\n\n"] : []),
    "from digitserve_client import Client\n\n",
    ...image(inline, inline ? "" : JSON.stringify(name)),
    `with Client(${JSON.stringify(new URL(".", location).href.replace(/\/$/, ""))}) as client:\n`,
    ...CALLS[mode],
  ],
  httpx: ({ inline, mode, type, name }, url) => [
    inline ? "import base64\n\n" : "from pathlib import Path\n\n",
    "import httpx\n\n",
    ...image(inline, `Path(${JSON.stringify(name)}).read_bytes()`),
    `response = httpx.post(${JSON.stringify(url)}, content=image, headers={"Content-Type": ${JSON.stringify(type)}})\n`,
    "response.raise_for_status()\n",
    `print(${RESULTS[mode]})\n`,
  ],
};

const image = (inline, otherwise) =>
  inline ? ['image = base64.b64decode("', long(inline), '")\n'] : [`image = ${otherwise}\n`];

// Whole in what is copied; only its beginning is shown.
const long = (text) => make("span", { class: "long" }, text);

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

async function copy() {
  const example = element("example");
  const done = await copied(example.textContent);
  if (!done) getSelection().selectAllChildren(example);
  element("copy").textContent = done ? "Copied" : "Selected: now copy it";
  setTimeout(() => (element("copy").textContent = "Copy"), 2000);
}

for (const choice of document.querySelectorAll("[name=language]")) choice.addEventListener("change", write);
element("copy").addEventListener("click", copy);
