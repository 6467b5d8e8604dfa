// Counts at lines and in zones over time, by the rules of crossings.py: whoever is beyond a line by the margin, on a path
// through the line itself, has crossed it. Lines and zones are { kind, name, points, color, drawn }, points in pixels.

// The point of each row that counts, moved into the image.
function countedPoints(source, anchor) {
  const { rows, size } = source, x = new Float64Array(rows.length), y = new Float64Array(rows.length);
  const lower = anchor === "centre" ? 0.5 : 1;
  for (let i = 0; i < rows.length; i++) {
    x[i] = Math.max(0, Math.min(size[0] - 1, (rows.left[i] + rows.width[i] / 2) / BOX_STEPS));
    y[i] = Math.max(0, Math.min(size[1] - 1, (rows.top[i] + lower * rows.height[i]) / BOX_STEPS));
  }
  return { x, y };
}

// Crossings [{ moment, track, way }] in the order of time; way 1: to the left-hand side, in; -1: out.
function crossingsOf(source, line, anchor, margin) {
  const [[x1, y1], [x2, y2]] = line.points, length = Math.hypot(x2 - x1, y2 - y1), along = [(x2 - x1) / length, (y2 - y1) / length];
  const off = (x, y) => (x - x1) * along[1] - (y - y1) * along[0], way = (x, y) => (x - x1) * along[0] + (y - y1) * along[1];
  const [w, h] = source.size, corners = [off(0, 0), off(w - 1, 0), off(0, h - 1), off(w - 1, h - 1)];
  const reach = { 1: Math.max(0, ...corners), "-1": Math.max(0, ...corners.map((each) => -each)) };
  const { x, y } = countedPoints(source, anchor), { rows } = source, found = [];
  let track = -1, side = 0, passed = 0, last = null;
  for (let i = 0; i < rows.length; i++) { // rows are by track, then by time
    const place = [off(x[i], y[i]), way(x[i], y[i])], now = Math.sign(place[0]);
    if (rows.track[i] !== track) { track = rows.track[i]; side = 0; passed = 0; last = null; }
    if (now === 0) continue; // on the line itself somebody is on neither side
    if (!last) { last = place; side = now; continue; }
    if (Math.sign(last[0]) !== now) {
      const where = last[1] + last[0] / (last[0] - place[0]) * (place[1] - last[1]);
      if (where >= 0 && where <= length) passed += now;
    }
    last = place;
    const wanted = margin ? Math.max(margin * rows.height[i] / BOX_STEPS, SHORTEST_PX) : 0;
    if (Math.abs(place[0]) <= Math.min(wanted, reach[now] / 2)) continue;
    if (now !== side) { if (passed) found.push({ moment: rows.moment[i], track, way: now }); side = now; }
    passed = 0;
  }
  return found.sort((a, b) => a.moment - b.moment || b.way - a.way || a.track - b.track);
}

function isInside(points, x, y) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [xi, yi] = points[i], [xj, yj] = points[j];
    const area = (x - xi) * (yj - yi) - (y - yi) * (xj - xi); // 0: on the edge's line
    if (Math.abs(area) < 1e-9 && (x - xi) * (x - xj) <= 0 && (y - yi) * (y - yj) <= 0) return true;
    if (yi > y !== yj > y && x < (xj - xi) * (y - yi) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

// How many are inside at each moment, and for how many moments each track is.
function presenceIn(source, zone, anchor) {
  const { x, y } = countedPoints(source, anchor), { rows } = source;
  const counts = new Uint16Array(source.frames), stays = new Uint32Array(source.tracks.ids.length);
  for (let i = 0; i < rows.length; i++) {
    if (!isInside(zone.points, x[i], y[i])) continue;
    counts[rows.moment[i]]++; stays[rows.track[i]]++;
  }
  return { counts, stays };
}

function countPlace(source, place, anchor, margin) {
  if (place.kind === "line") {
    const crossings = crossingsOf(source, place, anchor, margin), total = (way) => crossings.filter((each) => each.way === way).length;
    const came = new Uint16Array(source.frames), went = new Uint16Array(source.frames);
    for (const { moment, way } of crossings) (way > 0 ? came : went)[moment]++;
    for (let i = 1; i < source.frames; i++) { came[i] += came[i - 1]; went[i] += went[i - 1]; }
    return { crossings, series: { in: came, out: went }, text: `${total(1)} in, ${total(-1)} out` };
  }
  const { counts, stays } = presenceIn(source, place, anchor);
  let most = 0, sum = 0;
  for (const count of counts) { most = Math.max(most, count); sum += count; }
  const visitors = stays.reduce((n, stay) => n + (stay > 0), 0);
  return {
    stays, series: { inside: counts },
    text: `${visitors} ${visitors === 1 ? "identity" : "identities"}, at most ${most} at once, ${(sum / source.frames).toFixed(2)} on average`,
  };
}
