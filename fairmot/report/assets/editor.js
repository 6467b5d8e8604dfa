// Lines and zones drawn on a frame with mouse, finger or keys: the report and the live page share this file. The page has elements
// stage, overlay, stage-note, draw-line, draw-zone, draw-note, anchor, places, copy-command and save-zones.

const PLACE_COLORS = ["#e8590c", "#1c7ed6", "#2f9e44", "#ae3ec9", "#c2255c", "#0c8599", "#e67700", "#5f3dc4"];
const NEAR_PX = 14; // of the screen: a tap on a zone's first point closes it
const SHORTEST_PX = 2;

// Places are { kind, name, points, text, drawn, color }, points in pixels of the source.
class PlaceEditor {
  constructor() {
    this.drawing = null;
    this.all = [];
    this.source = null; // { size, name, file }
    byId("draw-line").addEventListener("click", () => this.begin("line"));
    byId("draw-zone").addEventListener("click", () => this.begin("zone"));
    byId("anchor").addEventListener("change", () => this.count());
    byId("copy-command").addEventListener("click", () => copyText(this.command(), byId("copy-command")));
    byId("save-zones").addEventListener("click", () => saveFile(this.zoneFile(), this.zoneText(), "application/json"));
    byId("overlay").addEventListener("pointerdown", (event) => this.pointed(event));
    byId("overlay").addEventListener("pointermove", (event) => this.moved(event));
    byId("overlay").addEventListener("dblclick", () => this.finish());
    byId("places").addEventListener("click", (event) => this.clicked(event));
    byId("places").addEventListener("change", (event) => this.renamed(event));
    document.addEventListener("keydown", (event) => this.pressed(event), { capture: true });
  }

  // What a page adds: what it shows otherwise, and what follows from a change.
  get restingNote() { return ""; }
  get noneNote() { return "None. Draw one on the frame: its counts appear here, and as a command for the next run."; }
  get ready() { return this.source !== null; }
  begun() {}
  redraw() {}
  counted() {}

  begin(kind) {
    if (this.drawing?.kind === kind) { this.cancel(); return; }
    const [w, h] = this.source.size;
    this.drawing = { kind, points: [], cursor: [w / 2, h / 2] };
    this.begun();
    byId("overlay").focus({ preventScroll: true }); // not the button, which the space key would press
    this.note();
  }

  cancel() { this.drawing = null; this.note(); }

  note() {
    const kind = this.drawing?.kind;
    for (const each of ["line", "zone"]) byId(`draw-${each}`).setAttribute("aria-pressed", kind === each);
    byId("stage").classList.toggle("drawing", Boolean(kind));
    byId("draw-note").textContent = {
      line: "Set the line's two ends on the frame. Who walks to its left-hand side, seen from the first end, counts as in.",
      zone: "Set the zone's corners on the frame; a double click, Enter or the first corner closes it.",
    }[kind] ?? "";
    byId("stage-note").textContent = kind ? `Drawing a ${kind}: click, or arrow keys and Space; Esc cancels.` : this.restingNote;
    this.redraw();
  }

  // Pixels of the source under an event on the overlay.
  at(event) {
    const box = byId("overlay").getBoundingClientRect(), [w, h] = this.source.size;
    return [(event.clientX - box.left) / box.width * w, (event.clientY - box.top) / box.height * h];
  }

  pointed(event) {
    if (!this.drawing || event.button !== 0) return;
    event.preventDefault();
    this.isOwnClick = true;
    this.set(this.at(event), byId("overlay").clientWidth / this.source.size[0]);
  }

  // Whether the click that is under way set a point.
  swallow() {
    const own = this.isOwnClick || this.drawing !== null;
    this.isOwnClick = false;
    return own;
  }

  set(point, scale) {
    const { kind, points } = this.drawing, near = ([x, y]) => Math.hypot(x - point[0], y - point[1]) * scale < NEAR_PX;
    if (kind === "zone" && points.length > 2 && near(points[0])) { this.finish(); return; }
    if (points.length && Math.hypot(points.at(-1)[0] - point[0], points.at(-1)[1] - point[1]) < SHORTEST_PX) return; // a double click
    points.push(point.map((value) => Math.round(value * 10) / 10));
    if (kind === "line" && points.length === 2) this.finish(); else this.redraw();
  }

  moved(event) {
    if (this.drawing) { this.drawing.cursor = this.at(event); this.redraw(); }
  }

  finish() {
    if (!this.drawing || this.drawing.points.length < (this.drawing.kind === "line" ? 2 : 3)) return;
    const { kind, points } = this.drawing, taken = new Set(this.all.map((place) => place.name));
    let number = 1;
    while (taken.has(`${kind} ${number}`)) number++;
    this.all.push({ kind, name: `${kind} ${number}`, points, drawn: true });
    this.drawing = null;
    this.note();
    this.count();
  }

  pressed(event) {
    if (!this.ready || event.target.matches?.("input:not([type=checkbox]):not([type=range]), select, dialog *") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.drawing) {
      const kind = { l: "line", z: "zone" }[event.key];
      if (kind) { event.preventDefault(); this.begin(kind); }
      return;
    }
    const [w, h] = this.source.size, stride = (event.shiftKey ? 0.002 : 0.02) * Math.max(w, h), { cursor } = this.drawing;
    const move = (x, y) => { this.drawing.cursor = [Math.max(0, Math.min(w, cursor[0] + x)), Math.max(0, Math.min(h, cursor[1] + y))]; this.redraw(); };
    const act = {
      ArrowLeft: () => move(-stride, 0), ArrowRight: () => move(stride, 0), ArrowUp: () => move(0, -stride), ArrowDown: () => move(0, stride),
      " ": () => this.set([...cursor], byId("overlay").clientWidth / w), Enter: () => this.finish(), Escape: () => this.cancel(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // The list of places, after each change.
  count() {
    this.all.forEach((place, number) => { place.color = PLACE_COLORS[number % PLACE_COLORS.length]; });
    this.counted();
    byId("places").replaceChildren(...(this.all.length ? this.all.map((place, number) => this.card(place, number)) : [element("p", { class: "note" }, this.noneNote)]));
    byId("copy-command").hidden = !this.all.some((place) => place.points.length);
    byId("save-zones").hidden = !this.all.some((place) => place.kind === "zone" && place.points.length);
    this.redraw();
  }

  text() { return ""; }

  card(place, number) {
    const name = place.drawn ? element("input", { value: place.name, "aria-label": `Name of ${place.name}`, "data-number": number }) : element("b", {}, place.name);
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = place.color;
    const head = element("div", { class: "bar tight" }, swatch, name, element("span", { "data-place": place.name }, this.text(place)), element("span", { class: "spacer" }));
    if (place.drawn) head.append(element("button", { type: "button", "data-remove": number, "aria-label": `Remove ${place.name}` }, "Remove"));
    const made = element("div", { class: "place" }, head);
    made.style.setProperty("--color", place.color);
    return made;
  }

  clicked(event) {
    const remove = event.target.closest("[data-remove]");
    if (remove) { this.all.splice(Number(remove.dataset.remove), 1); this.count(); }
  }

  renamed(event) {
    const place = this.all[Number(event.target.dataset.number)], name = event.target.value.trim();
    if (name && this.all.every((other) => other === place || other.name !== name)) place.name = name;
    this.count();
  }

  zoneFile() { return `${this.source.name}.zones.json`; }

  // Lines as the command takes them; zones as a zone file holds them.
  get lines() { return this.all.filter((place) => place.kind === "line" && place.points.length).map((line) => `${line.name}=${line.points.flat().join(",")}`); }
  get zones() { return Object.fromEntries(this.all.filter((place) => place.kind === "zone" && place.points.length).map((zone) => [zone.name, zone.points])); }
  zoneText() { return `${JSON.stringify(this.zones, null, 2)}\n`; }

  // The command that counts at these places in the next run.
  command() {
    const quote = (text) => (/^[\w./=,:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
    const parts = ["fairmot track", quote(this.source.file ?? "VIDEO")];
    for (const line of this.lines) parts.push("--line", quote(line));
    if (Object.keys(this.zones).length) parts.push("--zone", quote(this.zoneFile()));
    if (byId("anchor").value !== "feet") parts.push("--anchor", byId("anchor").value);
    return parts.join(" ");
  }

  draw(ink, scale, lines, ratio) {
    for (const place of this.all) if (place.points.length > 1) drawPlace(ink, place, scale, lines, ratio, this.label(place));
    if (!this.drawing) return;
    const { kind, points, cursor } = this.drawing;
    drawPlace(ink, { kind, points: [...points, cursor], color: "#ffffff", open: kind === "zone" }, scale, lines, ratio, "");
    const [x, y] = [cursor[0] * scale, cursor[1] * lines], arm = 12 * ratio;
    ink.strokeStyle = "#fff"; ink.lineWidth = 1.5 * ratio;
    ink.beginPath(); ink.moveTo(x - arm, y); ink.lineTo(x + arm, y); ink.moveTo(x, y - arm); ink.lineTo(x, y + arm); ink.stroke();
    for (const [px, py] of points) { ink.beginPath(); ink.arc(px * scale, py * lines, 4 * ratio, 0, 7); ink.fillStyle = "#fff"; ink.fill(); }
  }

  label(place) { return place.name; }
}

function drawPlace(ink, place, scale, lines, ratio, text) {
  const points = place.points.map(([x, y]) => [x * scale, y * lines]);
  ink.save();
  ink.strokeStyle = ink.fillStyle = place.color; ink.lineWidth = 2.5 * ratio;
  ink.beginPath(); points.forEach(([x, y]) => ink.lineTo(x, y));
  if (place.kind === "zone" && !place.open) { ink.closePath(); ink.globalAlpha = 0.15; ink.fill(); ink.globalAlpha = 1; }
  ink.stroke();
  if (place.kind === "line" && points.length === 2) {
    // An arrow to the side that is "in": the left-hand one.
    const [[x1, y1], [x2, y2]] = points, length = Math.hypot(x2 - x1, y2 - y1) || 1, mx = (x1 + x2) / 2, my = (y1 + y2) / 2;
    const [ax, ay] = [(y2 - y1) / length, -(x2 - x1) / length], reach = 22 * ratio, head = 7 * ratio;
    const [tx, ty] = [mx + ax * reach, my + ay * reach];
    ink.beginPath(); ink.moveTo(mx, my); ink.lineTo(tx, ty);
    for (const turn of [2.6, -2.6]) { ink.moveTo(tx, ty); ink.lineTo(tx + head * (ax * Math.cos(turn) - ay * Math.sin(turn)), ty + head * (ax * Math.sin(turn) + ay * Math.cos(turn))); }
    ink.stroke();
  }
  ink.restore();
  if (!text) return;
  const [x, y] = place.kind === "zone" ? points.reduce((best, point) => (point[1] < best[1] ? point : best)) : points[0];
  tag(ink, text, x, y, place.color, "#fff", ratio);
}

// Matches a canvas's pixels to its size on the screen; returns the scale from CSS pixels.
function fit(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  return ratio;
}

function tag(ink, text, x, y, color, letters, ratio) {
  ink.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  ink.textBaseline = "middle";
  const height = 18 * ratio, width = ink.measureText(text).width + 10 * ratio;
  const left = Math.max(0, Math.min(x - ratio, ink.canvas.width - width)), top = Math.max(0, y - height);
  ink.fillStyle = color; ink.fillRect(left, top, width, height);
  ink.fillStyle = letters; ink.fillText(text, left + 5 * ratio, top + height / 2 + ratio * 0.5);
}

async function copyText(text, button) {
  const before = button.dataset.text ?? button.textContent;
  button.dataset.text = before;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch { window.prompt("Copy:", text); }
  setTimeout(() => { button.textContent = before; }, 1500);
}

function saveFile(name, content, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
