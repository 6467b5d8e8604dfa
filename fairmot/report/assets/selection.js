// Lists of identities as people write them: "1-5, 9". An open range, "40-", reaches to the end.

// Returns a test of an identity, or null where the text is no list.
function parseSelection(text) {
  const ranges = [];
  for (const part of text.split(/[,\s]+/).filter(Boolean)) {
    const found = /^(\d+)(?:(-|–)(\d*))?$/.exec(part);
    if (!found) return null;
    const first = Number(found[1]);
    ranges.push([first, !found[2] ? first : found[3] === "" ? Infinity : Number(found[3])]);
  }
  return ranges.length ? (identity) => ranges.some(([first, last]) => first <= identity && identity <= last) : () => true;
}

// The shortest such list of some identities.
function selectionText(identities) {
  const ranges = [];
  for (const identity of [...identities].sort((a, b) => a - b)) {
    const last = ranges[ranges.length - 1];
    if (last && last[1] === identity - 1) last[1] = identity; else ranges.push([identity, identity]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
