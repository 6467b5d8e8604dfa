// Boxes, labels, trails and errors of one moment, drawn over the video.

const TRAIL_SECONDS = 2;

function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#000" : "#fff";
}

// `under` draws below everything else.
function drawOverlay(canvas, source, moment, show, heat, under = null, picked = -1) {
  const ratio = fit(canvas), ink = canvas.getContext("2d");
  const scale = canvas.width / source.size[0] / BOX_STEPS, lines = canvas.height / source.size[1] / BOX_STEPS;
  ink.clearRect(0, 0, canvas.width, canvas.height);
  under?.(ink, scale * BOX_STEPS, lines * BOX_STEPS, ratio);
  if (show.heat && heat) { ink.globalAlpha = 0.75; ink.drawImage(heat, 0, 0, canvas.width, canvas.height); ink.globalAlpha = 1; }
  const { rows, visible, tracks } = source, { starts, order } = source.byMoment;
  const from = starts[moment], to = starts[moment + 1];
  if (source.drawn) mask(ink, source, from, to, scale, lines, ratio);
  if (show.trails) {
    const oldest = moment - TRAIL_SECONDS * source.rate;
    ink.lineWidth = 2 * ratio; ink.lineJoin = "round";
    for (let n = from; n < to; n++) {
      const row = order[n], track = rows.track[row];
      if (!visible[track]) continue;
      ink.strokeStyle = tracks.colors[track]; ink.globalAlpha = 0.8; ink.beginPath();
      // Rows of a track are adjacent, ordered by time.
      for (let i = row; i >= 0 && rows.track[i] === track && rows.moment[i] >= oldest; i--) {
        ink.lineTo((rows.left[i] + rows.width[i] / 2) * scale, (rows.top[i] + rows.height[i]) * lines);
      }
      ink.stroke();
    }
    ink.globalAlpha = 1;
  }
  for (let n = from; n < to; n++) {
    const row = order[n], track = rows.track[row];
    if (!visible[track]) continue;
    const color = tracks.colors[track];
    const x = rows.left[row] * scale, y = rows.top[row] * lines, w = rows.width[row] * scale, h = rows.height[row] * lines;
    if (show.boxes) { ink.lineWidth = (track === picked ? 4 : 2) * ratio; ink.strokeStyle = color; ink.strokeRect(x, y, w, h); }
    if (show.errors && rows.wrong && rows.wrong[row]) mark(ink, x, y, w, h, ratio, cssColor("--false"), []);
    if (show.labels) tag(ink, String(tracks.ids[track]), x, y, color, inkOn(color), ratio);
  }
  if (show.errors && source.hasTruth) drawMisses(ink, source, moment, scale, lines, ratio);
}

// A drawn video contains the boxes of hidden identities: they can only be masked.
function mask(ink, source, from, to, scale, lines, ratio) {
  const { rows, visible, byMoment: { order } } = source, edge = 3 * ratio;
  ink.fillStyle = "rgb(20 22 27 / 82%)";
  for (let n = from; n < to; n++) {
    const row = order[n];
    if (visible[rows.track[row]]) continue;
    ink.fillRect(rows.left[row] * scale - edge, rows.top[row] * lines - edge, rows.width[row] * scale + 2 * edge, rows.height[row] * lines + 2 * edge);
  }
}

function drawMisses(ink, source, moment, scale, lines, ratio) {
  const { missed, missedByMoment: { starts, order } } = source, color = cssColor("--miss");
  for (let n = starts[moment]; n < starts[moment + 1]; n++) {
    const row = order[n], x = missed.left[row] * scale, y = missed.top[row] * lines;
    mark(ink, x, y, missed.width[row] * scale, missed.height[row] * lines, ratio, color, [6 * ratio, 5 * ratio]);
    tag(ink, `missed ${source.truth.people[missed.person[row]]}`, x, y, color, "#fff", ratio);
  }
}

function mark(ink, x, y, w, h, ratio, color, dashes) {
  ink.save();
  ink.setLineDash(dashes); ink.lineWidth = 2 * ratio; ink.strokeStyle = color;
  ink.globalAlpha = 0.18; ink.fillStyle = color; ink.fillRect(x, y, w, h);
  ink.globalAlpha = 1; ink.strokeRect(x, y, w, h);
  ink.restore();
}

// The track of the smallest box shown at a point of the source, or -1.
function trackAt(source, moment, [x, y]) {
  const { rows, visible, byMoment: { starts, order } } = source;
  let best = -1, least = Infinity;
  for (let n = starts[moment]; n < starts[moment + 1]; n++) {
    const row = order[n], left = rows.left[row] / BOX_STEPS, top = rows.top[row] / BOX_STEPS, w = rows.width[row] / BOX_STEPS, h = rows.height[row] / BOX_STEPS;
    if (visible[rows.track[row]] && left <= x && x <= left + w && top <= y && y <= top + h && w * h < least) { least = w * h; best = rows.track[row]; }
  }
  return best;
}

function cssColor(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
