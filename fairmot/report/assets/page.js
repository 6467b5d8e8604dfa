// The application: which source, moment and identities are shown, and what is redrawn when they change.

function byId(id) { return document.getElementById(id); }

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class App {
  constructor(model) {
    this.model = model;
    this.moment = 0;
    this.timeline = new Timeline(this);
    this.tracks = new TrackTable(this);
    this.errors = new ErrorList(this);
    this.show = {};
    for (const name of ["boxes", "labels", "trails", "heat", "errors"]) {
      const box = byId(`show-${name}`);
      box.addEventListener("change", () => { this.show[name] = box.checked; this.redraw(); });
    }
    byId("play").addEventListener("click", () => this.playOrPause());
    byId("back").addEventListener("click", () => this.seek(this.moment - 1));
    byId("forward").addEventListener("click", () => this.seek(this.moment + 1));
    byId("scrub").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    byId("speed").addEventListener("change", () => this.player.speed(Number(byId("speed").value)));
    byId("all").addEventListener("click", () => this.setAll(1));
    byId("none").addEventListener("click", () => this.setAll(0));
    byId("stage").addEventListener("click", () => this.playOrPause());
    byId("sound").addEventListener("click", () => {
      const video = byId("video");
      video.muted = !video.muted;
      byId("sound").setAttribute("aria-pressed", !video.muted);
    });
    byId("keys-button").addEventListener("click", () => byId("keys").showModal());
    byId("counts").addEventListener("pointerdown", (event) => {
      const left = Number(byId("counts").dataset.left), width = byId("counts").clientWidth - left;
      this.seek(Math.floor((event.offsetX - left) / width * this.source.frames));
    });
    byId("source").addEventListener("change", (event) => this.open(Number(event.target.value)));
    document.addEventListener("keydown", (event) => this.pressed(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    new ResizeObserver(() => { this.heatStale = true; this.redraw(); }).observe(byId("stage"));
  }

  async open(number) {
    const source = await loadSource(this.model.sources[number]);
    this.player?.close();
    this.source = source;
    this.moment = 0;
    this.errorCounts = [0, 0, 0, 0];
    if (source.hasTruth) for (let i = 0; i < source.events.length; i++) this.errorCounts[source.events.kind[i]] += source.events.last[i] - source.events.first[i] + 1;
    document.body.classList.toggle("is-judged", source.hasTruth);
    byId("facts").textContent = `${this.model.sources.length > 1 ? source.name : `run ${this.model.run}`} · ${source.size[0]} × ${source.size[1]} · ${source.rate.toFixed(2).replace(/\.?0+$/, "")} frames/s · ${clockText(source.frames / source.rate)}`;
    byId("tiles").replaceChildren(...tiles(source, this.model.scores));
    byId("places").hidden = !source.counts.length;
    byId("places").tBodies[0].replaceChildren(...source.counts.map(([name, text]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { "data-place": name }, text))));
    byId("counts-key").textContent = source.hasTruth ? "tracked; dashed: ground truth" : "identities shown";
    byId("scrub").max = source.frames - 1;
    this.scene = null;
    if (source.scene) {
      const scene = new Image();
      scene.onload = () => { if (this.source === source) { this.scene = scene; this.heatStale = true; this.redraw(); } };
      scene.src = source.scene;
    }
    this.openVideo(number);
    // Over drawn boxes a second set would only blur them.
    for (const name of ["boxes", "labels", "trails"]) byId(`show-${name}`).checked = !source.drawn;
    for (const name of ["boxes", "labels", "trails", "heat", "errors"]) this.show[name] = byId(`show-${name}`).checked;
    this.timeline.load(source);
    this.tracks.load(source);
    if (source.hasTruth) this.errors.load(source);
    this.visibleChanged();
    this.player.seek(0);
    document.body.dataset.ready = source.name;
  }

  openVideo(number) {
    const { source } = this, video = byId("video"), address = videoAddress(source);
    byId("stage").style.aspectRatio = `${source.size[0]} / ${source.size[1]}`;
    document.body.style.setProperty("--shape", source.size[0] / source.size[1]);
    const onMoment = (moment) => this.momentChanged(moment), onState = (playing) => this.stateChanged(playing);
    video.hidden = !address;
    byId("sound").hidden = !address;
    byId("stage-note").textContent = "";
    if (!address) {
      video.removeAttribute("src");
      this.player = new ClockPlayer(source, onMoment, onState);
      byId("stage-note").textContent = "No video; boxes only.";
    } else {
      video.onerror = () => { byId("stage-note").textContent = `The video cannot be played (${source.video.href ?? "embedded"}).`; };
      video.src = address;
      this.player = new VideoPlayer(video, source, onMoment, onState);
      if (source.drawn) byId("stage-note").textContent = "Boxes are drawn into this video; hidden identities are masked.";
    }
    this.player.speed(Number(byId("speed").value));
    this.stateChanged(false);
  }

  seek(moment) { this.player.seek(Math.max(0, Math.min(this.source.frames - 1, moment))); }

  playOrPause() { if (this.player.playing) this.player.pause(); else this.player.play(); }

  momentChanged(moment) {
    this.moment = moment;
    byId("scrub").value = moment;
    byId("scrub").setAttribute("aria-valuetext", `frame ${frameNumber(this.source, moment)}`);
    byId("where").textContent = `${frameNumber(this.source, moment)} · ${clockText(this.source.times[moment])}`;
    document.body.dataset.frame = frameNumber(this.source, moment);
    this.timeline.showMoment(moment);
    this.redraw();
  }

  stateChanged(playing) {
    byId("play").classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  toggle(track, shown) { this.source.visible[track] = shown ? 1 : 0; this.visibleChanged(); }

  only(track) { this.source.visible.fill(0); this.toggle(track, true); }

  setAll(value) { this.source.visible.fill(value); this.visibleChanged(); }

  visibleChanged() {
    this.counts = countsOf(this.source);
    this.heat = heatImage(this.source);
    this.heatStale = true;
    this.timeline.showVisible();
    this.tracks.showVisible();
    this.redraw();
  }

  nextError(way, kind = null) {
    const { events } = this.source;
    let best = null;
    for (let i = 0; i < (events?.length ?? 0); i++) {
      const at = events.first[i];
      if ((kind === null ? this.errors.kinds.has(events.kind[i]) : events.kind[i] === kind) && way * (at - this.moment) > 0 && (best === null || way * (at - best) < 0)) best = at;
    }
    if (best !== null) this.seek(best);
  }

  // At most once per screen refresh, however much changed.
  redraw() {
    if (this.waiting || !this.source) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      drawOverlay(byId("overlay"), this.source, this.moment, this.show, this.heat);
      drawCounts(byId("counts"), this.source, this.counts, this.moment);
      if (this.heatStale) drawHeat(byId("heat"), this.source, this.heat, this.scene);
      this.heatStale = false;
    });
  }

  pressed(event) {
    const target = event.target, typing = target.matches?.("input:not([type=checkbox]):not([type=range]), select, dialog *");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const presses = event.key === " " && target.matches?.("button, input");
    const stride = event.shiftKey ? 10 : 1;
    const act = {
      " ": () => this.playOrPause(),
      ArrowLeft: () => this.seek(this.moment - stride),
      ArrowRight: () => this.seek(this.moment + stride),
      Home: () => this.seek(0),
      End: () => this.seek(this.source.frames - 1),
      e: () => this.nextError(1),
      E: () => this.nextError(-1),
      a: () => this.setAll(1),
      "+": () => this.timeline.setZoom(this.timeline.zoom + 1),
      "=": () => this.timeline.setZoom(this.timeline.zoom + 1),
      "-": () => this.timeline.setZoom(this.timeline.zoom - 1),
      "?": () => byId("keys").showModal(),
    }[event.key];
    if (!act || presses) return;
    event.preventDefault();
    act();
  }
}

const model = JSON.parse(byId("model").textContent);
byId("run").textContent = model.sources.length > 1 ? model.run : model.sources[0].name;
byId("source").append(...model.sources.map((source, n) => element("option", { value: n }, source.name)));
byId("source-label").hidden = model.sources.length < 2;
if (model.scores) scoreTables(model.scores);
new App(model).open(0).catch((error) => { byId("facts").textContent = `This page cannot be shown: ${error.message}`; throw error; });
