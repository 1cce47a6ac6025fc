// The few words that every part of the page speaks in.

export const element = (id) => document.getElementById(id);

/** A new element: its attributes, and what is in it. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A stylesheet of this folder, until it is there, or cannot be had. */
export function loadStyle(name) {
  const style = make("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  return new Promise((done) => {
    for (const event of ["load", "error"]) style.addEventListener(event, done);
    document.head.append(style);
  });
}

// Rounded down, and never 100 %: that is more than any model knows.
export const percent = (share) => `${(Math.min(999, Math.floor(share * 1000)) / 10).toFixed(1)} %`;

/** A picture on a canvas that becomes as large as the picture is, up to `longest` pixels a side. */
export function drawSmall(canvas, bitmap, longest) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.ceil(bitmap.width * scale);
  canvas.height = Math.ceil(bitmap.height * scale);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** Put a file where the browser puts what is downloaded. */
export function saved(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
