// What the service refuses, in words for people: its own are for those who write programs.

const SENTENCES = {
  undecodable: "This is no picture, or a broken one. Choose another.",
  unsupported_media_type: "This is no picture of a kind that is read here. Choose a PNG or a JPEG.",
  no_ink: "Nothing stands out from the paper. Draw darker, or choose another picture.",
  too_much_work: "There is too much in this picture to read it in time. Choose a plainer or smaller one.",
  not_shown: "The layers of this model cannot be shown: it is too large, or has been changed since.",
  body_too_large: "This is too large. Choose a smaller picture, or fewer at a time.",
  image_too_large: "This picture is too large. Choose a smaller one.",
  key_required: "The service wants a key.",
  key_lacks_right: "The key does not open this.",
  queue_full: "The service is busy.",
  rate_exceeded: "The service takes no more from here just now.",
  deadline_exceeded: "The service did not answer in time.",
  unavailable: "The service cannot answer now.",
  draining: "The service is about to stop.",
  too_many_connections: "The service is busy.",
};

/** A sentence for a problem of the service, `{code, detail}`; "" where it gives no reason. */
export function sentenceOf({ code, detail }) {
  return SENTENCES[code] ?? (detail ? sentence(detail) : "");
}

const sentence = (detail) => detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
