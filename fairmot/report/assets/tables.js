// Tiles, the table of tracks, the list of errors and the scores.

const PORTION = 200;

function tiles(source, scores, second) {
  const { rows, tracks } = source;
  if (second) {
    const both = (name, of) => [name, `${of(source)} | ${of(second)}`];
    return tileElements([["Frames", String(source.frames)], both("Identities", (run) => run.tracks.ids.length), both("Boxes", (run) => run.rows.length),
      ...[4, 5, 6].map((kind) => [KINDS[kind].title, String(source.errorCounts[kind])])]);
  }
  const found = [
    ["Frames", String(source.frames)],
    ["Identities", String(tracks.ids.length)],
    ["Boxes", String(rows.length)],
    ["Boxes per frame", (rows.length / source.frames).toFixed(2)],
  ];
  const combined = scores && (scores.families.flatMap((family) => family.rows.filter(([name]) => name === source.name).slice(0, 1).flatMap((row) => family.columns.map((column, i) => [column, row[i + 1]]))));
  for (const wanted of ["HOTA", "MOTA", "IDF1"]) {
    const score = combined?.find(([column]) => column === wanted);
    if (score) found.push([wanted, score[1], "score"]);
  }
  return tileElements(found);
}

function tileElements(found) {
  return found.map(([name, value, kind]) => element("div", { class: `tile ${kind ?? ""}` }, element("span", {}, name), element("b", { "data-tile": name }, value)));
}

class TrackTable {
  constructor(app) {
    this.app = app;
    this.body = byId("tracks").tBodies[0];
    this.key = "first"; this.sign = 1; this.shown = PORTION;
    byId("tracks").tHead.addEventListener("click", (event) => {
      const key = event.target.dataset?.sort;
      if (!key) return;
      this.sign = key === this.key ? -this.sign : 1;
      this.key = key;
      for (const cell of byId("tracks").tHead.rows[0].cells) {
        if (cell.querySelector("button")) cell.setAttribute("aria-sort", cell.querySelector("button").dataset.sort !== key ? "none" : this.sign > 0 ? "ascending" : "descending");
      }
      this.fill();
    });
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || event.target.tagName === "INPUT" || event.target.tagName === "LABEL") return;
      app.pick(Number(row.dataset.track));
      app.seek(momentOf(this.source, this.source.tracks.first[row.dataset.track]));
    });
    this.body.addEventListener("change", (event) => app.toggle(Number(event.target.closest("tr").dataset.track), event.target.checked));
    byId("more-tracks").addEventListener("click", () => { this.shown += PORTION; this.fill(); });
  }

  load(source) { this.source = source; this.shown = PORTION; this.isWanted = null; this.fill(); }

  filter(isWanted) { this.isWanted = isWanted; this.shown = PORTION; this.fill(); }

  fill() {
    if (!this.source) return;
    const { tracks, wrong } = this.source;
    const values = { id: tracks.ids, first: tracks.first, last: tracks.last, length: tracks.lengths, score: tracks.scores, wrong }[this.key];
    const order = tracks.ids.map((_, n) => n).filter((n) => !this.isWanted || this.isWanted(tracks.ids[n])).sort((a, b) => this.sign * (values[a] - values[b]) || a - b);
    this.body.replaceChildren(...order.slice(0, this.shown).map((track) => this.row(track)));
    moreButton("more-tracks", order.length - this.shown);
  }

  row(track) {
    const { source } = this, { tracks } = source, id = tracks.ids[track];
    const thumbnail = element("td", { class: "thumb" });
    if (tracks.thumbnails[track]) thumbnail.append(element("img", { src: tracks.thumbnails[track], alt: "", loading: "lazy", style: `border-color:${tracks.colors[track]}` }));
    const go = element("button", { type: "button", class: "link", "aria-label": `Identity ${id}: go to frame ${tracks.first[track]}` }, element("span", { class: "swatch", style: `background:${tracks.colors[track]}` }), String(id));
    const box = element("input", { type: "checkbox", "aria-label": `Show identity ${id}` });
    box.checked = Boolean(source.visible[track]);
    const cells = [tracks.first[track], tracks.last[track], tracks.lengths[track], tracks.scores[track].toFixed(3)];
    return element("tr", { "data-track": track }, thumbnail, element("th", { scope: "row" }, go), ...cells.map((value) => element("td", {}, String(value))),
      element("td", { class: "judged" }, String(source.wrong[track])), element("td", {}, box));
  }

  showVisible() {
    for (const row of this.body.rows) {
      const shown = Boolean(this.source.visible[row.dataset.track]);
      row.classList.toggle("off", !shown);
      row.classList.toggle("picked", Number(row.dataset.track) === this.app.picked);
      row.querySelector("input").checked = shown;
    }
  }
}

function moreButton(id, left) {
  byId(id).hidden = left <= 0;
  byId(id).textContent = `Show ${Math.min(left, PORTION)} more of ${left}`;
}

class ErrorList {
  constructor(app) {
    this.app = app;
    this.kinds = new Set(KINDS.keys());
    byId("errors").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.app.seek(Number(button.dataset.moment));
    });
    byId("kinds").addEventListener("click", (event) => {
      const chip = event.target.closest("button");
      if (!chip) return;
      const kind = Number(chip.dataset.kind), on = !this.kinds.has(kind);
      if (on) this.kinds.add(kind); else this.kinds.delete(kind);
      chip.setAttribute("aria-pressed", on);
      this.shown = PORTION;
      this.fill();
    });
    byId("more-errors").addEventListener("click", () => { this.shown += PORTION; this.fill(); });
  }

  load(source) {
    this.source = source; this.shown = PORTION;
    byId("kinds").replaceChildren(...KINDS.flatMap((kind, n) => (source.kinds.has(n) ? [element("button", { type: "button", class: `chip ${kind.key}`, "data-kind": n, "aria-pressed": this.kinds.has(n) }, `${kind.title} `, element("b", {}, String(source.errorCounts[n])))] : [])));
    byId("events-title").textContent = [source.hasTruth && "Errors", source.kinds.has(TRUTH_KINDS) && (source.hasTruth ? "differences" : "Differences")].filter(Boolean).join(" and ");
    this.fill();
  }

  fill() {
    const { events } = this.source, items = [];
    let wanted = 0;
    for (let i = 0; i < events.length; i++) {
      if (!this.kinds.has(events.kind[i])) continue;
      if (wanted++ < this.shown) items.push(this.item(i));
    }
    byId("errors").replaceChildren(...items);
    moreButton("more-errors", wanted - this.shown);
  }

  item(i) {
    const { source } = this, { events } = source, kind = KINDS[events.kind[i]];
    const first = frameNumber(source, events.first[i]), last = frameNumber(source, events.last[i]);
    const frames = first === last ? `${first}` : `${first}–${last}`;
    return element("li", {}, element("button", { type: "button", class: `event ${kind.key}`, "data-moment": events.first[i], "data-last": events.last[i], "data-kind": kind.key },
      element("b", {}, kind.one), element("span", {}, this.story(i)), element("i", {}, frames)));
  }

  story(i) {
    const { source } = this, { events } = source, columns = events.columns[events.part[i]], at = events.at[i];
    const identity = (track) => source.tracks.ids[columns[track][at]], other = (track) => source.other.tracks.ids[columns[track][at]];
    const person = source.truth?.people[columns.person?.[at]];
    const length = events.last[i] - events.first[i] + 1, frames = `${length} frame${length > 1 ? "s" : ""}`;
    return [
      () => `person ${person}: identity ${identity("before")} → ${identity("track")}`,
      () => `person ${person} found again as identity ${identity("track")}`,
      () => `person ${person} for ${frames}`,
      () => `identity ${identity("track")} for ${frames}`,
      () => `identity ${identity("track")} for ${frames}`,
      () => `identity ${other("second")} for ${frames}`,
      () => (columns.backward[at] ? `identity ${other("second")} of the second: ${identity("before")} → ${identity("track")} in the first`
        : `identity ${identity("track")} of the first: ${other("before")} → ${other("second")} in the second`),
    ][events.kind[i]]();
  }
}

function scoreTables(scores) {
  byId("benchmark").textContent = `pre-processing: ${scores.benchmark}`;
  byId("score-tables").replaceChildren(...scores.families.map((family) => {
    const head = element("tr", {}, element("th", { scope: "col" }, family.title), ...family.columns.map((column) => element("th", { scope: "col" }, column)));
    // With a single sequence the combined row repeats it.
    const rows = family.rows.length === 2 ? family.rows.slice(0, 1) : family.rows;
    const lines = rows.map(([name, ...values]) => element("tr", { class: name === "COMBINED" ? "combined" : "" }, element("th", { scope: "row" }, name), ...values.map((value, i) => element("td", { "data-score": `${name} ${family.columns[i]}` }, value))));
    return element("div", { class: "scroll-x" }, element("table", { class: "scores" }, element("thead", {}, head), element("tbody", {}, ...lines)));
  }));
  const names = Object.keys(scores.curves).filter((name) => Object.keys(scores.curves[name]).length && (name !== "COMBINED" || Object.keys(scores.curves).length > 2));
  byId("curve").replaceChildren(...names.map((name) => element("option", {}, name)));
  const draw = () => {
    const name = byId("curve").value;
    const key = Object.keys(scores.curves[name]).map((curve) => element("span", { class: `curve-key ${curve}` }, curve));
    byId("hota").replaceChildren(hotaChart(scores.alphas, scores.curves[name], name), element("p", { class: "curve-keys" }, ...key));
  };
  byId("curve").addEventListener("change", draw);
  if (names.length) { byId("curve").value = names[names.length - 1]; draw(); }
  byId("scores").hidden = false;
}
