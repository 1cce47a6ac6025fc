// What a person brings, by whatever way: chosen, dropped or pasted. A folder or an archive of it is many pictures.

import { element } from "./dom.js";

const ARCHIVES = ["application/zip", "application/x-zip-compressed"];

export const isArchive = ({ type, name }) => ARCHIVES.includes(type) || /\.zip$/i.test(name);

/** `take(files, {folders, pasted})` is called with whatever is brought from now on. */
export function onBrought(take) {
  for (const id of ["file", "camera"]) element(id).addEventListener("change", ({ target }) => {
    take([...target.files]);
    target.value = ""; // so that the same file can be chosen again
  });
  for (const kind of ["dragover", "dragleave"]) addEventListener(kind, onDrag);
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const { files, folders } = dropped(event.dataTransfer);
    take(files, { folders });
  });
  addEventListener("paste", ({ clipboardData }) => take([...clipboardData.files], { pasted: true }));
}

function onDrag(event) {
  event.preventDefault();
  document.body.classList.toggle("dropping", event.type === "dragover");
}

// It must be asked while the event is handled: the browser forgets them then.
function dropped({ items }) {
  const [files, folders] = [[], []];
  for (const item of [...items].filter(({ kind }) => kind === "file")) {
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) folders.push(entry);
    else files.push(item.getAsFile());
  }
  return { files, folders };
}
