// What a person brings: which of it is a folder or an archive, and so many pictures.

const ARCHIVES = ["application/zip", "application/x-zip-compressed"];

export const isArchive = ({ type, name }) => ARCHIVES.includes(type) || /\.zip$/i.test(name);

/** The files and folders of a drop. It must be asked while the event is handled: the browser forgets them then. */
export function dropped({ items }) {
  const [files, folders] = [[], []];
  for (const item of [...items].filter(({ kind }) => kind === "file")) {
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) folders.push(entry);
    else files.push(item.getAsFile());
  }
  return { files, folders };
}
