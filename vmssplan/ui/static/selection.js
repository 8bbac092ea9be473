// A selection as the command line would name it: by domain or state where these say the same as
// the list of ids, so that the command shown beside a preview is one that people would type.

import { wordsOf } from "./set_filter.js";

const KINDS = [
  { key: "updateDomain", field: "updateDomains", convert: Number },
  { key: "faultDomain", field: "faultDomains", convert: Number },
  { key: "zone", field: "zones", convert: String },
];

/** Return the selection for the API; `ids` is never empty. */
export function selectionOf(instances, ids) {
  const chosen = instances.filter((one) => ids.has(one.instanceId));
  if (chosen.length === instances.length) return { all: true };
  for (const { key, field, convert } of KINDS) {
    const values = new Set(chosen.map((one) => one[key]));
    if (values.has(null) || values.has(undefined)) continue;
    if (instances.filter((one) => values.has(one[key])).length === chosen.length) {
      return { [field]: [...values].map(convert) };
    }
  }
  const shared = chosen.map(wordsOf).reduce((kept, words) => kept.filter((word) => words.includes(word)));
  for (const word of shared) {
    if (word === "operating") continue; // not the same ones a moment later
    const having = instances.filter((one) => wordsOf(one).includes(word));
    if (having.length === chosen.length) return { states: [word] };
  }
  return { ids: chosen.map((one) => one.instanceId) };
}
