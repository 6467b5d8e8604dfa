// One lane for each kind of error and each identity. A lane is a slider: clicks and keys on it move the moment.
// Of the identities' lanes only those in sight are in the page, however many there are.

const ZOOMS = [1, 2, 5, 10, 20, 50];
const LANE_PX = 26, SPARE_LANES = 8;

// Rectangles [first, last] in moments, as one path in a box of frames x 1.
function spanPath(spans, top = 0, height = 1) {
  let path = "";
  for (let i = 0; i < spans.length; i += 2) path += `M${spans[i]} ${top}H${spans[i + 1] + 1}V${top + height}H${spans[i]}Z`;
  return path;
}

// Errors of a kind in each frame as one path of bars, the highest of them filling the lane.
function densityPath(counts) {
  let path = "", most = 1;
  for (const count of counts) most = Math.max(most, count);
  for (let from = 0, to = 1; from < counts.length; from = to++) {
    while (to < counts.length && counts[to] === counts[from]) to++;
    const height = 0.25 + 0.75 * counts[from] / most;
    if (counts[from]) path += `M${from} 1H${to}V${(1 - height).toFixed(2)}H${from}Z`;
  }
  return path;
}

class Timeline {
  constructor(app) {
    this.app = app;
    this.sheet = byId("sheet");
    this.zoom = 0;
    byId("lanes").addEventListener("pointerdown", (event) => this.pointed(event));
    byId("lanes").addEventListener("keydown", (event) => this.pressed(event));
    byId("identity-lanes").addEventListener("change", (event) => app.toggle(Number(event.target.closest(".lane").dataset.track), event.target.checked));
    byId("zoom-in").addEventListener("click", () => this.setZoom(this.zoom + 1));
    byId("zoom-out").addEventListener("click", () => this.setZoom(this.zoom - 1));
    byId("order").addEventListener("change", () => this.arrange());
    byId("filter").addEventListener("input", () => this.arrange());
    byId("filter-only").addEventListener("click", () => app.showOnly(this.order));
    byId("lanes").addEventListener("scroll", () => this.fillLanes(), { passive: true });
    new ResizeObserver(() => this.fillLanes()).observe(byId("lanes"));
    window.addEventListener("beforeprint", () => this.fillLanes(true));
    window.addEventListener("afterprint", () => this.fillLanes());
  }

  load(source) {
    this.source = source;
    this.made = new Map();
    this.order = [];
    this.stop = -1; // the track whose bar is in the tab order
    byId("filter").value = "";
    byId("error-lanes").replaceChildren(...KINDS.flatMap((kind, n) => (source.kinds.has(n) ? [this.errorLane(kind, n)] : [])));
    this.arrange();
    this.setZoom(0);
  }

  lane(title, path, className, color) {
    const bar = element("div", { class: `strip ${className}`, role: "slider", tabindex: "-1", "aria-valuemin": frameNumber(this.source, 0), "aria-valuemax": frameNumber(this.source, this.source.frames - 1), "aria-valuenow": frameNumber(this.source, 0), "aria-label": title });
    const drawing = svg("svg", { viewBox: `0 0 ${this.source.frames} 1`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { d: path, class: "span" }));
    if (color) drawing.style.setProperty("--color", color);
    bar.append(drawing);
    return { bar, drawing };
  }

  identityLane(id, track) {
    const { source } = this, { tracks } = source;
    const title = `Identity ${id}, frames ${tracks.first[track]} to ${tracks.last[track]}`;
    const { bar, drawing } = this.lane(title, spanPath(source.parts[track]), "identity", tracks.colors[track]);
    if (source.wrong[track]) {
      const wrong = [], { starts } = source.byTrack;
      for (let row = starts[track]; row < starts[track + 1]; row++) if (source.rows.wrong[row]) wrong.push(source.rows.moment[row], source.rows.moment[row]);
      drawing.append(svg("path", { d: spanPath(wrong, 0.68, 0.32), class: "wrong" }));
    }
    const box = element("input", { type: "checkbox", tabindex: "-1", "aria-label": `Show identity ${id}` });
    box.checked = true;
    box.style.accentColor = tracks.colors[track];
    const name = element("label", { class: "name" }, box, element("span", { class: "swatch", style: `background:${tracks.colors[track]}` }), String(id));
    return element("div", { class: "lane", "data-track": track }, name, bar);
  }

  errorLane(kind, number) {
    const { events } = this.source, counts = new Uint16Array(this.source.frames);
    for (let i = 0; i < events.length; i++) {
      if (events.kind[i] === number) for (let at = events.first[i]; at <= events.last[i]; at++) counts[at]++;
    }
    const { bar } = this.lane(`${kind.title}; the left and right arrow keys go to the previous and next one`, densityPath(counts), `error ${kind.key}`);
    return element("div", { class: "lane error-lane", "data-kind": number }, element("span", { class: "name" }, `${kind.title} `, element("b", {}, String(this.source.errorCounts[number]))), bar);
  }

  arrange() {
    const { tracks } = this.source, isWanted = parseSelection(byId("filter").value);
    const keys = { first: tracks.first, length: tracks.lengths.map((length) => -length), id: tracks.ids }[byId("order").value];
    byId("filter").setAttribute("aria-invalid", !isWanted);
    this.order = tracks.ids.map((_, track) => track).filter((track) => !isWanted || isWanted(tracks.ids[track])).sort((a, b) => keys[a] - keys[b] || a - b);
    const count = this.order.length, all = tracks.ids.length;
    byId("filter-note").textContent = !isWanted ? "expected numbers and ranges, 1-5, 9" : count < all ? `${count} of ${all}` : "";
    byId("filter-only").hidden = !isWanted || count === all || count === 0;
    byId("identity-lanes").style.height = `${count * LANE_PX}px`;
    this.stop = this.order.includes(this.stop) ? this.stop : this.order[0] ?? -1;
    this.fillLanes();
    this.app.tracks.filter(isWanted);
  }

  laneOf(track) {
    if (!this.made.has(track)) this.made.set(track, this.identityLane(this.source.tracks.ids[track], track));
    return this.made.get(track);
  }

  // Puts the lanes in sight into the page; the one with the focus, or in the tab order, stays.
  fillLanes(all = false) {
    if (!this.source) return;
    const list = byId("identity-lanes"), box = byId("lanes");
    // A list that became shorter is scrolled back only later.
    const scrolled = Math.min(box.scrollTop, box.scrollHeight - box.clientHeight);
    const top = (scrolled - list.offsetTop) / LANE_PX, bottom = top + box.clientHeight / LANE_PX;
    const first = all ? 0 : Math.max(0, Math.floor(top) - SPARE_LANES), last = all ? this.order.length : Math.ceil(bottom) + SPARE_LANES;
    const kept = new Set([this.stop, Number(document.activeElement?.closest?.("#identity-lanes .lane")?.dataset.track ?? -1)]);
    const wanted = [];
    this.order.forEach((track, place) => {
      if ((place < first || place >= last) && !kept.has(track)) return;
      const lane = this.laneOf(track);
      lane.style.top = `${place * LANE_PX}px`;
      this.showState(lane, track);
      wanted.push(lane);
    });
    const chosen = new Set(wanted);
    for (const lane of [...list.children]) if (!chosen.has(lane)) lane.remove();
    // Only lanes out of order are moved, so that the focus stays.
    wanted.forEach((lane, place) => { if (list.children[place] !== lane) list.insertBefore(lane, list.children[place] ?? null); });
  }

  showState(lane, track) {
    const shown = Boolean(this.source.visible[track]), bar = lane.querySelector(".strip"), box = lane.querySelector("input");
    lane.classList.toggle("off", !shown);
    lane.classList.toggle("picked", track === this.app.picked);
    box.checked = shown;
    box.tabIndex = bar.tabIndex = track === this.stop ? 0 : -1;
    bar.setAttribute("aria-valuenow", frameNumber(this.source, this.app.moment));
  }

  // Scrolls a lane into sight; where it was hidden, to the middle.
  reveal(track) {
    const place = this.order.indexOf(track), box = byId("lanes"), list = byId("identity-lanes");
    if (place < 0) return;
    const top = list.offsetTop + place * LANE_PX, head = byId("ruler").offsetHeight;
    if (top < box.scrollTop + head || top + LANE_PX > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
    this.fillLanes();
  }

  // One bar is in the tab order; arrow keys move from bar to bar.
  takeTabStop(bar) {
    this.stop = Number(bar.closest(".lane").dataset.track ?? -1);
    for (const other of this.sheet.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    bar.tabIndex = 0;
    const box = bar.parentElement.querySelector("input");
    if (box) box.tabIndex = 0;
  }

  pointed(event) {
    const bar = event.target.closest(".strip, .ruler");
    if (!bar || event.button !== 0) return;
    const follow = (at) => this.app.seek(this.momentAt(bar, at));
    const lane = bar.closest(".lane");
    if (lane) { this.takeTabStop(bar); bar.focus({ preventScroll: true }); event.preventDefault(); }
    if (lane?.dataset.kind) { this.nearestError(Number(lane.dataset.kind), this.momentAt(bar, event)); return; }
    if (lane) this.app.pick(Number(lane.dataset.track));
    follow(event);
    const ended = new AbortController();
    window.addEventListener("pointermove", follow, { signal: ended.signal });
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => ended.abort(), { signal: ended.signal });
  }

  momentAt(bar, event) {
    const box = (bar.classList.contains("ruler") ? byId("ruler") : bar).getBoundingClientRect();
    const fraction = (event.clientX - box.left) / box.width;
    return Math.max(0, Math.min(this.source.frames - 1, Math.floor(fraction * this.source.frames)));
  }

  nearestError(kind, moment) {
    const { events } = this.source;
    let best = -1, least = Infinity;
    for (let i = 0; i < events.length; i++) {
      if (events.kind[i] !== kind) continue;
      const distance = Math.max(events.first[i] - moment, moment - events.last[i], 0);
      if (distance < least) { least = distance; best = i; }
    }
    if (best >= 0) this.app.seek(least === 0 ? moment : events.first[best]);
  }

  pressed(event) {
    const bar = event.target.closest(".strip");
    if (!bar || event.ctrlKey || event.metaKey || event.altKey) return;
    const lane = bar.closest(".lane"), track = lane.dataset.track === undefined ? -1 : Number(lane.dataset.track);
    const parts = track < 0 ? [] : this.source.parts[track];
    const act = {
      ArrowUp: () => this.step(bar, -1),
      ArrowDown: () => this.step(bar, 1),
      ...(track < 0 ? {
        ArrowLeft: () => this.app.nextError(-1, Number(lane.dataset.kind)),
        ArrowRight: () => this.app.nextError(1, Number(lane.dataset.kind)),
      } : {
        Home: () => this.app.seek(parts[0]),
        End: () => this.app.seek(parts[parts.length - 1]),
        Enter: () => this.app.seek(parts.find((at, i) => i % 2 === 0 && at > this.app.moment) ?? parts[0]),
        v: () => this.app.toggle(track, !this.source.visible[track]),
        o: () => this.app.only(track),
      }),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  step(bar, by) {
    const errors = [...byId("error-lanes").querySelectorAll(".strip")], track = bar.closest(".lane").dataset.track;
    const place = (track === undefined ? errors.indexOf(bar) : errors.length + this.order.indexOf(Number(track))) + by;
    if (place < 0 || place >= errors.length + this.order.length) return;
    let next = errors[place];
    if (!next) {
      const wanted = this.order[place - errors.length];
      this.stop = wanted;
      this.reveal(wanted);
      next = this.laneOf(wanted).querySelector(".strip");
      this.app.pick(wanted);
    }
    this.takeTabStop(next);
    next.focus({ preventScroll: true });
    if (next === errors[place]) next.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.showMoment(this.app.moment);
  }

  setZoom(zoom) {
    this.zoom = Math.max(0, Math.min(ZOOMS.length - 1, zoom));
    this.sheet.style.setProperty("--zoom", ZOOMS[this.zoom]);
    byId("zoom").textContent = `${ZOOMS[this.zoom]}×`;
    this.drawRuler();
    this.showMoment(this.app.moment);
  }

  drawRuler() {
    const { source } = this, first = frameNumber(source, 0), ticks = [];
    const step = Math.max(1, niceStep(source.frames * source.every, 8 * ZOOMS[this.zoom]));
    for (let number = Math.ceil(first / step) * step; number <= frameNumber(source, source.frames - 1); number += step) {
      const fraction = (momentOf(source, number) + 0.5) / source.frames;
      ticks.push(element("span", { style: `left:${100 * fraction}%`, class: fraction > 0.96 ? "end" : "" }, String(number)));
    }
    byId("ruler").replaceChildren(...ticks);
  }

  showMoment(moment) {
    this.sheet.style.setProperty("--at", (moment + 0.5) / this.source.frames);
    const bar = document.activeElement?.closest?.(".strip");
    if (bar) {
      bar.setAttribute("aria-valuenow", frameNumber(this.source, moment));
      bar.setAttribute("aria-valuetext", `frame ${frameNumber(this.source, moment)}`);
    }
    if (this.zoom === 0) return;
    const lanes = byId("lanes"), names = byId("ruler").offsetLeft;
    const at = names + (this.sheet.clientWidth - names) * (moment + 0.5) / this.source.frames - lanes.scrollLeft;
    if (at < names + 20 || at > lanes.clientWidth - 40) lanes.scrollLeft += at - (names + lanes.clientWidth) / 2;
  }

  showVisible() { this.fillLanes(); }
}
