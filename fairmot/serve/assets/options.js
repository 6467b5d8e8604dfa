// The options of the next job, as the form states them.

import { byId, element } from "/assets/format.js";

export function fillTrackers(names) {
  byId("tracker").append(...names.map((name) => element("option", {}, name)));
}

// Whether the next job waits until lines and zones are drawn.
export function holds() { return byId("hold").checked; }

export function chosenOptions() {
  const confidence = byId("confidence").value;
  return { tracker: byId("tracker").value || null, confidence: confidence === "" ? null : Number(confidence), blur: byId("blur").checked };
}

// The same as the query of an upload.
export function uploadQuery(name) {
  const { tracker, confidence, blur } = chosenOptions(), query = new URLSearchParams({ name, hold: holds(), blur });
  if (tracker !== null) query.set("tracker", tracker);
  if (confidence !== null) query.set("confidence", confidence);
  return query;
}

// "byte · from 0.4 · people blurred · 1 line", or "".
export function optionsText({ tracker, confidence, blur, lines, zones, anchor }) {
  const count = (number, word) => number && `${number} ${word}${number === 1 ? "" : "s"}`;
  const places = [count(lines.length, "line"), count(Object.keys(zones).length, "zone")].filter(Boolean).join(", ");
  return [tracker && `tracker ${tracker}`, confidence !== null && `score threshold ${confidence}`, blur && "people blurred", places && `${places}, by ${anchor}`].filter(Boolean).join(" · ");
}
