// A held job: lines and zones are drawn on its first frame, then it is started.

import { PlaceEditor, fit } from "/assets/editor.js";
import { byId, request } from "/assets/format.js";

export class Setup extends PlaceEditor {
  constructor(started, refuse) {
    super();
    this.job = null;
    this.started = started;
    byId("start").addEventListener("click", () => this.start(refuse));
    new ResizeObserver(() => this.redraw()).observe(byId("stage"));
  }

  get ready() { return this.job !== null; }
  get noneNote() { return "None yet. Draw them on the frame, or start without."; }
  text(place) { return place.kind; }

  // Called at each change of the selected job; null: none is held.
  show(job) {
    byId("setup").hidden = byId("overlay").hidden = byId("frame").hidden = job === null;
    if (job?.id === this.job?.id) return;
    this.job = job;
    this.drawing = null;
    byId("stage").classList.remove("drawing");
    if (job === null) { byId("frame").removeAttribute("src"); return; }
    this.source = { size: [job.width, job.height], name: job.name.replace(/\.[^.]*$/, ""), file: job.name };
    byId("frame").src = job.frame;
    byId("anchor").value = job.options.anchor;
    this.all = placesOf(job.options);
    this.note();
    this.count();
  }

  redraw() {
    if (this.waiting || this.job === null) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (this.job === null) return;
      const canvas = byId("overlay"), ratio = fit(canvas), ink = canvas.getContext("2d"), [w, h] = this.source.size;
      ink.clearRect(0, 0, canvas.width, canvas.height);
      this.draw(ink, canvas.width / w, canvas.height / h, ratio);
    });
  }

  async start(refuse) {
    const { job } = this, options = { ...job.options, lines: this.lines, zones: this.zones, anchor: byId("anchor").value };
    byId("start").disabled = true;
    try { this.started(await request("POST", `/api/jobs/${job.id}/start`, options)); refuse(""); } catch (error) { refuse(error.message); }
    byId("start").disabled = false;
  }
}

// Places as the editor draws them, from a job's options.
function placesOf({ lines, zones }) {
  const line = (text, number) => {
    const at = text.lastIndexOf("="), [x1, y1, x2, y2] = text.slice(at + 1).split(",").map(Number);
    return { kind: "line", name: text.slice(0, Math.max(0, at)) || `line ${number + 1}`, points: [[x1, y1], [x2, y2]], drawn: true };
  };
  return [...lines.map(line), ...Object.entries(zones).map(([name, points]) => ({ kind: "zone", name, points, drawn: true }))];
}
