// The identities shown as files, without a server: rows as CSV, a contact sheet, a clip as the browser records it.

const TILE_PX = { width: 132, height: 150 };
const CLIP_TAIL_MS = 300;
const CLIP_TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];

class Exports {
  constructor(app) {
    this.app = app;
    byId("save-csv").addEventListener("click", () => this.csv());
    byId("save-sheet").addEventListener("click", () => this.sheet());
    byId("save-clip").addEventListener("click", () => (this.recorder ? this.stop() : this.clip()));
  }

  get shown() { return this.app.source.tracks.ids.flatMap((_, track) => (this.app.source.visible[track] ? [track] : [])); }

  name(ending) {
    const { source } = this.app, ids = this.shown.map((track) => source.tracks.ids[track]);
    const which = ids.length < source.tracks.ids.length ? `.${selectionText(ids).slice(0, 40)}` : "";
    return `${source.name}${which}.${ending}`;
  }

  note(text) { byId("export-note").textContent = text; }

  csv() {
    const { source } = this.app, { rows, byTrack: { starts }, tracks } = source, lines = ["frame,seconds,id,left,top,width,height,score"], px = (value) => +(value / BOX_STEPS).toFixed(3);
    const wanted = this.shown.flatMap((track) => Array.from({ length: starts[track + 1] - starts[track] }, (_, n) => starts[track] + n));
    wanted.sort((a, b) => rows.moment[a] - rows.moment[b] || rows.track[a] - rows.track[b]);
    for (const row of wanted) {
      const at = rows.moment[row];
      lines.push([frameNumber(source, at), source.times[at].toFixed(3), tracks.ids[rows.track[row]], px(rows.left[row]), px(rows.top[row]), px(rows.width[row]), px(rows.height[row]), rows.score[row] / SCORE_STEPS].join(","));
    }
    saveFile(this.name("csv"), `${lines.join("\n")}\n`, "text/csv");
  }

  async sheet() {
    const { source } = this.app, { tracks } = source, shown = this.shown;
    if (!shown.length) { this.note("No identity is shown."); return; }
    const columns = Math.min(8, Math.ceil(Math.sqrt(shown.length * 1.6))), { width, height } = TILE_PX;
    const canvas = document.createElement("canvas"), ink = canvas.getContext("2d");
    canvas.width = columns * width + 12; canvas.height = Math.ceil(shown.length / columns) * height + 44;
    ink.fillStyle = "#fff"; ink.fillRect(0, 0, canvas.width, canvas.height);
    ink.fillStyle = "#14171f"; ink.font = "600 15px system-ui, sans-serif"; ink.fillText(`${source.name}: ${shown.length} identities`, 12, 26, canvas.width - 24);
    const images = await Promise.all(shown.map((track) => loadImage(tracks.thumbnails[track])));
    shown.forEach((track, n) => {
      const x = 12 + (n % columns) * width, y = 40 + Math.floor(n / columns) * height, image = images[n];
      ink.fillStyle = "#eef0f4"; ink.fillRect(x, y, width - 12, 104);
      if (image) ink.drawImage(image, x + (width - 12 - image.width) / 2, y + (104 - image.height) / 2);
      ink.fillStyle = tracks.colors[track]; ink.fillRect(x, y + 104, width - 12, 4);
      ink.fillStyle = "#14171f"; ink.font = "600 13px system-ui, sans-serif"; ink.fillText(String(tracks.ids[track]), x, y + 124);
      ink.fillStyle = "#5b6474"; ink.font = "12px system-ui, sans-serif"; ink.fillText(`${clockText(source.times[source.parts[track][0]])}, ${secondsText(tracks.lengths[track] / source.rate)}`, x, y + 139, width - 14);
    });
    saveFile(this.name("png"), await new Promise((done) => canvas.toBlob(done, "image/png")));
  }

  // From the first to the last appearance of the identities shown, as the stage shows them.
  async clip() {
    const { app } = this, { source, player } = app, shown = this.shown, type = CLIP_TYPES.find((each) => window.MediaRecorder?.isTypeSupported(each));
    if (!type) { this.note("This browser records no video."); return; }
    if (!shown.length) { this.note("No identity is shown."); return; }
    const first = Math.min(...shown.map((track) => source.parts[track][0])), last = Math.max(...shown.map((track) => source.parts[track].at(-1)));
    const canvas = document.createElement("canvas"), scale = Math.min(1, 1280 / source.size[0]), even = (value) => 2 * Math.max(1, Math.round(value / 2));
    canvas.width = even(source.size[0] * scale); canvas.height = even(source.size[1] * scale);
    const ink = canvas.getContext("2d"), video = byId("video");
    const paint = () => {
      ink.fillStyle = "#000"; ink.fillRect(0, 0, canvas.width, canvas.height);
      if (!video.hidden) ink.drawImage(video, 0, 0, canvas.width, canvas.height);
      ink.drawImage(byId("overlay"), 0, 0, canvas.width, canvas.height);
    };
    app.seek(first);
    paint();
    let stream;
    try { stream = canvas.captureStream(); } catch { this.note("The browser lets no page record a video beside it: write the report with --embed."); return; }
    const parts = [], recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 6e6 });
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      this.recorder = null;
      byId("save-clip").textContent = "Record clip";
      this.note("");
      player.pause();
      saveFile(this.name(type.startsWith("video/mp4") ? "mp4" : "webm"), new Blob(parts, { type: type.split(";")[0] }));
    };
    this.recorder = recorder;
    byId("save-clip").textContent = "Stop";
    if (!video.hidden) await new Promise((done) => { if (video.seeking) video.addEventListener("seeked", done, { once: true }); else done(); });
    await new Promise((done) => { recorder.onstart = done; recorder.start(); });
    await player.play();
    let ending = false;
    const step = () => {
      if (recorder.state !== "recording") return;
      paint();
      this.note(`Recording: ${Math.round(100 * (app.moment - first) / Math.max(1, last - first))} %`);
      if (!ending && (app.moment >= last || (app.moment > first && !player.playing))) {
        ending = true;
        setTimeout(() => this.stop(), CLIP_TAIL_MS); // the encoder is behind
      }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() { if (this.recorder?.state === "recording") this.recorder.stop(); }
}

function loadImage(address) {
  if (!address) return null;
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => done(null);
    image.src = address;
  });
}
