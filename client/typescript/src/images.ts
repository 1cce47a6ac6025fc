/** What the client takes as an image, and how it is sent. */

/** An encoded picture as bytes, a `Blob` or a `File`; or a frame of 28x28 pixels, 0 paper and 255 ink, a byte each. */
export type Image = Blob | ArrayBuffer | Uint8Array;

/** A request's body. */
export interface Body {
  content: Blob | FormData;
  /** Undefined where the content says it itself. */
  type: string | undefined;
}

const FRAME_BYTES = 28 * 28;
const RAW = "application/octet-stream";
const BEGINNINGS: [type: string, at: number, bytes: string][] = [
  ["image/png", 0, "\x89PNG"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II*\0"],
  ["image/tiff", 0, "MM\0*"],
];

/** One image. Throws TypeError for bytes that are no picture that the service reads. */
export async function one(image: Image): Promise<Body> {
  const content = blob(image);
  return { content, type: content.type || (await typeOf(content)) };
}

/** Many: frames one after the other as they are, all else as a form. */
export async function many(images: readonly Image[]): Promise<Body> {
  const blobs = images.map(blob);
  if (blobs.every((each) => each.size === FRAME_BYTES && !each.type)) {
    return { content: new Blob(blobs), type: RAW };
  }
  const form = new FormData();
  for (const [place, each] of blobs.entries()) {
    form.append("files", each, images[place] instanceof File ? images[place].name : `${place}`);
  }
  return { content: form, type: undefined };
}

function blob(image: Image): Blob {
  return image instanceof Blob ? image : new Blob([image as BlobPart]);
}

async function typeOf(content: Blob): Promise<string> {
  if (content.size === FRAME_BYTES) {
    return RAW;
  }
  const begin = String.fromCharCode(...new Uint8Array(await content.slice(0, 12).arrayBuffer()));
  const found = BEGINNINGS.find(([, at, bytes]) => begin.startsWith(bytes, at));
  if (found === undefined) {
    const kinds = "a PNG, JPEG, WebP, BMP, GIF or TIFF picture, or a frame of 28x28 bytes";
    throw new TypeError(`expected ${kinds}; ${content.size} bytes that are neither came. Give a Blob with its type`);
  }
  return found[0];
}
