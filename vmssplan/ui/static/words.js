// The words and orders that several views share: states, times, images, ids.

/** States of an instance, most urgent first; the page and `--state` use the same words. */
export const STATES = [
  "failed", "unhealthy", "operating", "deallocated", "stopped", "outdated", "current", "protected",
];

/** How an instance stands in a Run, most urgent first. */
export const PHASES = [
  "failed", "unhealthy", "operating", "awaiting", "ready", "pending", "skipped", "current",
];

const PHASE_WORDS = {
  unhealthy: "not in service", awaiting: "awaiting health", pending: "pending",
  current: "was current",
};

export function phaseWord(phase) {
  return PHASE_WORDS[phase] || phase;
}

const natural = new Intl.Collator("en", { numeric: true });

export function byName(one, other) {
  return natural.compare(one, other);
}

export function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Count by a key; a Map in the order of first appearance. */
export function tally(values, key) {
  const counts = new Map();
  for (const value of values) counts.set(key(value), (counts.get(key(value)) || 0) + 1);
  return counts;
}

export function clockText(at, withDay = false) {
  const text = new Date(at).toISOString();
  return withDay ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : text.slice(11, 19);
}

export function spanText(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return `${hours}h${String(minutes).padStart(2, "0")}m`;
  if (minutes) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  return `${seconds}s`;
}

const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/;

/** Return an ISO 8601 duration as people write it, and anything else as it is. */
export function durationText(text) {
  const parts = DURATION.exec(text);
  if (!parts) return text;
  const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part || 0));
  return spanText((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000);
}

/** Return an image as one line, whatever form it has. */
export function imageText(image) {
  if (!image) return "none";
  if (typeof image === "string") return image;
  if (image.publisher) {
    return [image.publisher, image.offer, image.sku, image.version].filter(Boolean).join(":");
  }
  const { type: _type, ...fields } = image;
  return Object.values(fields).filter((value) => typeof value === "string").join(" ");
}

/** Return what tells one image from the next: its version, or the end of its address. */
export function imageTail(image) {
  const text = imageText(image);
  return text.split(/[:/]/).filter(Boolean).at(-1) || text;
}

export function shortDigest(digest) {
  return digest ? digest.replace(/^(sha256:.{12}).*$/, "$1…") : "";
}

/** Return the ids meant by "3, 10-14"; null for a text that means none in particular. */
export function idFilter(text) {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  if (!parts.length) return null;
  const exact = new Set();
  const ranges = [];
  for (const part of parts) {
    const range = /^(\d+)-(\d+)$/.exec(part);
    if (range) ranges.push([Number(range[1]), Number(range[2])]);
    else exact.add(part.toLowerCase());
  }
  return (id) => {
    if (exact.has(id.toLowerCase())) return true;
    const number = /^\d+$/.test(id) ? Number(id) : NaN;
    return ranges.some(([from, to]) => number >= from && number <= to);
  };
}

/** Quote a command for a shell, for people to copy. */
export function commandText(words) {
  const plain = /^[\w@%+=:,./-]+$/;
  return words.map((word) => (plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
