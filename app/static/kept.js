// Pictures that were read, kept in this browser and nowhere else: the last hundred, and those that a person has
// labelled. Where the browser keeps nothing for the page, they last until it is left.

const MOST_READ = 100, MOST_LABELLED = 1000; // pictures
const MOST_BYTES = 64 * 1024 * 1024; // of all
const LONGEST = 1024, HEAVIEST = 256 * 1024; // pixels of the longer side and bytes of one; a larger one is made smaller
const STORE = "pictures";

const database = open(); // or null
let entries = []; // {id, mode, picture, size, strokes, name, read, label, ...}, the oldest first

/** All that is kept, the oldest first. */
export async function all() {
  return entries;
}

/** Keep an entry, in place of the one with its id; one without an id gets one. The oldest go where it is too much. */
export async function keep(entry) {
  entry.id ??= Math.max(Date.now(), (entries.at(-1)?.id ?? 0) + 1);
  const wanted = [...entries.filter(({ id }) => id !== entry.id), entry].sort((one, other) => one.id - other.id);
  const gone = tooMany(wanted);
  entries = wanted.filter((each) => !gone.includes(each));
  await change((store) => {
    store.put(entry);
    for (const { id } of gone) store.delete(id);
  });
}

export async function forgetAll() {
  entries = [];
  await change((store) => store.clear());
}

/** `{picture, size, scale}`: a picture as it is kept, how large it is and how much smaller than it came; null if it is
 * too large and the browser cannot show it. */
export async function small(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null); // upright by EXIF
  if (!bitmap) return blob.size <= HEAVIEST ? { picture: blob, size: null, scale: 1 } : null;
  const { width, height } = bitmap;
  if (blob.size <= HEAVIEST) {
    bitmap.close();
    return { picture: blob, size: { width, height }, scale: 1 };
  }
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.ceil(width * scale),
    height: Math.ceil(height * scale),
  });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  return { picture, size: { width: canvas.width, height: canvas.height }, scale };
}

function tooMany(wanted) {
  const [labelled, read] = [wanted.filter(({ label }) => label), wanted.filter(({ label }) => !label)];
  const gone = [...labelled.slice(0, -MOST_LABELLED), ...read.slice(0, -MOST_READ)];
  const left = [...read, ...labelled].filter((entry) => !gone.includes(entry)); // what a person has labelled goes last
  let bytes = left.reduce((sum, { picture }) => sum + picture.size, 0);
  for (const entry of left) {
    if (bytes <= MOST_BYTES) break;
    bytes -= entry.picture.size;
    gone.push(entry);
  }
  return gone;
}

function open() {
  return new Promise((opened) => {
    try {
      const request = indexedDB.open("digitserve", 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      request.onsuccess = () => opened(request.result);
      request.onerror = request.onblocked = () => opened(null);
    } catch {
      opened(null);
    }
  });
}

// Until it is written: what is not yet is lost where the page is left.
async function change(how) {
  const opened = await database;
  await new Promise((done) => {
    try {
      const transaction = opened.transaction(STORE, "readwrite");
      transaction.oncomplete = transaction.onabort = done;
      how(transaction.objectStore(STORE));
    } catch {
      done(); // no database, or one that was closed: it lasts until the page is left
    }
  });
}

/** Read what was kept before; once, before anything else is kept. */
export async function load() {
  const opened = await database;
  if (!opened) return;
  await new Promise((done) => {
    const request = opened.transaction(STORE).objectStore(STORE).getAll();
    request.onsuccess = () => {
      entries = [...request.result, ...entries];
      done();
    };
    request.onerror = done;
  });
}
