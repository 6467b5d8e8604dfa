// The application: which source, moment and identities are shown, and what is redrawn when they change.

const DOCK_FRACTION = 0.25; // of the video out of sight

function byId(id) { return document.getElementById(id); }

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const SHOWN = ["boxes", "labels", "trails", "places", "heat", "errors"];

// The player stays in sight: where a part of its place leaves the window, it is docked at the top, smaller. The place keeps its
// height, so that nothing moves under the pointer.
class Dock {
  constructor() {
    this.place = byId("player-place");
    this.player = byId("player");
    const look = () => requestAnimationFrame(() => this.look());
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
  }

  look() {
    const box = this.place.getBoundingClientRect(), docked = this.player.classList.contains("docked");
    if (!docked) this.hidden = byId("stage").offsetHeight * DOCK_FRACTION;
    const due = box.top < -this.hidden;
    if (due === docked) return;
    this.place.style.height = due ? `${box.height}px` : "";
    this.player.classList.toggle("docked", due);
    document.documentElement.style.scrollPaddingTop = due ? `${this.player.offsetHeight + 12}px` : "";
  }
}

class App {
  constructor(model) {
    this.model = model;
    this.moment = 0;
    this.timeline = new Timeline(this);
    this.tracks = new TrackTable(this);
    this.errors = new ErrorList(this);
    this.refinement = new RefinementTable(this);
    this.dwell = new Dwell(this);
    this.places = new Places(this);
    this.second = new SecondView(this);
    this.exports = new Exports(this);
    this.links = new Links(this);
    this.dock = new Dock();
    this.picked = -1;
    this.show = {};
    for (const name of SHOWN) {
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
    byId("stage").addEventListener("click", (event) => this.stageClicked(event));
    byId("sound").addEventListener("click", () => this.switchSound());
    byId("previous-part").addEventListener("click", () => this.appearance(-1));
    byId("next-part").addEventListener("click", () => this.appearance(1));
    byId("person-only").addEventListener("click", () => this.only(this.picked));
    byId("floor").addEventListener("change", () => { this.heatStale = true; this.redraw(); });
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
    this.picked = -1;
    source.errorCounts = KINDS.map(() => 0);
    for (let i = 0; i < source.events.length; i++) source.errorCounts[source.events.kind[i]] += source.events.last[i] - source.events.first[i] + 1;
    document.body.classList.toggle("is-judged", source.kinds.size > 0);
    await this.second.load(this.model.sources[number]);
    byId("facts").textContent = `${this.model.sources.length > 1 ? source.name : `run ${this.model.run}`} · ${source.size[0]} × ${source.size[1]} · ${source.rate.toFixed(2).replace(/\.?0+$/, "")} frames/s · ${clockText(source.frames / source.rate)}`;
    byId("tiles").replaceChildren(...tiles(source, this.model.scores, this.second.source));
    byId("source").value = number;
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
    for (const name of ["boxes", "labels", "trails", "places"]) byId(`show-${name}`).checked = !source.drawn;
    for (const name of SHOWN) this.show[name] = byId(`show-${name}`).checked;
    this.timeline.load(source);
    this.tracks.load(source);
    this.refinement.load(source);
    if (source.kinds.size) this.errors.load(source);
    this.places.load(source);
    this.pick(-1);
    this.visibleChanged();
    this.player.seek(0);
    await this.links.follow();
    document.body.dataset.ready = source.name;
  }

  openVideo(number) {
    const { source } = this, video = byId("video"), address = videoAddress(source);
    byId("stage").style.aspectRatio = `${source.size[0]} / ${source.size[1]}`;
    document.body.style.setProperty("--shape", source.size[0] / source.size[1]);
    const onMoment = (moment) => this.momentChanged(moment), onState = (playing) => this.stateChanged(playing);
    video.hidden = !address;
    byId("sound").hidden = !address || !source.sound;
    this.stageNote = "";
    if (!address) {
      video.removeAttribute("src");
      this.player = new ClockPlayer(source, onMoment, onState);
      this.stageNote = "No video; boxes only.";
    } else {
      video.onerror = () => { byId("stage-note").textContent = `The video cannot be played (${source.video.href ?? "embedded"}).`; };
      video.src = address;
      this.player = new VideoPlayer(video, source, onMoment, onState);
      if (source.drawn) this.stageNote = "Boxes are drawn into this video; hidden identities are masked.";
    }
    byId("stage-note").textContent = this.stageNote;
    this.player.speed(Number(byId("speed").value));
    this.stateChanged(false);
  }

  switchSound() {
    const video = byId("video");
    video.muted = !video.muted;
    byId("sound").setAttribute("aria-pressed", !video.muted);
    byId("sound").textContent = video.muted ? "Unmute" : "Mute";
  }

  // On a person: only that one, and at the second click all again. Elsewhere: play or pause.
  stageClicked(event) {
    if (this.places.swallow()) return;
    const track = trackAt(this.source, this.moment, this.places.at(event));
    if (track < 0) { this.playOrPause(); return; }
    this.pick(track);
    this.only(track);
  }

  seek(moment) { this.player.seek(Math.max(0, Math.min(this.source.frames - 1, moment))); }

  playOrPause() { if (this.player.playing) this.player.pause(); else this.player.play(); }

  momentChanged(moment) {
    this.moment = moment;
    byId("scrub").value = moment;
    byId("scrub").setAttribute("aria-valuetext", `frame ${frameNumber(this.source, moment)}`);
    byId("where").textContent = `${frameNumber(this.source, moment)} · ${clockText(this.source.times[moment])}`;
    document.body.dataset.frame = frameNumber(this.source, moment);
    document.body.style.setProperty("--at", (moment + 0.5) / this.source.frames);
    this.timeline.showMoment(moment);
    this.links.changed();
    if (byId("floor").value === "paths") this.heatStale = true;
    this.redraw();
  }

  stateChanged(playing) {
    byId("play").classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    if (!playing) this.links.changed();
  }

  toggle(track, shown) { this.source.visible[track] = shown ? 1 : 0; this.visibleChanged(); }

  // Only this identity; if it is alone already, all again.
  only(track) {
    const { visible } = this.source, alone = visible[track] && visible.reduce((a, b) => a + b, 0) === 1;
    if (alone) this.setAll(1); else this.showOnly([track]);
  }

  showOnly(tracks) {
    this.source.visible.fill(0);
    for (const track of tracks) this.source.visible[track] = 1;
    this.visibleChanged();
  }

  // The identity that the panel under the video speaks of; -1: none.
  pick(track) {
    const { tracks, parts, rate } = this.source;
    this.picked = track;
    byId("person-buttons").hidden = track < 0;
    if (track < 0) byId("person").textContent = "Click a person to see only that one.";
    else {
      const count = parts[track].length / 2;
      byId("person").replaceChildren(element("span", { class: "swatch", style: `background:${tracks.colors[track]}` }), element("b", {}, `Identity ${tracks.ids[track]}`),
        ` frames ${tracks.first[track]}–${tracks.last[track]}, ${secondsText(tracks.lengths[track] / rate)}, ${count} appearance${count > 1 ? "s" : ""}`);
      this.timeline.reveal(track);
    }
    this.showPicked();
  }

  showPicked() {
    const { visible } = this.source;
    byId("person-only").setAttribute("aria-pressed", this.picked >= 0 && Boolean(visible[this.picked]) && visible.reduce((a, b) => a + b, 0) === 1);
    this.heatStale = true;
    this.timeline.showVisible();
    this.tracks.showVisible();
    this.redraw();
  }

  // The start of the next part of the picked identity's track, or of the one before.
  appearance(way) {
    const starts = this.picked < 0 ? [] : this.source.parts[this.picked].filter((_, i) => i % 2 === 0);
    const at = way > 0 ? starts.find((start) => start > this.moment) : starts.findLast((start) => start < this.moment);
    if (at !== undefined) this.seek(at);
  }

  setAll(value) { this.source.visible.fill(value); this.visibleChanged(); }

  visibleChanged() {
    this.counts = countsOf(this.source);
    this.heat = heatImage(this.source);
    this.second.followVisible(this.source);
    this.dwell.fill();
    this.links.changed();
    this.showPicked();
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
      const places = this.show.places || this.places.drawing ? (ink, scale, lines, ratio) => this.places.draw(ink, scale, lines, ratio) : null;
      drawOverlay(byId("overlay"), this.source, this.moment, this.show, this.heat, places, this.picked);
      this.second.draw(this.moment, this.show, this.scene);
      drawCounts(byId("counts"), this.source, this.counts, this.moment);
      if (this.heatStale) this.drawFloor();
      this.heatStale = false;
    });
  }

  drawFloor() {
    const paths = byId("floor").value === "paths";
    byId("heat").setAttribute("aria-label", paths ? "Paths of the identities shown, on the first frame" : "Heat map of positions");
    if (paths) drawPaths(byId("heat"), this.source, this.scene, this.moment, this.picked);
    else drawHeat(byId("heat"), this.source, this.heat, this.scene);
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
      n: () => this.appearance(1),
      p: () => this.appearance(-1),
      m: () => byId("sound").hidden || this.switchSound(),
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
const app = new App(model);
app.open(app.links.source()).catch((error) => { byId("facts").textContent = `This page cannot be shown: ${error.message}`; throw error; });
