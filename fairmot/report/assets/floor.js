// Paths of the people shown on the first frame, seen as a floor plan of ground points; and how long they stayed.

function drawPaths(canvas, source, scene, moment, picked) {
  canvas.style.aspectRatio = `${source.size[0]} / ${source.size[1]}`;
  const ratio = fit(canvas), ink = canvas.getContext("2d");
  const scale = canvas.width / source.size[0] / BOX_STEPS, lines = canvas.height / source.size[1] / BOX_STEPS;
  drawScene(canvas, ink, scene);
  const { rows, byTrack: { starts }, tracks, visible } = source;
  const x = (row) => (rows.left[row] + rows.width[row] / 2) * scale, y = (row) => Math.min(canvas.height, (rows.top[row] + rows.height[row]) * lines);
  ink.lineJoin = "round";
  tracks.ids.forEach((_, track) => {
    if (!visible[track]) return;
    ink.strokeStyle = ink.fillStyle = tracks.colors[track];
    ink.lineWidth = (track === picked ? 3 : 1.5) * ratio; ink.globalAlpha = picked < 0 || track === picked ? 0.9 : 0.45;
    ink.beginPath();
    for (let row = starts[track]; row < starts[track + 1]; row++) {
      // A gap is no path: nobody knows where the person was.
      if (row > starts[track] && rows.moment[row] - rows.moment[row - 1] > source.rate) ink.moveTo(x(row), y(row)); else ink.lineTo(x(row), y(row));
    }
    ink.stroke();
    ink.beginPath(); ink.arc(x(starts[track]), y(starts[track]), 2.5 * ratio, 0, 7); ink.fill();
  });
  ink.globalAlpha = 1;
  const { order, starts: begins } = source.byMoment;
  for (let n = begins[moment]; n < begins[moment + 1]; n++) {
    const row = order[n], track = rows.track[row];
    if (!visible[track]) continue;
    ink.beginPath(); ink.arc(x(row), y(row), 5 * ratio, 0, 7); ink.fillStyle = tracks.colors[track]; ink.fill();
    ink.strokeStyle = "#fff"; ink.lineWidth = 1.5 * ratio; ink.stroke();
  }
}

function drawScene(canvas, ink, scene) {
  ink.fillStyle = "#14161b"; ink.fillRect(0, 0, canvas.width, canvas.height);
  if (!scene) return;
  ink.globalAlpha = 0.42; ink.filter = "grayscale(1)"; ink.drawImage(scene, 0, 0, canvas.width, canvas.height); ink.filter = "none"; ink.globalAlpha = 1;
}

const DWELL_BARS = 12;

class Dwell {
  constructor(app) {
    this.app = app;
    byId("dwell-where").addEventListener("change", () => this.fill());
    byId("dwell").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) { app.pick(Number(button.dataset.track)); app.seek(app.source.parts[Number(button.dataset.track)][0]); }
    });
  }

  offer(places) {
    this.zones = places.filter((place) => place.kind === "zone" && place.counted);
    const before = byId("dwell-where").value;
    byId("dwell-where").replaceChildren(element("option", { value: "-1" }, "in view"), ...this.zones.map((zone, n) => element("option", { value: n }, zone.name)));
    byId("dwell-where").value = this.zones[before] ? before : "-1";
    this.fill();
  }

  // Moments that each track stayed.
  stays() {
    const { source } = this.app, zone = this.zones[Number(byId("dwell-where").value)];
    return zone ? zone.counted.stays : source.tracks.ids.map((_, n) => source.byTrack.starts[n + 1] - source.byTrack.starts[n]);
  }

  fill() {
    const { source } = this.app, seconds = [], tracks = [];
    this.stays().forEach((stay, track) => { if (stay && source.visible[track]) { seconds.push(stay / source.rate); tracks.push(track); } });
    if (!seconds.length) { byId("dwell").replaceChildren(element("p", { class: "note" }, "Nobody.")); return; }
    const sorted = [...seconds].sort((a, b) => a - b), longest = sorted[sorted.length - 1], middle = sorted.length >> 1;
    const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    const step = niceStep(longest, DWELL_BARS / 1.5), bars = new Array(Math.max(1, Math.ceil(longest / step - 1e-9))).fill(0);
    for (const each of seconds) bars[Math.min(bars.length - 1, Math.floor(each / step))]++;
    const mean = seconds.reduce((a, b) => a + b, 0) / seconds.length;
    const text = `${seconds.length} ${seconds.length === 1 ? "identity" : "identities"}: median ${secondsText(median)}, mean ${secondsText(mean)}, longest ${secondsText(longest)}`;
    const most = Math.max(...bars), chart = element("div", { class: "bars", role: "img", "aria-label": `Histogram of dwell times. ${text}` });
    bars.forEach((count, n) => chart.append(element("span", { class: "bar-column", title: `${count} of ${secondsText(n * step)} to ${secondsText((n + 1) * step)}` },
      element("i", { style: `height:${100 * count / most}%` }), element("small", {}, n % Math.ceil(bars.length / 6) ? "" : secondsText(n * step)))));
    const top = tracks.map((track, n) => [seconds[n], track]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 5);
    const list = element("p", { class: "longest" }, "Longest: ", ...top.map(([each, track]) => element("button", { type: "button", class: "chip", "data-track": track }, `${source.tracks.ids[track]} `, element("b", {}, secondsText(each)))));
    byId("dwell").replaceChildren(element("p", { class: "note", id: "dwell-text" }, text), chart, list);
  }
}

function secondsText(seconds) {
  return seconds < 60 ? `${+seconds.toFixed(seconds < 10 ? 1 : 0)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
