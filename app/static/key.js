// The API key of a service that wants one: asked for once, and kept as long as the tab is open.

import { element } from "./dom.js";

const KEPT = "digitserve-key";
let key = stored();
let asking = null; // the answer to a question that is open
let declined = false;

export const keyHeader = () => (key ? { Authorization: `Bearer ${key}` } : {});

/** Ask for a key; whether one was given. A person who gave none is not asked again. */
export function askForKey() {
  if (declined) return false;
  asking ??= new Promise((answered) => {
    const [dialog, field] = [element("key-dialog"), element("key")];
    element("key-why").textContent = key ? "That key does not open it." : "The service wants one.";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      declined = dialog.returnValue !== "given" || !field.value;
      if (!declined) keep(field.value);
      field.value = "";
      answered(!declined);
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/** The person wants to be asked again. */
export function reconsider() {
  declined = false;
}

// A browser that keeps nothing for the page throws; then the key lasts until the page is left.
function keep(given) {
  key = given;
  try {
    sessionStorage.setItem(KEPT, given);
  } catch {}
}

function stored() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
