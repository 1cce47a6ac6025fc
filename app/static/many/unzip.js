// The files of a ZIP archive, each unpacked when it is opened: so an archive may be larger than the memory.
// Source: PKWARE, APPNOTE.TXT 6.3 (4.3 and 4.5.3).

const END = 0x06054b50, END_64 = 0x06064b50, LOCATOR_64 = 0x07064b50, LISTED = 0x02014b50, LOCAL = 0x04034b50;
const END_SIZE = 22, LOCATOR_SIZE = 20, END_64_SIZE = 56, LISTED_SIZE = 46, LOCAL_SIZE = 30; // bytes
const LONGEST_COMMENT = 0xffff;
const ENCRYPTED = 0x1, STORED = 0, DEFLATED = 8;
const USUAL_EXTRA = 256; // bytes that may follow a file's name
const LARGEST_LIST = 64 * 1024 * 1024; // bytes of the directory
const LARGEST_FILE = 64 * 1024 * 1024; // bytes that one file may unpack to
const ELSEWHERE = 0xffffffff; // the value stands among what ZIP64 adds
const SIZES_64 = 1; // its mark there

const BROKEN = "This is no ZIP archive, or a broken one; pack it anew.";

/** What the archive lists: [{name, size, open}], folders left out. Raises Error with a sentence. */
export async function listed(file) {
  const { start, size, count } = await directory(file);
  if (size > LARGEST_LIST) throw new Error("The archive lists too many files; pack them into several.");
  const list = await view(file, start, size);
  const found = [];
  for (let at = 0, number = 0; number < count; number++) {
    const entry = entryAt(list, at);
    at = entry.end;
    const { name, size: bytes } = entry;
    if (!name.endsWith("/")) found.push({ name, size: bytes, open: () => unpacked(file, entry) });
  }
  return found;
}

async function directory(file) {
  const start = Math.max(0, file.size - END_SIZE - LONGEST_COMMENT);
  const tail = await view(file, start, file.size - start);
  let at = tail.byteLength - END_SIZE;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw new Error(BROKEN);
  const found = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    start: tail.getUint32(at + 16, true),
  };
  const isLong = found.count === 0xffff || found.size === ELSEWHERE || found.start === ELSEWHERE;
  if (!isLong || at < LOCATOR_SIZE || tail.getUint32(at - LOCATOR_SIZE, true) !== LOCATOR_64) return found;
  const end = await view(file, long(tail, at - LOCATOR_SIZE + 8), END_64_SIZE);
  if (end.getUint32(0, true) !== END_64) throw new Error(BROKEN);
  return { count: long(end, 32), size: long(end, 40), start: long(end, 48) };
}

function entryAt(list, at) {
  if (at + LISTED_SIZE > list.byteLength || list.getUint32(at, true) !== LISTED) throw new Error(BROKEN);
  const [nameSize, extraSize, commentSize] = [28, 30, 32].map((place) => list.getUint16(at + place, true));
  const extra = at + LISTED_SIZE + nameSize;
  const end = extra + extraSize + commentSize;
  if (end > list.byteLength) throw new Error(BROKEN);
  const sizes = [24, 20, 42].map((place) => list.getUint32(at + place, true));
  const [size, packed, start] = sizes64(list, extra, extraSize, sizes);
  return {
    name: new TextDecoder().decode(new Uint8Array(list.buffer, at + LISTED_SIZE, nameSize)).replaceAll("\\", "/"),
    isEncrypted: Boolean(list.getUint16(at + 8, true) & ENCRYPTED),
    method: list.getUint16(at + 10, true),
    size,
    packed,
    start,
    nameSize,
    end,
  };
}

/** The values, those that stand elsewhere looked up: they follow one another there, in the same order. */
function sizes64(list, extra, extraSize, values) {
  for (let at = extra; at + 4 <= extra + extraSize; at += 4 + list.getUint16(at + 2, true)) {
    if (list.getUint16(at, true) !== SIZES_64) continue;
    let place = at + 4;
    return values.map((value) => {
      if (value !== ELSEWHERE) return value;
      if (place + 8 > list.byteLength) throw new Error(BROKEN);
      place += 8;
      return long(list, place - 8);
    });
  }
  return values;
}

async function unpacked(file, { isEncrypted, method, size, packed, start, nameSize }) {
  if (isEncrypted) throw new Error("This file of the archive needs a password; pack it without.");
  if (size > LARGEST_FILE) throw new Error(`This file of the archive unpacks to more than ${LARGEST_FILE >> 20} MiB.`);
  if (![STORED, DEFLATED].includes(method)) throw new Error("This file of the archive is packed by a rare method.");
  const longest = LOCAL_SIZE + nameSize + USUAL_EXTRA + packed; // read in one go: each reading takes a millisecond
  const part = await view(file, start, Math.min(longest, file.size - start));
  if (part.byteLength < LOCAL_SIZE || part.getUint32(0, true) !== LOCAL) throw new Error(BROKEN);
  const begin = LOCAL_SIZE + part.getUint16(26, true) + part.getUint16(28, true);
  const isWhole = begin + packed <= part.byteLength;
  const content = isWhole ? new Uint8Array(part.buffer, begin, packed) : await bytes(file, start + begin, packed);
  return new Blob(method === STORED ? [content] : await inflated(content, size));
}

/** No more than `size` bytes are made of it, whatever it holds. */
async function inflated(content, size) {
  const parts = [];
  let made = 0;
  try {
    const stream = new DecompressionStream("deflate-raw");
    const [writer, reader] = [stream.writable.getWriter(), stream.readable.getReader()];
    const written = writer.write(content).then(() => writer.close());
    written.catch(() => {}); // the reader hears of it, too
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      parts.push(value);
      made += value.length;
      if (made > size) await reader.cancel();
    }
  } catch {
    made = -1;
  }
  if (made !== size) throw new Error("This file of the archive is broken; pack it anew.");
  return parts;
}

async function bytes(file, start, size) {
  const read = await file.slice(start, start + size).arrayBuffer();
  if (read.byteLength < size) throw new Error(BROKEN);
  return new Uint8Array(read);
}

async function view(file, start, size) {
  return new DataView((await bytes(file, start, size)).buffer);
}

const long = (list, at) => Number(list.getBigUint64(at, true));
