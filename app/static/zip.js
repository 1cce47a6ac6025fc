// A ZIP archive of files that are stored as they are: pictures are packed already.
// Source: PKWARE, APPNOTE.TXT 6.3.9, sections 4.3.7, 4.3.12 and 4.3.16.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});
const UTF_8 = 0x800; // the flag that says so of names
const MIDNIGHT_1980 = 0x00210000; // the archive's earliest time: what is read from a file does not change with the hour

/** `files` are `{name, content: Uint8Array}`, fewer than 65,536 of them and less than 4 GiB together. */
export function zip(files) {
  const parts = [], directory = [];
  let offset = 0;
  for (const { name, content } of files) {
    const named = new TextEncoder().encode(name);
    const shared = [[2, 20], [2, UTF_8], [2, 0], [4, MIDNIGHT_1980], [4, crc(content)], [4, content.length],
      [4, content.length], [2, named.length], [2, 0]];
    parts.push(fields([[4, 0x04034b50], ...shared]), named, content);
    directory.push(fields([[4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), named);
    offset += 30 + named.length + content.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = fields([[4, 0x06054b50], [4, 0], [2, files.length], [2, files.length], [4, length], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function crc(content) {
  let rest = 0xffffffff;
  for (const byte of content) rest = TABLE[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return ~rest >>> 0;
}

// Numbers of so many bytes, the lowest first.
function fields(sizes) {
  return Uint8Array.from(sizes.flatMap(([size, value]) => Array.from({ length: size }, (_, at) => (value >>> (8 * at)) & 0xff)));
}
