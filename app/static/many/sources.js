// Files, folders and archives -> pictures: {name, size, open}, each opened only when it is its turn.

import { isArchive } from "../intake.js";
import { listed } from "./unzip.js";

const LITTER = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/i;
const PICTURES = /^(image\/|application\/pdf$|$)/; // of what type there is none, the service finds out
const OTHERS = /\.(txt|csv|json|md|html?|xml|ya?ml|py|js|zip|gz|docx?|xlsx?|mp[34]|mov)$/i;
const AT_A_TIME = 500;
const inOrder = new Intl.Collator("en", { numeric: true }).compare; // 2.png before 10.png

/** Lists of pictures as they are found. `leftOut` is told of each file of a folder or archive that is no picture. */
export async function* pictures({ files, folders }, leftOut) {
  let found = [];
  for await (const picture of each(files, folders, leftOut)) {
    found.push(picture);
    if (found.length < AT_A_TIME) continue;
    yield found;
    found = [];
  }
  if (found.length) yield found;
}

async function* each(files, folders, leftOut) {
  for (const file of sorted(files)) {
    const path = pathOf(file);
    const isOfFolder = Boolean(file.webkitRelativePath);
    if (!isOfFolder || isWanted(path, file, leftOut)) yield* ofFile(file, path, leftOut);
  }
  for (const folder of folders) yield* ofFolder(folder, leftOut);
}

async function* ofFile(file, path, leftOut) {
  if (!isArchive(file)) {
    yield { name: path, size: file.size, version: file.lastModified, open: () => opened(file) };
    return;
  }
  try {
    for (const entry of (await listed(file)).sort((one, other) => inOrder(one.name, other.name))) {
      const name = `${path}/${entry.name}`;
      if (LITTER.test(entry.name)) continue;
      if (OTHERS.test(entry.name)) leftOut();
      else yield { ...entry, name, version: file.lastModified };
    }
  } catch (error) {
    yield broken(path, file.size, error.message);
  }
}

async function* ofFolder(folder, leftOut) {
  let entries;
  try {
    entries = await entriesOf(folder);
  } catch {
    yield broken(pathOf(folder), 0, "This folder cannot be read.");
    return;
  }
  for (const entry of entries.sort((one, other) => inOrder(one.name, other.name))) {
    if (entry.isDirectory) yield* LITTER.test(entry.name) ? [] : ofFolder(entry, leftOut);
    else {
      const file = await new Promise((done, failed) => entry.file(done, failed)).catch(() => null);
      if (!file) yield broken(pathOf(entry), 0, UNREADABLE);
      else if (isWanted(pathOf(entry), file, leftOut)) yield* ofFile(file, pathOf(entry), leftOut);
    }
  }
}

/** All of a folder's: a browser hands out a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (let some; !some || some.length; all.push(...some)) {
    some = await new Promise((done, failed) => reader.readEntries(done, failed));
  }
  return all;
}

function isWanted(path, file, leftOut) {
  if (LITTER.test(path)) return false;
  const wanted = isArchive(file) || (PICTURES.test(file.type) && !OTHERS.test(file.name));
  if (!wanted) leftOut();
  return wanted;
}

const UNREADABLE = "This file cannot be read: it was moved, changed or is not yours to open.";

/** The file, if it can be read: so one that is gone is told from a service that is. Raises Error with a sentence. */
async function opened(file) {
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Error(UNREADABLE);
  });
  return file;
}

const pathOf = ({ fullPath, webkitRelativePath, name }) => fullPath?.replace(/^\//, "") || webkitRelativePath || name;

// A chosen folder comes in no order; files that were chosen one by one come as they were.
function sorted(files) {
  return files[0]?.webkitRelativePath ? files.sort((one, other) => inOrder(pathOf(one), pathOf(other))) : files;
}

// What cannot be opened is in the pile, too: nothing is lost without a word.
const broken = (name, size, sentence) => ({ name, size, open: () => Promise.reject(new Error(sentence)) });
