// The panel of lines and zones: recorded ones and ones drawn on the frame, each with its counts over time.

class Places extends PlaceEditor {
  constructor(app) {
    super();
    this.app = app;
  }

  get restingNote() { return this.app.stageNote; }

  load(source) {
    this.source = source;
    this.drawing = null;
    const recorded = source.places ?? { lines: [], zones: [], anchor: "feet", margin: 0.1 };
    byId("anchor").value = recorded.anchor;
    this.margin = recorded.margin;
    const named = (kind) => ({ name, points, text }) => ({ kind, name, points, text, drawn: false });
    this.all = [...recorded.lines.map(named("line")), ...recorded.zones.map(named("zone"))];
    this.recorded = recorded.anchor;
    this.count();
  }

  begun() {
    this.app.player.pause();
    byId("show-places").checked = this.app.show.places = true;
    byId("player").scrollIntoView({ block: "nearest" });
  }

  redraw() { this.app.redraw(); }

  counted() {
    const anchor = byId("anchor").value;
    for (const place of this.all) place.counted = place.points.length > 1 ? countPlace(this.source, place, anchor, this.margin) : null;
    this.app.dwell.offer(this.all);
  }

  // What the run counted stands as it was counted; rows may have been smoothed or filtered since.
  text(place) { return place.text && byId("anchor").value === this.recorded ? place.text : place.counted?.text ?? ""; }

  card(place, number) {
    const made = super.card(place, number);
    if (place.counted) made.append(this.chart(place));
    return made;
  }

  // Steps over time, on which a click goes to the moment.
  chart(place) {
    const { frames } = this.source, all = Object.entries(place.counted.series);
    let most = 1;
    for (const [, values] of all) for (const value of values) most = Math.max(most, value);
    const chart = svg("svg", { viewBox: `0 0 ${frames} ${most}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const [name, values] of all) chart.append(svg("path", { d: stepPath(values, most), class: `steps ${name}` }));
    const keys = all.length > 1 ? all.map(([name]) => element("span", { class: `step-key ${name}` }, name)) : [];
    const title = `${place.name} over time: ${all.map(([name, values]) => `${name} ${values[frames - 1]} at the end`).join(", ")}`;
    return element("div", { class: "place-chart", role: "img", "aria-label": title, "data-seek": "" }, element("span", { class: "most" }, String(most)), chart, element("span", { class: "at", "aria-hidden": "true" }), ...keys);
  }

  clicked(event) {
    super.clicked(event);
    const chart = event.target.closest("[data-seek]");
    if (!chart) return;
    const box = chart.querySelector("svg").getBoundingClientRect();
    this.app.seek(Math.floor((event.clientX - box.left) / box.width * this.source.frames));
  }

  label(place) {
    const { moment } = this.app, { series } = place.counted;
    return place.kind === "line" ? `${place.name}: ${series.in[moment]} in, ${series.out[moment]} out` : `${place.name}: ${series.inside[moment]} inside`;
  }
}

// The values at all moments as steps, the highest of them at the top.
function stepPath(values, most) {
  let path = `M0 ${most - values[0]}`;
  for (let i = 1; i < values.length; i++) if (values[i] !== values[i - 1]) path += `H${i}V${most - values[i]}`;
  return `${path}H${values.length}`;
}
